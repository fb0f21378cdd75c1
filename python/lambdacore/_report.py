"""What the command line prints: tables, lines above them, JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import lambdacore as lc
from lambdacore import _text

__all__ = [
    "JSON_SCHEMA",
    "RegionSeries",
    "heading",
    "pool_check",
    "print_json",
    "print_table",
    "report",
]

#: Of what ``--json`` prints. Keys are added without a new number, never changed or removed.
JSON_SCHEMA = 1


def heading(result: lc.Result) -> str:
    """Say in a line what was simulated; a wrong unit shows here first."""
    trace = result.trace
    if not len(trace):
        return "no arrivals"
    first, last = trace.span
    mean = float(trace.duration.mean()) / 1e9
    return (
        f"{_text.count(len(trace), 'arrival')} of "
        f"{_text.count(len(trace.functions), 'function')} in {(last - first) / 1e9:,.6g} s, "
        f"mean duration {mean:.4g} s"
    )


def pool_check(trace: lc.Trace, answer: lc.RequiredConcurrency) -> dict[str, Any]:
    """Simulate at the answer for one pool with what a pure pool leaves out.

    With cold starts and the scaling rate, the limit that is enough for a pure pool may not be.
    """
    limit = answer.account_required
    account = lc.Account.for_trace(trace, limit, unreserved_floor=0)
    region = lc.simulate(account, trace).summary().region
    return {
        "concurrency_limit": limit,
        "throttle_ratio": None if not len(trace) else float(region["throttle_ratio"]),
        "throttles": int(region["throttles"]),
        "scaling_rate": int(region["scaling_rate"]),
        "account_rate": int(region["account_rate"]),
    }


class RegionSeries:
    """The Region over time, as a table."""

    def __init__(self, result: lc.Result, period: float) -> None:
        self.result, self.period = result, period

    def __rich__(self) -> Any:
        result, period = self.result, self.period
        admitted = result.invocations(period, account=True)
        throttles = result.throttles(period, account=True)
        columns = (
            (int(start) for start in result.bin_starts(period)),
            admitted + throttles,
            throttles,
            result.cold_starts(period, account=True),
            result.concurrency(period, account=True),
        )
        body = [
            [_text.seconds(start), *(f"{int(value):,}" for value in values)]
            for start, *values in zip(*columns, strict=True)
        ]
        total = result.summary().region
        keys = ("arrivals", "throttles", "cold_starts", "peak_concurrency")
        body.append(["in all", *(f"{int(total[key]):,}" for key in keys)])
        head = ["from", "arrivals", "throttled", "cold", "peak"]
        return _text.Table(head, body)


def report(result: lc.Result, period: float | None) -> dict[str, Any]:
    """Give what ``--json`` prints."""
    made: dict[str, Any] = {
        "schema": JSON_SCHEMA,
        "summary": result.summary().to_dict(),
        "throttles_by_reason": result.throttles_by_reason(),
        "provenance": result.provenance(),
    }
    if result.schedule is not None and len(result.schedule):
        made["answers"] = [answer.to_dict() for answer in result.answers]
    if result.trace.quality is not None:
        quality = result.trace.quality
        made["data_quality"] = {
            "rows_read": quality.rows_read,
            "rows_skipped": quality.rows_skipped,
            "shifted_ns": quality.shifted_ns,
        }
    if period is not None:
        series = {
            name: getattr(result, name)(period)
            for name in ("invocations", "throttles", "cold_starts", "concurrency")
        }
        made["series"] = {
            "period": period,
            "bin_starts_ns": result.bin_starts(period).tolist(),
            "region_concurrency": result.concurrency(period, account=True).tolist(),
            "functions": [
                {
                    "function": function.name,
                    **{name: rows[row].tolist() for name, rows in series.items()},
                }
                for row, function in enumerate(result.account.functions)
            ],
        }
    return made


def print_json(value: dict[str, Any]) -> None:
    """Print plain values as JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        # JSON has no infinity; an idle timeout may be one.
        return "inf" if value == math.inf else value

    print(json.dumps(plain(value), indent=2, allow_nan=False))


def print_table(table: Any) -> None:
    """Print a table as wide as the terminal, or as wide as it is where there is none."""
    from rich.console import Console

    console = Console()
    # In a pipe there is no terminal whose width could be asked; nothing is cut there.
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
