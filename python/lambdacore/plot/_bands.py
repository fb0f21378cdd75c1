"""How the picture of an account is divided, and how high it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lambdacore.plot._display import ConcurrencyDisplay

__all__ = ["Band", "bands", "natural_height", "natural_throttle_height"]


class Band(NamedTuple):
    """A pool as it lies in the picture: a reservation, or the shared rest."""

    rows: list[int]
    base: int
    capacity: int
    reserved: bool


def bands(display: ConcurrencyDisplay) -> list[Band]:
    """Divide the limit as the account does: reservations from the bottom, the rest on top."""
    found, base, shared = [], 0, []
    for row, holds in enumerate(display.reserved):
        if holds is None:
            shared.append(row)
        else:
            found.append(Band([row], base, holds, True))
            base += holds
    return [*found, Band(shared, base, max(display.concurrency_limit - base, 0), False)]


def natural_height(display: ConcurrencyDisplay) -> float:
    """Choose the upper end of the scale: the limit, unless the traffic is far below it."""
    shared = [row for row, holds in enumerate(display.reserved) if holds is None]
    highest = int(display.concurrency[shared].sum(axis=0).max(initial=0))
    highest += sum(holds or 0 for holds in display.reserved)
    limit = display.concurrency_limit
    return 1.35 * highest if 0 < highest < limit / 4 else 1.1 * max(limit, highest, 1)


def natural_throttle_height(display: ConcurrencyDisplay) -> float:
    """Choose the upper end of the scale of the throttles."""
    return 1.08 * float(max(display.throttles.sum(axis=0).max(initial=0), 1))
