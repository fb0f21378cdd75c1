"""What was configured when: provisioned concurrency and aliases, as they changed in a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lambdacore.account import Account

if TYPE_CHECKING:
    import numpy.typing as npt

    from lambdacore import _core

    Ints = npt.NDArray[np.int64]

__all__ = ["History", "Steps"]


class Steps(NamedTuple):
    """Values over time; each holds from its instant on, the first from the beginning."""

    at: Ints
    value: Ints

    def on(self, instants: Ints) -> Ints:
        """Value at each instant, changes of that instant included."""
        values: Ints = self.value[np.searchsorted(self.at[1:], instants, side="right")]
        return values


class History:
    """The configuration of a run over time, read off its timeline once."""

    def __init__(self, account: Account, timeline: _core.Timeline | None) -> None:
        self._engine = account._engine
        #: Whether the account's limit changes.
        self.limit_changes = False
        self._steps: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for version, size in self._engine.provisioned():
            self._steps["requested", version] = [(0, size)]
            self._steps["available", version] = [(0, size)]
        changes = timeline.changes() if timeline else []
        for at, what, index, value, available in changes:
            if what == "provisioned":
                self._add("requested", index, at, value or 0, 0)
                self._add("available", index, at, available, 0)
            elif what == "limit":
                self.limit_changes = True
            elif what == "alias":
                self._add("version", index, at, value or 0, self._engine.version_of(index))
            elif what == "reserved":
                declared = account.functions[index].reserved_concurrency
                now, before = int(value is not None), int(declared is not None)
                self._add("is reserved", index, at, now, before)

    def version(self, target: int) -> Steps:
        """Follow the version that a target means."""
        return self._of("version", target, self._engine.version_of(target))

    def available(self, version: int) -> Steps:
        """Follow what can be used of a version's provisioned concurrency."""
        return self._of("available", version, 0)

    def requested(self, versions: Iterable[int]) -> Steps:
        """Follow what is provisioned of some versions together."""
        each = [self._of("requested", version, 0) for version in versions]
        at = np.unique(np.concatenate([[0], *(steps.at for steps in each)])).astype(np.int64)
        total = np.zeros(len(at), dtype=np.int64)
        for steps in each:
            total += steps.on(at)
        return Steps(at, total)

    def is_reserved(self, row: int, before: bool) -> Steps:
        """Follow whether a function has a reservation; `before` is what it is declared with."""
        return self._of("is reserved", row, int(before))

    def _add(self, what: str, index: int, at: int, value: int, before: int) -> None:
        self._steps.setdefault((what, index), [(0, before)]).append((at, value))

    def _of(self, what: str, index: int, otherwise: int) -> Steps:
        steps = self._steps.get((what, index), [(0, otherwise)])
        at, value = np.array(steps, dtype=np.int64).T
        return Steps(at, value)
