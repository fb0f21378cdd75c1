"""Traffic: the columns of a trace, checked and sorted once, read-only ever after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _columns, _text
from lambdacore.errors import TraceError

if TYPE_CHECKING:
    from lambdacore.readers.quality import DataQuality

__all__ = ["Trace"]

_LAST = 2**63 - 1


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
        ``timedelta64``. One value stands for all. Float seconds in one column and integer
        nanoseconds in the other are refused, as a slip. Zero is legal: such a call counts at its
        instant and frees its permit before the next arrival at the same instant.
    functions : sequence of str, optional
        The functions' names, in the order of the indices. Without it, the names in the order
        in which they first occur in the input.
    init : scalar or array_like, shape (n,), optional
        How long init takes if the invocation starts cold: as `duration`, with NaN (of integers
        -1, of ``timedelta64`` NaT) where the account's ``init_duration`` holds, as it does for
        every row without `init`.

    Attributes
    ----------
    arrival, duration : ndarray of int64, shape (n,)
        Nanoseconds, sorted stably by arrival. Read-only.
    init : ndarray of int64, shape (n,), or None
        Nanoseconds, -1 where the account says, in the same order; None if it was not given.
        Read-only.
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
    Any byte order and stride is accepted. A column that a file is mapped to read-only is not
    copied, if it is sorted and as the trace keeps it (int64 nanoseconds; of `function`, uint32
    indices): ``np.load(path, mmap_mode="r")`` gives one, which may be larger than the memory.
    Then do not change the file: see `read_trace`.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.Trace(arrival=[0.0, 0.5], function=["checkout", "reports"], duration=[0.2, 1.5])
    <Trace: 2 invocations of 2 functions in 0 s .. 0.5 s>
    """

    __slots__ = (
        "_cache",
        "arrival",
        "duration",
        "function",
        "functions",
        "init",
        "order",
        "quality",
    )

    arrival: npt.NDArray[np.int64]
    function: npt.NDArray[np.uint32]
    duration: npt.NDArray[np.int64]
    init: npt.NDArray[np.int64] | None
    functions: tuple[str, ...]
    order: npt.NDArray[np.int64] | None
    quality: DataQuality | None

    def __init__(
        self,
        arrival: npt.ArrayLike,
        function: str | Sequence[str] | npt.ArrayLike,
        duration: npt.ArrayLike,
        functions: Sequence[str] | None = None,
        *,
        init: npt.ArrayLike | None = None,
    ) -> None:
        given_at = _columns.as_array("arrival", arrival)
        given_handling = _columns.as_array("duration", duration, scalar=True)
        at = _columns.nanoseconds("arrival", given_at, "M")
        handling = _columns.nanoseconds("duration", given_handling, "m")
        given = {"arrival": given_at, "duration": given_handling}
        inits = None
        if init is not None:
            given_inits = _columns.as_array("init", init, scalar=True)
            inits = _columns.inits("init", given_inits)
            given["init"] = given_inits
        _columns.refuse_mixed_units(given)
        handling = _columns.of_length("duration", handling, len(at))
        if inits is not None:
            inits = _columns.of_length("init", inits, len(at))
        index, names = _columns.functions(function, functions, len(at))
        self._set(at, index, handling, inits, names, quality=None)

    @classmethod
    def _from_columns(
        cls,
        arrival: npt.NDArray[np.int64],
        function: npt.NDArray[np.uint32],
        duration: npt.NDArray[np.int64],
        functions: Sequence[str],
        quality: DataQuality | None = None,
        *,
        init: npt.NDArray[np.int64] | None = None,
    ) -> Self:
        """Take over fresh columns, which a reader made and nobody else holds."""
        trace = cls.__new__(cls)
        trace._set(arrival, function, duration, init, tuple(functions), quality)
        return trace

    def _set(
        self,
        arrival: npt.NDArray[np.int64],
        function: npt.NDArray[np.uint32],
        duration: npt.NDArray[np.int64],
        init: npt.NDArray[np.int64] | None,
        functions: tuple[str, ...],
        quality: DataQuality | None,
    ) -> None:
        _refuse_late("duration", arrival, duration)
        if init is not None:
            _refuse_late("init", arrival, duration, init)
        order = None
        if _columns.first(np.less, arrival[1:], arrival[:-1]) is not None:
            order = np.argsort(arrival, kind="stable")
            arrival, function, duration = arrival[order], function[order], duration[order]
            init = None if init is None else init[order]
        for column in (arrival, function, duration, init, order):
            if column is not None:
                column.flags.writeable = False
        self.arrival, self.function, self.duration, self.init = arrival, function, duration, init
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
    ) -> tuple[
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint32],
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint64] | None,
    ]:
        """View the columns as the engine does, whose times are unsigned."""
        init = None if self.init is None else self.init.view(np.uint64)
        return self.arrival.view(np.uint64), self.function, self.duration.view(np.uint64), init

    def digest(self) -> str:
        """SHA-256 of the columns and the names, as hexadecimal digits.

        Traces of the same digest give the same results on the same account, on any machine.
        """
        if "digest" not in self._cache:
            import hashlib

            digest = hashlib.sha256(b"lambdacore trace 1\n")
            for name in self.functions:
                encoded = name.encode()
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
            digest.update(len(self).to_bytes(8, "little"))
            if self.init is not None:  # even if it is empty
                digest.update(b"init\n")
            for column, code in zip(self._columns(), ("<u8", "<u4", "<u8", "<u8"), strict=True):
                # On a machine of the usual byte order this copies nothing.
                if column is not None:
                    digest.update(np.ascontiguousarray(column, dtype=code).data)
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


def _refuse_late(argument: str, arrival: npt.NDArray[np.int64], *then: npt.NDArray[Any]) -> None:
    def ends_late(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        *before, last = columns
        return np.asarray(last > _LAST - sum(before))

    index = _columns.first(ends_late, arrival, *then)
    if index is not None:
        raise TraceError(
            f"{argument}[{index}] ends 2^63 ns (292 years) or more after time zero: "
            "count time from a later zero, or check the unit (integers are nanoseconds)",
            argument=argument,
            index=index,
        )
