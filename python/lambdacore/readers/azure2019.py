"""The data set of Azure Functions of July 2019: calls a minute, and percentiles of durations."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal

from lambdacore import _check, _text
from lambdacore.distributions import Distribution, distribution
from lambdacore.errors import ConfigurationError, TraceError
from lambdacore.readers.azure2019_files import Calls, Lengths
from lambdacore.readers.quality import WorkloadQuality
from lambdacore.readers.rows import Rows
from lambdacore.readers.source import ReadLimits, Source
from lambdacore.recorded import Counts
from lambdacore.workload import Stream, Workload

__all__ = ["read_azure2019", "recognises"]

NAME = "azure2019"
#: What to say where somebody wants a trace of such a file.
NO_TRACE = (
    "it counts calls by the minute and names no single one; "
    "lc.read_azure2019(invocations, durations) makes a Workload of it, whose sample() is a trace"
)

#: A day has 1,440 columns of minutes, which are more than a trace may have.
_LIMITS = ReadLimits(columns=2_048)


def recognises(start: bytes) -> bool:
    """Tell by the first bytes whether a file is one of this data set."""
    names = start.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n")[0].split(b",")
    return {b"HashOwner", b"HashApp"} <= {name.strip(b' "\r') for name in names}


def read_azure2019(
    invocations: str | os.PathLike[str],
    durations: str | os.PathLike[str],
    *,
    within: Literal["uniform", "even", "start"] = "uniform",
    name: Literal["function", "app-function"] = "function",
    duration: Literal["quantiles", "average"] = "quantiles",
    default_duration: float | Distribution | None = None,
    functions: int | Iterable[str] | None = None,
    lenient: bool = False,
    limits: ReadLimits | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Workload:
    """Read a day, or a part of one, of the Azure Functions data set of 2019 as a workload.

    Each function becomes ``Stream(Counts(calls by the minute, 60.0, within), Quantiles(...))``.

    Parameters
    ----------
    invocations : path-like
        ``invocations_per_function_md.anon.dNN.csv``: columns ``HashOwner``, ``HashApp``,
        ``HashFunction``, ``Trigger`` and one for each minute, ``1`` to ``1440`` or a part of
        them without a gap. Time zero is the beginning of the first minute that is there.
    durations : path-like
        ``function_durations_percentiles.anon.dNN.csv`` of the same day, in milliseconds.
    within : {"uniform", "even", "start"}
        Where in its minute a call comes: see `Counts`.
    name : {"function", "app-function"}
        What functions are called. ``"function"``: ``HashFunction`` where no other function of
        the file has it, else ``HashApp/HashFunction``. ``"app-function"``: always the latter,
        so that names do not depend on what else is in the file. In either case
        ``HashOwner/HashApp/HashFunction`` where that is not enough.
    duration : {"quantiles", "average"}
        ``"quantiles"`` draws durations from the percentiles, straight in between;
        ``"average"`` takes the average for every call, which keeps the offered load exactly.
    default_duration : float or Distribution, optional
        For functions with calls that the file of durations does not have. Without it they are
        an error, or left out if `lenient`.
    functions : int or iterable of str, optional
        Only so many of the busiest (of equals, the first), or those of these names; they stay
        in the order of the file.
    lenient : bool
        Skip rows that cannot be read and functions without durations, and count them, instead
        of refusing the files at the first; and print the data-quality block to standard error.
        ``workload.quality`` holds it in every case.
    limits : ReadLimits, optional
        What the files may hold at most; by default, 2,048 columns and else what `ReadLimits`
        says.
    progress : callable, optional
        Called now and then with (bytes done, bytes in all of both), and once at the end.

    Returns
    -------
    Workload
        With ``quality``, a `WorkloadQuality`. Functions without calls are not in it; a function
        with several rows has the sum of their counts, and the trigger of the first.

    Raises
    ------
    TraceError
        A file is not what it should be; the error names the path, the line and the column.
        Or no function with calls is left.
    OSError
        A file does not exist or must not be read.
    ConfigurationError
        An argument cannot be; `functions` names one that is not there.

    Notes
    -----
    Where you read ``percentile_Average_p``, it is of averages: every 30 seconds the platform
    recorded the mean duration of a function's calls, and the percentiles are of these means,
    each weighted by its calls. Short spikes are smoothed: the true distribution is as wide or
    wider. They are of the whole day, whatever minutes are read, and know no cold starts.
    Calls were counted when they had ended.

    A straight line from the 75th to the 99th percentile lies above what most durations are, so
    the load that is drawn is more than was measured, by half in one sample of a hundred
    functions: ``quality`` says both. ``duration="average"`` keeps the load and has no spread.

    The data are described in Shahrad et al., "Serverless in the Wild", USENIX ATC 2020.

    Examples
    --------
    >>> import lambdacore as lc
    >>> workload = lc.read_azure2019(
    ...     "invocations_per_function_md.anon.d01.csv",
    ...     "function_durations_percentiles.anon.d01.csv",
    ...     functions=100, lenient=True,
    ... )  # doctest: +SKIP
    >>> trace = workload.sample(workload.quality.seconds, rng=1)  # doctest: +SKIP
    """
    _check.one_of("within", within, ("uniform", "even", "start"))
    _check.one_of("name", name, ("function", "app-function"))
    _check.one_of("duration", duration, ("quantiles", "average"))
    if limits is not None and not isinstance(limits, ReadLimits):
        raise ConfigurationError(f"limits = {limits!r}: a ReadLimits is needed", argument="limits")
    default = (
        None if default_duration is None else distribution("default_duration", default_duration)
    )
    wanted = _wanted(functions)

    options: dict[str, Any] = {"lenient": lenient, "limits": limits or _LIMITS}
    sizes = [0, 0]

    def source(path: str | os.PathLike[str], before: int) -> Source:
        def advance(done: int, total: int) -> None:
            assert progress is not None
            progress(sizes[0] * before + done, sum(sizes))

        opened = Source(path, progress=None if progress is None else advance, **options)
        sizes[before] = opened.size
        return opened

    sources = [source(invocations, 0), source(durations, 1)]
    calls = Calls(Rows(sources[0]))
    lengths = Lengths(Rows(sources[1]))  # both headers are right before a long file is read
    calls.read()
    lengths.read()

    names = calls.names(name)
    busy = [at for at, total in enumerate(calls.totals) if total]
    lacking = [at for at in busy if calls.keys[at] not in lengths.of]
    left_out = set(lacking if lenient and default is None else ())
    kept = _kept([at for at in busy if at not in left_out], wanted, names, calls.totals)
    if not kept:
        raise TraceError(
            f"{sources[0].path}: no function with calls is left, of "
            f"{_text.count(len(names), 'function')}",
            path=sources[0].path,
        )
    streams = {}
    load = drawn = 0.0
    for at in kept:
        length = lengths.of.get(calls.keys[at])
        if length is not None:
            law = length.law(duration)
            average = length.average / 1e3
        elif default is not None:
            law = default
            average = default.mean
        else:
            raise TraceError(
                f"{sources[1].path}: no row for {names[at]!r}, line {calls.lines[at]} of "
                f"{sources[0].path}: default_duration=... stands in for such durations, "
                "lenient=True leaves such functions out",
                path=sources[1].path,
            )
        counts, calls.counts[at] = calls.counts[at], None  # so that each is held only once
        assert counts is not None
        streams[names[at]] = Stream(Counts(counts, 60.0, within), law)
        load += calls.totals[at] * average
        drawn += calls.totals[at] * law.mean
    workload = Workload(streams)
    seconds = 60 * len(calls.minutes)
    quality = WorkloadQuality(
        invocations=calls.rows.quality(NAME),
        durations=lengths.rows.quality(NAME),
        minutes=(calls.minutes[0], calls.minutes[-1]),
        functions_found=len(names),
        functions=len(streams),
        calls=sum(calls.totals[at] for at in kept),
        offered_load=load / seconds,
        offered_load_drawn=drawn / seconds,
        idle=len(names) - len(busy),
        left_out=len(left_out),
        defaulted=len(set(lacking) & set(kept)),
        duplicates=calls.duplicates,
        duplicate_durations=lengths.duplicates,
        contradictory=lengths.contradictory,
        repaired=lengths.repaired,
        triggers={names[at]: calls.triggers[at] for at in kept},
    )
    workload._set(_quality=quality)
    sources[1].finish()
    if lenient:
        print(quality, file=sys.stderr)
    return workload


def _wanted(functions: Any) -> int | list[str] | None:
    if functions is None:
        return None
    if isinstance(functions, str) or not isinstance(functions, Iterable):
        return _check.whole("functions", functions, 1, 2**48)
    return [_check.name(f"functions[{i}]", name) for i, name in enumerate(functions)]


def _kept(
    busy: list[int], wanted: int | list[str] | None, names: list[str], totals: list[int]
) -> list[int]:
    """Choose among the functions with calls, in the order of the file."""
    if wanted is None:
        return busy
    if isinstance(wanted, int):
        return sorted(sorted(busy, key=lambda at: -totals[at])[:wanted])
    known = set(names)
    for name in wanted:
        if name not in known:
            raise ConfigurationError(
                f"functions: {name!r} is not in the file{_text.suggestion(name, names)}",
                argument="functions",
            )
    chosen = set(wanted)
    return [at for at in busy if names[at] in chosen]
