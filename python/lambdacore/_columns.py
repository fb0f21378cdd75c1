"""Reads what users give as columns of a trace: any sensible array, or a typed error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from mmap import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError, TraceError

__all__ = [
    "as_array",
    "first",
    "functions",
    "inits",
    "nanoseconds",
    "of_length",
    "refuse_mixed_units",
]

_END_OF_TIME = 2**63
#: In a column of inits: the account says.
_SILENT = -1
_ROWS_AT_A_TIME = 65_536
_NEGATIVE = "is negative: times count from zero"
_LATE = "is 2^63 ns (292 years) or more"


def as_array(argument: str, values: npt.ArrayLike, *, scalar: bool = False) -> npt.NDArray[Any]:
    """Take a column, or a scalar where one may stand for all, as the array that it is."""
    if np.ma.is_masked(values):
        raise TraceError(
            f"{argument} has masked values: fill or drop them first", argument=argument
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise TraceError(
            f"{argument} is no column: its rows must be single values of one length",
            argument=argument,
        ) from None
    if array.ndim != 1 and not (scalar and array.ndim == 0):
        raise TraceError(
            f"{argument} has {array.ndim} dimensions; one is needed", argument=argument
        )
    return array


def nanoseconds(
    argument: str, array: npt.NDArray[Any], calendar_kind: str
) -> npt.NDArray[np.int64]:
    """Read times as int64 nanoseconds of our own, or say which value cannot be one."""
    kind = array.dtype.kind
    if kind == "f" and array.dtype.itemsize <= 8:
        return _from_seconds(argument, array.astype(np.float64))
    if kind in "iu":
        _refuse(argument, array, lambda times: times < 0, _NEGATIVE)
        if kind == "u":
            _refuse(argument, array, lambda times: times >= _END_OF_TIME, _LATE)
        return _kept(array, np.dtype(np.int64))
    if kind == calendar_kind:
        _refuse(argument, array, np.isnat, "is NaT: drop such rows first")
        exact = np.dtype(f"{kind}8[ns]")
        _refuse(
            argument,
            array,
            lambda times: times.astype(exact).astype(array.dtype) != times,
            "is not a whole, 64-bit number of nanoseconds",
        )
        _refuse(argument, array, lambda times: times.astype(exact).astype(np.int64) < 0, _NEGATIVE)
        return array.astype(exact).astype(np.int64)
    calendar_name = {"M": "datetime64", "m": "timedelta64"}[calendar_kind]
    remedy = ""
    if kind == "O" and array.size and hasattr(array.flat[0], "tzinfo"):
        remedy = (
            " (of times with a zone: .dt.tz_convert(None); of datetimes: np.array(x, 'M8[ns]'))"
        )
    raise TraceError(
        f"{argument} has dtype {array.dtype}: give float seconds, integer nanoseconds "
        f"or {calendar_name}{remedy}",
        argument=argument,
    )


def inits(argument: str, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Read durations as `nanoseconds` does, and -1 for NaN, NaT and the integer -1."""
    if array.dtype.kind == "i":
        _refuse(argument, array, lambda times: times < _SILENT, _NEGATIVE)
        return _kept(array, np.dtype(np.int64))
    silent = _silent(array)
    said = nanoseconds(argument, np.where(silent, np.zeros((), array.dtype), array), "m")
    return np.where(silent, _SILENT, said)


