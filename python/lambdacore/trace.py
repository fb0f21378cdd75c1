"""Traffic: the columns of a trace, checked and sorted once, read-only ever after."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore.errors import TraceError

if TYPE_CHECKING:
    from lambdacore.readers.quality import DataQuality

__all__ = ["Trace"]

SECOND = 1_000_000_000
_END_OF_TIME = 2**63


class Trace:
    """Invocations of functions: when each arrives and how long its handler runs.

    Parameters
    ----------
    arrival : array_like, shape (n,)
        Time of each arrival, in any order, from a zero of your choice (an epoch is fine).
        Floats are **seconds**, rounded half to even to whole nanoseconds; integers are
        **nanoseconds**; ``datetime64`` counts from 1970. A float holds seconds since 1970
        to 238 ns only; integers and ``datetime64`` hold them exactly.
    function : str or array_like of str or of int, shape (n,)
        The function invoked, by name, or by index into `functions`. One name stands for all.
    duration : scalar or array_like, shape (n,)
        How long the handler runs, without init: float seconds, integer nanoseconds or
        ``timedelta64``. One value stands for all. Zero is legal: such a call counts at its
        instant and frees its permit before the next arrival at the same instant.
    functions : sequence of str, optional
        The functions' names, in the order of the indices. Without it, the names in the order
        in which they first occur in the input.

    Attributes
    ----------
    arrival, duration : ndarray of int64, shape (n,)
        Nanoseconds, sorted stably by arrival. Read-only.
    function : ndarray of uint32, shape (n,)
        Index into `functions`, in the same order. Read-only.
    functions : tuple of str
        The functions' names.
    order : ndarray of int64, shape (n,), or None
        ``order[i]`` is the row of the input that stands in row i; None if the input was
        sorted.
    quality : DataQuality or None
        What `read_trace` read and skipped; None for a trace made from arrays.

    Raises
    ------
    TraceError
        Times that are NaN, infinite, negative or end at 2^63 ns or later; columns whose
        lengths differ; an index beyond `functions`; a wrong dtype. The error names the
        argument and the first bad index.

    Notes
    -----
    The columns are copied, once: a trace owns them, so nothing can change under a run.
    Any byte order and stride is accepted.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.Trace(arrival=[0.0, 0.5], function=["checkout", "reports"], duration=[0.2, 1.5])
    <Trace: 2 invocations of 2 functions in 0 s .. 0.5 s>
    """

    __slots__ = ("_cache", "arrival", "duration", "function", "functions", "order", "quality")

    arrival: npt.NDArray[np.int64]
    function: npt.NDArray[np.uint32]
    duration: npt.NDArray[np.int64]
    functions: tuple[str, ...]
    order: npt.NDArray[np.int64] | None
    quality: DataQuality | None

    def __init__(
        self,
        arrival: npt.ArrayLike,
        function: str | Sequence[str] | npt.ArrayLike,
        duration: npt.ArrayLike,
        functions: Sequence[str] | None = None,
    ) -> None:
        at = _nanoseconds("arrival", arrival, "M")
        lasting = _column("duration", _nanoseconds("duration", duration, "m", scalar=True), len(at))
        index, names = _functions(function, functions, len(at))
        self._set(at, index, lasting, names, quality=None)

    @classmethod
    def _from_columns(
        cls,
        arrival: npt.NDArray[np.int64],
        function: npt.NDArray[np.uint32],
        duration: npt.NDArray[np.int64],
        functions: Sequence[str],
        quality: DataQuality | None = None,
    ) -> Self:
        """Take over fresh columns, which a reader made and nobody else holds."""
        trace = cls.__new__(cls)
        trace._set(arrival, function, duration, tuple(functions), quality)
        return trace

    def _set(
        self,
        arrival: npt.NDArray[np.int64],
        function: npt.NDArray[np.uint32],
        duration: npt.NDArray[np.int64],
        functions: tuple[str, ...],
        quality: DataQuality | None,
    ) -> None:
        late = duration > (_END_OF_TIME - 1) - arrival
        if late.any():
            index = int(late.argmax())
            raise TraceError(
                f"duration[{index}] ends 2^63 ns (292 years) or more after time zero: "
                "count time from a later zero, or check the unit (integers are nanoseconds)",
                argument="duration",
                index=index,
            )
        order = None
        if not bool((arrival[1:] >= arrival[:-1]).all()):
            order = np.argsort(arrival, kind="stable")
            arrival, function, duration = arrival[order], function[order], duration[order]
        for column in (arrival, function, duration, order):
            if column is not None:
                column.flags.writeable = False
        self.arrival, self.function, self.duration = arrival, function, duration
        self.functions, self.order, self.quality = functions, order, quality
        self._cache: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def span(self) -> tuple[int, int]:
        """First and last arrival in nanoseconds; (0, 0) for an empty trace."""
        return (int(self.arrival[0]), int(self.arrival[-1])) if len(self) else (0, 0)

    def _columns(
        self,
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Views for the engine, whose times are unsigned."""
        return self.arrival.view(np.uint64), self.function, self.duration.view(np.uint64)

    def digest(self) -> str:
        """SHA-256 of the columns and the names, as hexadecimal digits.

        Traces of the same digest give the same results on the same account, on any machine.
        """
        if "digest" not in self._cache:
            digest = hashlib.sha256(b"lambdacore trace 1\n")
            digest.update("\n".join(self.functions).encode() + b"\n")
            for column, code in ((self.arrival, "<i8"), (self.function, "<u4"), (self.duration, "<i8")):
                digest.update(len(column).to_bytes(8, "little"))
                digest.update(memoryview(np.ascontiguousarray(column, dtype=code)).cast("B"))
            self._cache["digest"] = digest.hexdigest()
        return str(self._cache["digest"])

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            setattr(self, name, value)
        self._cache = {}

    def __repr__(self) -> str:
        first, last = self.span
        return (
            f"<Trace: {_text.count(len(self), 'invocation')} of "
            f"{_text.count(len(self.functions), 'function')}"
            + (f" in {_text.seconds(first)} .. {_text.seconds(last)}" if len(self) else "")
            + ">"
        )


