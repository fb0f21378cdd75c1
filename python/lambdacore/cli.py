"""The command line: each command mirrors one call of the Python API.

Exit codes: 0 done, 2 usage or bad input, 130 interrupted. (1 is kept for objectives that
are missed; no command has one yet.)
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import lambdacore as lc
from lambdacore.scenario import Scenario

__all__ = ["main"]

#: Of what ``--json`` prints. Keys are added without a new number, never changed or removed.
JSON_SCHEMA = 1


def main() -> None:
    """Run the command line; errors are one line on standard error."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (lc.LambdacoreError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(lc.__version__, prog_name="lambdacore")
def cli() -> None:
    """Say which AWS Lambda concurrency limits your traffic needs."""


def _reservation(_context: Any, _parameter: Any, values: tuple[str, ...]) -> dict[str, int]:
    reserve = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        if not equals or not name or not number.isdecimal():
            raise click.BadParameter(f"{value!r}: write NAME=NUMBER")
        if name in reserve:
            raise click.BadParameter(f"{name!r} is given twice")
        reserve[name] = int(number)
    return reserve


@cli.command()
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option("--trace", "trace_path", type=click.Path(path_type=Path), help="The traffic.")
@click.option("--format", "trace_format", help="Format of the trace; recognised if not given.")
@click.option("--lenient", is_flag=True, help="Skip and count bad rows instead of stopping.")
@click.option("--limit", type=int, help="Concurrency limit of the account (default 1,000).")
@click.option(
    "--reserve", multiple=True, callback=_reservation, metavar="NAME=N",
    help="Reserved concurrency of a function; may be repeated.",
)  # fmt: skip
@click.option("--period", type=float, help="Also give series, in bins of so many seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Write the picture.")
def simulate(
    scenario: Path | None,
    trace_path: Path | None,
    trace_format: str | None,
    lenient: bool,
    limit: int | None,
    reserve: dict[str, int],
    period: float | None,
    as_json: bool,
    plot_path: Path | None,
) -> None:
    r"""Simulate traffic against the limits of an account.

    Give a SCENARIO file, or --trace with --limit and --reserve. Options override the file.

    \b
    lambdacore simulate scenario.toml
    lambdacore simulate --trace hour.csv --limit 1000 --reserve checkout=200 --plot hour.png
    """
    if scenario is None and trace_path is None:
        raise click.UsageError("give a SCENARIO file, or --trace FILE")
    plan = None if scenario is None else Scenario.load(scenario)
    with _progress("reading") as progress:
        if trace_path is not None:
            trace = lc.read_trace(trace_path, trace_format, lenient=lenient, progress=progress)
        else:
            assert plan is not None
            trace = plan.read_trace(progress)
    account = lc.Account.for_trace(trace) if plan is None else plan.account_for(trace)
    # The limit first: the reservations may need it.
    changes: dict[str, Any] = {} if limit is None else {"concurrency_limit": limit}
    changes["functions"] = [
        function.replace(reserved_concurrency=reserve.pop(function.name))
        if function.name in reserve
        else function
        for function in account.functions
    ]
    for name in reserve:
        account.index(name)  # refuses the unknown name, with a suggestion
    account = account.replace(**changes)
    with _progress("simulating") as progress:
        result = lc.simulate(account, trace, progress=progress)
    if as_json:
        _print_json(_report(result, period))
    else:
        _print(result.summary())
        if period is not None:
            _print(_RegionSeries(result, period))
    if plot_path is not None:
        from lambdacore.plot import ConcurrencyDisplay

        ConcurrencyDisplay.from_result(result, period=period).figure_.savefig(plot_path)
        click.echo(f"wrote {plot_path}", err=True)


@cli.command()
@click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--format", "trace_format", help="Format of the trace; recognised if not given.")
@click.option("--lenient", is_flag=True, help="Skip and count bad rows instead of stopping.")
@click.option(
    "--throttle-ratio", type=float, default=0.0, show_default=True,
    help="Share of the arrivals that may be throttled.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def required(
    trace_path: Path,
    trace_format: str | None,
    lenient: bool,
    throttle_ratio: float,
    as_json: bool,
) -> None:
    """Find the smallest limits that are enough for the traffic in TRACE.

    For each function alone, and for all in one shared pool, beside what the usual formula
    (rate x duration) says and the peak without any limit.
    """
    with _progress("reading") as progress:
        trace = lc.read_trace(trace_path, trace_format, lenient=lenient, progress=progress)
    with _progress("searching", len(trace)) as progress:
        answer = lc.required_concurrency(trace, throttle_ratio, progress=progress)
    if as_json:
        _print_json({"schema": JSON_SCHEMA, **answer.to_dict()})
    else:
        _print(answer)


class _RegionSeries:
    """The Region over time, as a table."""

    def __init__(self, result: lc.Result, period: float) -> None:
        self.result, self.period = result, period

    def __rich__(self) -> Any:
        from lambdacore import _text

        result, period = self.result, self.period
        admitted = result.invocations(period).sum(axis=0)
        throttles = result.throttles(period).sum(axis=0)
        columns = (
            (int(start) for start in result.bin_starts(period)),
            admitted + throttles,
            throttles,
            result.cold_starts(period).sum(axis=0),
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


def _report(result: lc.Result, period: float | None) -> dict[str, Any]:
    report: dict[str, Any] = {
        "schema": JSON_SCHEMA,
        "summary": result.summary().to_dict(),
        "throttles_by_reason": result.throttles_by_reason(),
        "provenance": result.provenance(),
    }
    if result.trace.quality is not None:
        quality = result.trace.quality
        report["data_quality"] = {
            "rows_read": quality.rows_read,
            "rows_skipped": quality.rows_skipped,
            "shifted_ns": quality.shifted_ns,
        }
    if period is not None:
        series = {
            name: getattr(result, name)(period)
            for name in ("invocations", "throttles", "cold_starts", "concurrency")
        }
        report["series"] = {
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
    return report


def _print_json(report: dict[str, Any]) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        # JSON has no infinity; an idle timeout may be one.
        return "inf" if value == math.inf else value

    click.echo(json.dumps(plain(report), indent=2, allow_nan=False))


def _print(table: Any) -> None:
    from rich.console import Console

    console = Console()
    # In a pipe there is no terminal whose width could be asked; nothing is cut there.
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


@contextmanager
def _progress(label: str, rows: int | None = None) -> Iterator[Callable[..., object] | None]:
    """Show a bar on standard error while work lasts, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        if rows is None:
            yield lambda done, total: bar.update(task, completed=done, total=total)
        else:
            # A search takes an unknown number of passes over the rows.
            yield lambda done: bar.update(
                task, description=f"{label}, pass {done // max(rows, 1) + 1}"
            )
