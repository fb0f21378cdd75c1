"""Checks of arrays that users give: the first bad element is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore.errors import ConfigurationError

__all__ = ["broadcast", "limits", "loads", "numbers", "plain", "ratios", "refuse"]

Floats = npt.NDArray[np.float64]


def plain(values: npt.NDArray[Any]) -> Any:
    """Give one number as Python's own."""
    return values if values.ndim else values.item()


def broadcast(**arrays: Floats) -> list[Floats]:
    """Bring two arguments to one shape."""
    try:
        return [np.asarray(each) for each in np.broadcast_arrays(*arrays.values())]
    except ValueError:
        first, second = arrays
        raise ConfigurationError(
            f"{second} of shape {arrays[second].shape} does not fit {first} of shape "
            f"{arrays[first].shape}",
            argument=second,
        ) from None


def limits(argument: str, value: npt.ArrayLike) -> Floats:
    """Check limits: integers from 0 to 2^31 - 1."""
    array = _array(argument, value)
    if array.dtype.kind not in "iu" and array.size:
        # A list of one fraction among integers is an array of floats: name the fraction.
        good = array % 1 == 0 if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        at = int(np.argmin(good))
        _check.limit(_place(argument, array, at), array.flat[at : at + 1].tolist()[0])
    bad = (array < 0) | (array > _check.MAX_LIMIT)
    if bad.any():
        at = int(np.argmax(bad))
        _check.limit(_place(argument, array, at), array.flat[at : at + 1].tolist()[0])
    return array.astype(np.float64)


def loads(argument: str, value: npt.ArrayLike) -> Floats:
    """Check loads: numbers from 0 to 2^31 - 1."""
    array = numbers(argument, value)
    most = float(_check.MAX_LIMIT)
    refuse(argument, array, ~((array >= 0) & (array <= most)), "a load from 0 to 2^31 - 1")
    return array


def ratios(argument: str, value: npt.ArrayLike, *, zero: bool = True, one: bool = True) -> Floats:
    """Check ratios from 0 to 1, with or without either end."""
    array = numbers(argument, value)
    good = ((array > 0) | (zero & (array == 0))) & ((array < 1) | (one & (array == 1)))
    ends = f"{'from 0' if zero else 'above 0 and up'} {'to 1' if one else 'to below 1'}"
    refuse(argument, array, ~good, f"a ratio {ends}")
    return array


def numbers(argument: str, value: npt.ArrayLike) -> Floats:
    """Check that an array holds real numbers; NaN is one here."""
    array = _array(argument, value)
    if array.dtype.kind not in "iuf" and array.size:
        raise ConfigurationError(
            f"{_place(argument, array, 0)} = {array.flat[:1].tolist()[0]!r} is no number",
            argument=_place(argument, array, 0),
        )
    return array.astype(np.float64)


def _array(argument: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:
        raise ConfigurationError(
            f"{argument}: rows of one length are needed", argument=argument
        ) from None


def refuse(argument: str, array: Floats, bad: npt.NDArray[np.bool_], needed: str) -> None:
    """Refuse an array with a bad element."""
    if bad.any():
        at = int(np.argmax(bad))
        place = _place(argument, array, at)
        raise ConfigurationError(f"{place} = {array.flat[at]}: {needed} is needed", argument=place)


def _place(argument: str, array: npt.NDArray[Any], at: int) -> str:
    """Name an element: ``load``, ``load[3]``, ``load[3, 0]``."""
    index = ", ".join(str(i) for i in np.unravel_index(at, array.shape))
    return f"{argument}[{index}]" if index else argument