def _nanoseconds(
    argument: str, values: npt.ArrayLike, calendar_kind: str, *, scalar: bool = False
) -> npt.NDArray[np.int64]:
    """Read times as fresh int64 nanoseconds, or say which value cannot be one."""
    if np.ma.is_masked(values):
        raise TraceError(
            f"{argument} has masked values: fill or drop them first", argument=argument
        )
    array = np.asarray(values)
    if array.ndim != 1 and not (scalar and array.ndim == 0):
        raise TraceError(
            f"{argument} has {array.ndim} dimensions; one is needed", argument=argument
        )
    kind = array.dtype.kind
    if kind == "f" and array.dtype.itemsize <= 8:
        return _from_seconds(argument, array.astype(np.float64))
    if kind in "iu":
        _refuse(argument, array, array < 0, "is negative: times count from zero")
        if kind == "u":
            _refuse(argument, array, array >= _END_OF_TIME, "is 2^63 ns (292 years) or more")
        return array.astype(np.int64)
    if kind == calendar_kind:
        _refuse(argument, array, np.isnat(array), "is NaT: drop such rows first")
        exact = array.astype(f"{kind}8[ns]")
        _refuse(argument, array, exact.astype(array.dtype) != array, "is not a whole, 64-bit number of nanoseconds")
        _refuse(argument, array, exact.astype(np.int64) < 0, "is negative: times count from zero")
        return exact.astype(np.int64)
    calendar_name = {"M": "datetime64", "m": "timedelta64"}[calendar_kind]
    raise TraceError(
        f"{argument} has dtype {array.dtype}: give float seconds, integer nanoseconds "
        f"or {calendar_name}",
        argument=argument,
    )


