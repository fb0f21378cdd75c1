"""How the picture of an account is divided, and how high it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lambdacore.plot._display import ConcurrencyDisplay

__all__ = ["Band", "bands", "natural_height", "natural_throttle_height"]


class Band(NamedTuple):
    """A pool as it lies in the picture."""

    rows: list[int]
    base: int
    capacity: int
    #: "reserved", "provisioned" or "shared".
    kind: str
    #: How much of a reservation is provisioned; 0 otherwise.
    ready: int = 0

    @property
    def shared(self) -> bool:
        """Whether it is the pool of all who have none of their own."""
        return self.kind == "shared"


def bands(display: ConcurrencyDisplay) -> list[Band]:
    """Divide the limit as the account does: pools of one from the bottom, the rest on top."""
    found: list[Band] = []
    base, shared = 0, []
    for row, holds in enumerate(zip(display.reserved, display.provisioned, strict=True)):
        reserved, provisioned = holds
        if reserved is not None:
            found.append(Band([row], base, reserved, "reserved", provisioned or 0))
        elif provisioned is not None:
            found.append(Band([row], base, provisioned, "provisioned"))
        else:
            shared.append(row)
            continue
        base += found[-1].capacity
    return [*found, Band(shared, base, max(display.concurrency_limit - base, 0), "shared")]


def natural_height(display: ConcurrencyDisplay) -> float:
    """Choose the upper end of the scale: the limit, unless the traffic is far below it."""
    shared = bands(display)[-1]
    highest = shared.base + int(display.concurrency[shared.rows].sum(axis=0).max(initial=0))
    limit = display.concurrency_limit
    return 1.35 * highest if 0 < highest < limit / 4 else 1.1 * max(limit, highest, 1)


def natural_throttle_height(display: ConcurrencyDisplay) -> float:
    """Choose the upper end of the scale of the throttles."""
    return 1.08 * float(max(display.throttles.sum(axis=0).max(initial=0), 1))
