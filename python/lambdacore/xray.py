"""X-Ray's view of a result: sampled traces of throttled invocations and of cold starts.

>>> import lambdacore as lc
>>> from lambdacore import xray
>>> trace = lc.Trace([0.0, 0.0], "checkout", 1.0)
>>> result = lc.simulate(lc.Account.for_trace(trace, reserve={"checkout": 1}), trace)
>>> [summary["HasThrottle"] for summary in xray.trace_summaries(result, sampled=False)]
[False, True]
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdacore import _check
from lambdacore.errors import ConfigurationError, SeriesSizeError
from lambdacore.function import split_label
from lambdacore.outcome import FIRST_THROTTLED, Outcome
from lambdacore.result import Result
from lambdacore.schedule import EXAMPLE_ARN

__all__ = ["batch_get_traces", "sampled_rows", "trace_summaries"]

#: Of the requests of a function beyond the first in a second, X-Ray samples this share.
FIXED_RATE = 0.05
#: No more summaries than this are made at once.
MOST = 1_000_000

_SECOND = 10**9

Rows = npt.NDArray[np.int64]


def sampled_rows(result: Result) -> Rows:
    """Choose the invocations that X-Ray samples: rows of the trace.

    The first request of a function in each second, and 5 % of the others. Which of the others
    is fixed by the row, so the same trace gives the same sample on every account.
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html

    Returns
    -------
    ndarray of int64
        In the order of the trace.
    """
    trace = result.trace
    rows = np.arange(len(trace), dtype=np.int64)
    # The reservoir: arrivals ascend, so of equal (function, second) the first row is first.
    function = np.array(result._series.rows, dtype=np.int64)[trace.function]
    key = np.stack([function, trace.arrival // _SECOND])
    _, first = np.unique(key, axis=1, return_index=True)
    chosen = _mixed(rows) < np.uint64(FIXED_RATE * 2**64)
    chosen[first] = True
    return rows[chosen]


def trace_summaries(
    result: Result, *, function: str | None = None, notable: bool = True, sampled: bool = True
) -> list[dict[str, Any]]:
    """Answer as X-Ray's ``GetTraceSummaries`` does.

    Parameters
    ----------
    result : Result
        What `simulate` returned.
    function : str, optional
        Only this function, or version or alias of it.
    notable : bool
        Only throttled invocations (``HasThrottle``) and cold starts.
    sampled : bool
        Only what X-Ray samples, see `sampled_rows`.

    Returns
    -------
    list of dict
        One a trace, in order of time; time zero of the trace is 1970.
        https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html

    Raises
    ------
    ConfigurationError
        An unknown function.
    SeriesSizeError
        More than a million summaries.
    """
    rows = _chosen(result, function, notable, sampled)
    return [_summary(run) for run in _runs(result, rows)]


def batch_get_traces(
    result: Result, *, function: str | None = None, notable: bool = True, sampled: bool = True
) -> dict[str, Any]:
    """Answer as X-Ray's ``BatchGetTraces`` does: the segments of each trace.

    A cold start has a subsegment ``Initialization``; a throttled invocation has no function
    segment and the flags ``error`` and ``throttle`` with status 429. Parameters and errors are
    those of `trace_summaries`.

    Returns
    -------
    dict
        ``Traces``, each with ``Segments`` whose ``Document`` is a JSON string.
    """
    rows = _chosen(result, function, notable, sampled)
    traces = []
    for run in _runs(result, rows):
        segments = [
            {"Id": document["id"], "Document": json.dumps(document)} for document in _segments(run)
        ]
        traces.append({"Id": run["id"], "Duration": run["held"], "Segments": segments})
    return {"Traces": traces, "UnprocessedTraceIds": []}


def _chosen(result: Result, function: str | None, notable: bool, sampled: bool) -> Rows:
    _check.instance("result", result, "a Result", isinstance(result, Result))
    for argument, value in (("notable", notable), ("sampled", sampled)):
        if not isinstance(value, bool):
            raise ConfigurationError(f"{argument} = {value!r} is no bool", argument=argument)
    trace, outcome = result.trace, result.outcome
    rows = sampled_rows(result) if sampled else np.arange(len(trace), dtype=np.int64)
    if function is not None:
        wanted = np.array([r is not None for r in result._series.only(function)], dtype=np.bool_)
        rows = rows[wanted[trace.function[rows]]]
    if notable:
        rows = rows[(outcome[rows] >= FIRST_THROTTLED) | (outcome[rows] == Outcome.COLD)]
    if len(rows) > MOST:
        raise SeriesSizeError(
            f"{len(rows):,} traces are more than {MOST:,}: take one function, notable=True, or "
            "sampled=True"
        )
    return rows


def _runs(result: Result, rows: Rows) -> list[dict[str, Any]]:
    trace, ends = result.trace, result.completions()[rows]
    identity = _mixed(rows + 2**40)
    second = _mixed(rows + 2**41)
    runs = []
    for i, row in enumerate(rows.tolist()):
        at, code = int(trace.arrival[row]), Outcome(result.outcome[row])
        label = trace.functions[trace.function[row]]
        duration = 0 if code.throttled else int(trace.duration[row])
        runs.append(
            {
                "id": f"1-{at // _SECOND & 0xFFFFFFFF:08x}-{int(identity[i]):016x}"
                f"{int(second[i]) >> 32:08x}",
                "segment": f"{int(second[i]):016x}",
                "name": split_label(label)[0],
                "arn": f"{EXAMPLE_ARN}:{label}",
                "at": at / 1e9,
                "end": int(ends[i]) / 1e9,
                "held": (int(ends[i]) - at) / 1e9,
                "init": (int(ends[i]) - at - duration) / 1e9,
                "code": code,
            }
        )
    return runs


def _summary(run: dict[str, Any]) -> dict[str, Any]:
    throttled = run["code"].throttled
    service = {"Name": run["name"], "Names": [run["name"]], "Type": "AWS::Lambda"}
    return {
        "Id": run["id"],
        "StartTime": str(np.datetime64(round(run["at"] * 1e3), "ms")) + "+00:00",
        "Duration": run["held"],
        "ResponseTime": run["held"],
        "HasFault": False,
        "HasError": throttled,
        "HasThrottle": throttled,
        "IsPartial": False,
        "Http": {"HttpMethod": "POST", "HttpStatus": 429 if throttled else 200},
        "ResourceARNs": [{"ARN": run["arn"]}],
        "ServiceIds": [service],
        "EntryPoint": service,
    }


def _segments(run: dict[str, Any]) -> list[dict[str, Any]]:
    throttled, at, end = run["code"].throttled, run["at"], run["end"]
    common = {"trace_id": run["id"], "name": run["name"]}
    service = {
        **common,
        "id": run["segment"],
        "start_time": at,
        "end_time": end,
        "origin": "AWS::Lambda",
        "resource_arn": run["arn"],
        "http": {"response": {"status": 429 if throttled else 200}},
    }
    if throttled:
        return [{**service, "error": True, "throttle": True}]
    begins = at + run["init"]
    steps = [{"name": "Invocation", "start_time": begins, "end_time": end}]
    if run["code"] is Outcome.COLD:
        steps.insert(0, {"name": "Initialization", "start_time": at, "end_time": begins})
    inner = f"{int(run['segment'], 16) ^ 1:016x}"
    function = {
        **common,
        "id": inner,
        "parent_id": run["segment"],
        "start_time": at,
        "end_time": end,
        "origin": "AWS::Lambda::Function",
        "aws": {"function_arn": run["arn"]},
        "subsegments": [
            {"id": f"{int(inner, 16) ^ (2 << i):016x}", **step} for i, step in enumerate(steps)
        ],
    }
    return [service, function]


def _mixed(values: Rows) -> npt.NDArray[np.uint64]:
    """Scatter integers over 64 bits (splitmix64), the same on every machine."""
    z = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