def _from_seconds(argument: str, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    _refuse(argument, seconds, np.isnan(seconds), "is NaN: drop or fill such rows first")
    _refuse(argument, seconds, np.isinf(seconds), "is infinite")
    _refuse(argument, seconds, seconds < 0, "is negative: times count from zero")
    nanoseconds = seconds * 1e9
    _refuse(
        argument, seconds, nanoseconds >= float(_END_OF_TIME), "is 2^63 ns (292 years) or more"
    )
    return np.rint(nanoseconds, out=nanoseconds).astype(np.int64)


def _refuse(argument: str, values: npt.NDArray[Any], bad: npt.NDArray[np.bool_], why: str) -> None:
    if not bad.any():
        return
    if values.ndim == 0:
        raise TraceError(f"{argument} = {values} {why}", argument=argument)
    index = int(bad.argmax())
    raise TraceError(
        f"{argument}[{index}] = {values[index]} {why}", argument=argument, index=index
    )


def _column(argument: str, values: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Bring a column to the length of the arrivals; a scalar stands for every row."""
    if values.ndim == 0:
        return np.full(rows, values)
    if len(values) != rows:
        raise TraceError(
            f"{argument} has {len(values):,} rows and arrival has {rows:,}: "
            "the columns must be of one length",
            argument=argument,
        )
    return values


def _functions(
    function: str | Sequence[str] | npt.ArrayLike, functions: Sequence[str] | None, rows: int
) -> tuple[npt.NDArray[np.uint32], tuple[str, ...]]:
    """Read the function column: names or indices into indices and names."""
    names = None if functions is None else _names(functions)
    if isinstance(function, str):
        known = {name: i for i, name in enumerate(names or ())}
        index = _look_up(0, function, known, fixed=names is not None)
        return np.full(rows, index, dtype=np.uint32), names or tuple(known)
    array = np.asarray(function) if not isinstance(function, list | tuple) else None
    if array is None and not any(isinstance(f, str) for f in function[:1]):  # type: ignore[index]
        array = np.asarray(function)
    if array is not None:
        if array.ndim != 1:
            raise TraceError(
                f"function has {array.ndim} dimensions; one is needed", argument="function"
            )
        _column("function", array, rows)
        if array.dtype.kind in "iu" or array.size == 0:
            return _checked_indices(array, names), names or ()
        if array.dtype.kind not in "OUT":
            raise TraceError(
                f"function has dtype {array.dtype}: give names (str), or integer indices "
                "with functions=[names]",
                argument="function",
            )
        function = array.tolist()
    values: list[Any] = list(function)  # type: ignore[arg-type]
    if len(values) != rows:
        raise TraceError(
            f"function has {len(values):,} rows and arrival has {rows:,}: "
            "the columns must be of one length",
            argument="function",
        )
    known = {name: i for i, name in enumerate(names or ())}
    fixed = names is not None
    indices = np.fromiter(
        (known[f] if f in known else _look_up(i, f, known, fixed=fixed) for i, f in enumerate(values)),
        dtype=np.uint32,
        count=rows,
    )
    return indices, tuple(known)


def _look_up(row: int, name: Any, known: dict[str, int], *, fixed: bool) -> int:
    """Index of a name that may be new."""
    if name in known:
        return known[name]
    if not isinstance(name, str) or not name:
        raise TraceError(
            f"function[{row}] = {name!r} is no name: a non-empty str is needed",
            argument="function",
            index=row,
        )
    if fixed:
        raise TraceError(
            f"function[{row}] = {name!r} is not among functions{_text.suggestion(name, known)}",
            argument="function",
            index=row,
        )
    known[name] = len(known)
    return known[name]


def _names(functions: Sequence[str]) -> tuple[str, ...]:
    if isinstance(functions, str):
        raise TraceError("functions is one str: give a list of names", argument="functions")
    known: dict[str, int] = {}
    for i, name in enumerate(functions):
        if not isinstance(name, str) or not name:
            raise TraceError(
                f"functions[{i}] = {name!r} is no name: a non-empty str is needed",
                argument="functions",
                index=i,
            )
        if name in known:
            raise TraceError(
                f"functions[{i}] = {name!r} stands at index {known[name]} already",
                argument="functions",
                index=i,
            )
        known[name] = i
    return tuple(known)


def _checked_indices(
    array: npt.NDArray[Any], names: tuple[str, ...] | None
) -> npt.NDArray[np.uint32]:
    if names is None and array.size:
        raise TraceError(
            "function holds indices, which need functions=[names]", argument="functions"
        )
    beyond = (array < 0) | (array >= len(names or ()))
    _refuse("function", array, beyond, f"is no index into functions, of which there are {len(names or ())}")
    return array.astype(np.uint32)
