"""The live controller: what its counters say. The controller itself is the engine's.

>>> import lambdacore as lc
>>> account = lc.Account(functions=[lc.Function("checkout", reserved_concurrency=2)])
>>> controller = lc.AdmissionController(account)
>>> permit = controller.try_acquire("checkout")
>>> permit
<Permit of 'checkout': WARM>
>>> print(controller.snapshot())
pool                   limit  in use    peak  admitted  throttled
shared                   998       0       0
checkout reserved          2       1       1         1          0
>>> permit.release()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Self

from lambdacore import _text
from lambdacore._core import AdmissionController, Handle, Permit, Permits, Throttle
from lambdacore.errors import ConfigurationError

__all__ = [
    "AdmissionController",
    "FunctionSnapshot",
    "Handle",
    "Permit",
    "Permits",
    "PoolSnapshot",
    "Snapshot",
    "Throttle",
]

#: Functions that a printed snapshot shows.
_SHOWN = 20
#: Letters of the longest label, so that 80 columns are enough.
_LABEL = 34


@dataclass(frozen=True)
class PoolSnapshot:
    """A pool of permits.

    Attributes
    ----------
    limit : int
        How many permits there are.
    in_use : int
        How many are out: more than the limit for a while after that was lowered.
    peak : int
        The most that were out at once since the snapshot before.
    """

    limit: int
    in_use: int
    peak: int


@dataclass(frozen=True)
class FunctionSnapshot:
    """The counters of a function.

    Attributes
    ----------
    name : str
        Its name.
    reserved : PoolSnapshot or None
        Its reserved pool: what the reservation leaves beside provisioned concurrency. None
        where nothing is reserved and nothing runs on a former reservation.
    provisioned : mapping of str to PoolSnapshot
        By version, such as ``"1"``: those with provisioned environments, or with such as
        still run.
    admitted, throttled : int
        Invocations from the start; they never fall.
    """

    name: str
    reserved: PoolSnapshot | None
    provisioned: Mapping[str, PoolSnapshot] = field(hash=False)
    admitted: int
    throttled: int

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled.
        fields = (self.name, self.reserved, dict(self.provisioned), self.admitted, self.throttled)
        return type(self), fields

    def __post_init__(self) -> None:
        object.__setattr__(self, "provisioned", MappingProxyType(dict(self.provisioned)))


@dataclass(frozen=True, repr=False)
class Snapshot:
    """The counters of an `AdmissionController`, made by its `snapshot`.

    Each was read in one instant of the call, but not all in the same: what moves from one to
    another meanwhile may show in both or in neither. Printed, it is a table.

    Attributes
    ----------
    shared : PoolSnapshot
        The unreserved pool, which functions without a reservation share.
    functions : tuple of FunctionSnapshot
        In the order of the account; also by name, as ``snapshot["checkout"]``.
    """

    shared: PoolSnapshot
    functions: tuple[FunctionSnapshot, ...]

    @classmethod
    def _of(cls, shared: tuple[int, int, int], rows: list[tuple[Any, ...]]) -> Self:
        """Take what the engine has read."""

        def pool(counters: tuple[int, int, int] | None) -> PoolSnapshot | None:
            return None if counters is None else PoolSnapshot(*counters)

        functions = tuple(
            FunctionSnapshot(
                name,
                pool(reserved),
                {str(version): PoolSnapshot(*counters) for version, counters in provisioned},
                admitted,
                throttled,
            )
            for name, reserved, provisioned, admitted, throttled in rows
        )
        return cls(PoolSnapshot(*shared), functions)

    @property
    def in_use(self) -> int:
        """Permits that are out, of all pools."""
        return sum(counters.in_use for _, counters in self._pools())

    def __getitem__(self, name: str) -> FunctionSnapshot:
        for function in self.functions:
            if function.name == name:
                return function
        raise ConfigurationError(
            f"the snapshot has no function {name!r}"
            + _text.suggestion(name, [function.name for function in self.functions]),
            argument="function",
        )

    def _pools(self) -> Iterator[tuple[str, PoolSnapshot]]:
        yield "shared", self.shared
        for function in self.functions:
            if function.reserved is not None:
                yield f"{function.name} reserved", function.reserved
            for version, counters in function.provisioned.items():
                yield f"{function.name}:{version} provisioned", counters

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values."""
        return {
            "shared": asdict(self.shared),
            "functions": [
                {
                    "name": function.name,
                    "reserved": None if function.reserved is None else asdict(function.reserved),
                    "provisioned": {v: asdict(pool) for v, pool in function.provisioned.items()},
                    "admitted": function.admitted,
                    "throttled": function.throttled,
                }
                for function in self.functions
            ],
        }

    def __repr__(self) -> str:
        rows: list[tuple[str, ...]] = [("shared", *_counters(self.shared))]
        for function in self.functions[:_SHOWN]:
            totals = f"{function.admitted:,}", f"{function.throttled:,}"
            pools: list[tuple[str, PoolSnapshot | None]] = []
            pools += [(" reserved", function.reserved)] if function.reserved else []
            pools += [(f":{v} provisioned", pool) for v, pool in function.provisioned.items()]
            first, *others = pools or [("", None)]
            rows.append((f"{function.name}{first[0]}", *_counters(first[1]), *totals))
            rows += [(f"  {kind.strip()}", *_counters(pool)) for kind, pool in others]
        more = len(self.functions) - _SHOWN
        width = min(max(20, *(len(label) for label, *_ in rows)), _LABEL)
        lines = [_line(row, width) for row in [_HEADER, *rows]]
        return "\n".join(lines + [f"... and {more:,} more functions"] * (more > 0))


_HEADER = ("pool", "limit", "in use", "peak", "admitted", "throttled")


def _counters(pool: PoolSnapshot | None) -> tuple[str, str, str]:
    return (
        ("", "", "") if pool is None else (f"{pool.limit:,}", f"{pool.in_use:,}", f"{pool.peak:,}")
    )


def _line(row: tuple[str, ...], width: int) -> str:
    cells = zip(row[1:], (8, 8, 8, 10, 11), strict=False)
    label = _text.label(row[0], width)
    text = f"{label:{width}}" + "".join(f"{cell:>{space}}" for cell, space in cells)
    return text.rstrip()
