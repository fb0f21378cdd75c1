"""The root of all draws: one number of 128 bits, however it is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from lambdacore.errors import ConfigurationError

__all__ = ["seed_of"]


def seed_of(rng: Any, argument: str = "rng") -> int:
    """Read a seed as numpy does.

    Parameters
    ----------
    rng : None, int, SeedSequence or Generator
        None takes fresh entropy of the system. An integer from 0 to 2^128 - 1 is the seed itself,
        so that a recorded seed gives the same again. Of a SeedSequence its state is taken; from a
        Generator one draw of 128 bits, which moves it on.

    Returns
    -------
    int

    Raises
    ------
    ConfigurationError
        Anything else.
    """
    if rng is None:
        return int.from_bytes(
            np.random.SeedSequence().generate_state(4).astype("<u4").tobytes(), "little"
        )
    if isinstance(rng, np.random.SeedSequence):
        return int.from_bytes(rng.generate_state(4).astype("<u4").tobytes(), "little")
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(16), "little")
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and 0 <= int(rng) < 2**128:
        return int(rng)
    raise ConfigurationError(
        f"{argument} = {rng!r}: None, an integer from 0 to 2^128 - 1, a numpy SeedSequence or a "
        "numpy Generator is needed",
        argument=argument,
    )