def _silent(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    silent: npt.NDArray[np.bool_]
    if array.dtype.kind == "i":
        silent = array == _SILENT
    elif array.dtype.kind in "fm":
        silent = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
    else:
        silent = np.zeros(array.shape, np.bool_)
    return silent


def _from_seconds(argument: str, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    _refuse(argument, seconds, np.isnan, "is NaN: drop or fill such rows first")
    _refuse(argument, seconds, np.isinf, "is infinite")
    _refuse(argument, seconds, lambda times: times < 0, _NEGATIVE)
    _refuse(argument, seconds, lambda times: times * 1e9 >= float(_END_OF_TIME), _LATE)
    return np.asarray(np.rint(seconds * 1e9)).astype(np.int64)


def _kept(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Make a column that stays as it is: a copy, or the array itself where nobody here can write.

    A read-only view is no such array, since what it views may be written. A map of a file that
    was opened for reading is one, and may be larger than the memory; whoever writes to that file
    meanwhile, through another map or otherwise, changes the column.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    # The engine takes columns without gaps only.
    ready = array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned
    if ready and isinstance(base, mmap) and memoryview(base).readonly:
        return array
    return array.astype(dtype)


def first(bad: Callable[..., npt.NDArray[np.bool_]], *columns: npt.NDArray[Any]) -> int | None:
    """Find the first row that is bad, if any, in no more memory than a piece of the rows takes."""
    for start in range(0, len(columns[0]), _ROWS_AT_A_TIME):
        found = bad(*(column[start : start + _ROWS_AT_A_TIME] for column in columns))
        if found.any():
            return start + int(found.argmax())
    return None


def _refuse(
    argument: str,
    values: npt.NDArray[Any],
    bad: Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]],
    why: str,
) -> None:
    index = first(bad, np.atleast_1d(values))
    if index is None:
        return
    if values.ndim == 0:
        raise TraceError(f"{argument} = {values} {why}", argument=argument)
    raise TraceError(f"{argument}[{index}] = {values[index]} {why}", argument=argument, index=index)


def refuse_mixed_units(columns: dict[str, npt.NDArray[Any]]) -> None:
    """Refuse nanoseconds in one column beside another unit in another: one is a slip."""
    if all(array.dtype.kind in "iu" for array in columns.values()):
        return
    # Zeros are zero in any unit, and where an init says nothing it has none.
    units = {
        name: array.dtype.kind for name, array in columns.items() if array[~_silent(array)].any()
    }
    for name, beside in itertools.permutations(units, 2):
        unit = {"f": "float seconds", "M": "datetime64"}.get(units[beside])
        if unit is not None and units[name] in "iu":
            raise TraceError(
                f"{name} holds integers, which are nanoseconds, beside {beside} in {unit}: "
                "give both in one unit (2.0 is two seconds, 2 is two nanoseconds)",
                argument=name,
            )


def of_length(argument: str, values: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Bring a column to the length of the arrivals; a scalar stands for every row."""
    if values.ndim == 0:
        return np.full(rows, values)
    _check_length(argument, len(values), rows)
    return values


def _check_length(argument: str, length: int, rows: int) -> None:
    if length != rows:
        raise TraceError(
            f"{argument} has {length:,} rows and arrival has {rows:,}: "
            "the columns must be of one length",
            argument=argument,
        )


def functions(
    function: str | Sequence[str] | npt.ArrayLike, names: Sequence[str] | None, rows: int
) -> tuple[npt.NDArray[np.uint32], tuple[str, ...]]:
    """Read the function column, names or indices, into indices and names."""
    known = {} if names is None else _known(names)
    fixed = names is not None
    if isinstance(function, str):
        index = _look_up(0, function, known, fixed=fixed)
        return np.full(rows, index, dtype=np.uint32), tuple(known)
    values: Any = function
    if not (isinstance(values, list | tuple) and any(isinstance(f, str) for f in values[:1])):
        array = np.asarray(values)
        if array.ndim != 1:
            raise TraceError(
                f"function has {array.ndim} dimensions; one is needed", argument="function"
            )
        _check_length("function", len(array), rows)
        if array.dtype.kind in "iu":
            return _checked_indices(array, known, fixed=fixed), tuple(known)
        if array.dtype.kind not in "OUT" and len(array):
            raise TraceError(
                f"function has dtype {array.dtype}: give names (str), or integer indices "
                "with functions=[names]",
                argument="function",
            )
        values = array.tolist()
    _check_length("function", len(values), rows)
    try:
        # Each different name once; the rows then take no Python of their own.
        for name in dict.fromkeys(values):
            if not (isinstance(name, str) and name in known):
                _look_up(values.index(name), name, known, fixed=fixed)
    except TypeError:  # what has no hash is no name
        row = next(row for row, name in enumerate(values) if not isinstance(name, str))
        _look_up(row, values[row], known, fixed=True)
    indices = np.fromiter(map(known.__getitem__, values), dtype=np.uint32, count=rows)
    return indices, tuple(known)


def _look_up(row: int, name: Any, known: dict[str, int], *, fixed: bool) -> int:
    """Index of a name, which is new or, where the names are fixed, must be known."""
    if isinstance(name, str) and name in known:
        return known[name]
    _check_name("function", row, name)
    if fixed:
        raise TraceError(
            f"function[{row}] = {name!r} is not among functions{_text.suggestion(name, known)}",
            argument="function",
            index=row,
        )
    known[name] = len(known)
    return known[name]


def _check_name(argument: str, index: int, name: Any) -> None:
    try:
        _check.name(f"{argument}[{index}]", name)
    except ConfigurationError as error:
        raise TraceError(str(error), argument=argument, index=index) from None


def _known(names: Sequence[str]) -> dict[str, int]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TraceError(f"functions = {names!r}: give a list of names", argument="functions")
    known: dict[str, int] = {}
    for i, name in enumerate(names):
        _check_name("functions", i, name)
        if name in known:
            raise TraceError(
                f"functions[{i}] = {name!r} stands at index {known[name]} already",
                argument="functions",
                index=i,
            )
        known[name] = i
    return known


def _checked_indices(
    array: npt.NDArray[Any], known: dict[str, int], *, fixed: bool
) -> npt.NDArray[np.uint32]:
    if not fixed and len(array):
        raise TraceError(
            "function holds indices, which need functions=[names]", argument="functions"
        )
    why = f"is no index into functions, which has {len(known)}"
    _refuse("function", array, lambda index: (index < 0) | (index >= len(known)), why)
    return _kept(array, np.dtype(np.uint32))
