"""The command line: each command mirrors one call of the Python API; `bench` has none.

Exit codes: 0 done, 2 usage or bad input, 130 interrupted. (1 is kept for objectives that
are missed; no command has one yet.)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import lambdacore as lc
from lambdacore import _check, _cli_bench, _cli_ensemble, _report, _text
from lambdacore._cli_checks import picture
from lambdacore.function import declare, split_label, with_claims
from lambdacore.scenario import Scenario

__all__ = ["main"]


def main() -> None:
    """Run the command line; errors are one line on standard error."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except lc.LambdacoreError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"Error: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    except MemoryError as error:
        click.echo(f"Error: not enough memory: {error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(lc.__version__, prog_name="lambdacore")
def cli() -> None:
    """Say which AWS Lambda concurrency limits your traffic needs."""


cli.add_command(_cli_bench.bench)
cli.add_command(_cli_ensemble.monte_carlo)
cli.add_command(_cli_ensemble.compare)
cli.add_command(_cli_ensemble.sweep)


# Callbacks check what can be checked before anything is read or simulated.


def _limit(_context: Any, _parameter: Any, value: int | None) -> int | None:
    return value if value is None else _usage(_check.limit, "limit", value)


def _period(_context: Any, _parameter: Any, value: float | None) -> float | None:
    if value is not None:
        _usage(_check.period, value)
    return value


def _reservation(_context: Any, _parameter: Any, values: tuple[str, ...]) -> dict[str, int]:
    reserve = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        if not equals or not name or not re.fullmatch("[0-9]{1,10}", number):
            raise click.BadParameter(f"{_text.shorten(value)!r}: write NAME=NUMBER")
        if name in reserve:
            raise click.BadParameter(f"{name!r} is given twice")
        reserve[name] = _usage(_check.limit, name, int(number))
    return reserve


def _usage(check: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return check(*arguments)
    except lc.ConfigurationError as error:
        raise click.BadParameter(str(error)) from None


_FILE = click.Path(path_type=Path)
_trace_option = click.option("--trace", "trace_path", type=_FILE, help="The traffic.")
_format_option = click.option(
    "--format", "trace_format", help="Format of the trace; recognised if not given."
)
_lenient_option = click.option(
    "--lenient", is_flag=True, help="Skip and count bad rows instead of stopping."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


@cli.command()
@click.argument("scenario", required=False, type=_FILE)
@_trace_option
@_format_option
@_lenient_option
@click.option("--limit", type=int, callback=_limit, help="Concurrency limit (default 1,000).")
@click.option(
    "--reserve", multiple=True, callback=_reservation, metavar="NAME=N",
    help="Reserved concurrency of a function; may be repeated.",
)  # fmt: skip
@click.option(
    "--provision", multiple=True, callback=_reservation, metavar="NAME=N",
    help="Provisioned concurrency of a function, or of NAME:ALIAS; may be repeated.",
)  # fmt: skip
@click.option(
    "--profile", help="Rules: aws-2026 (default), aws-2022, new-account, pools-2026, pure-pools."
)
@click.option(
    "--unreserved-floor", type=int, callback=_limit,
    help="What reservations must leave (default: the smaller of 100 and the limit).",
)  # fmt: skip
@click.option("--init-duration", type=float, help="Seconds that a cold start adds (default 0).")
@click.option(
    "--idle-timeout", type=float,
    help="Seconds after which an idle environment is gone (default 600; inf: never).",
)  # fmt: skip
@click.option(
    "--period", type=float, callback=_period, help="Also give series, in bins of so many seconds."
)
@_json_option
@click.option("--plot", "plot_path", type=_FILE, callback=picture, help="Write the picture.")
def simulate(
    scenario: Path | None,
    trace_path: Path | None,
    trace_format: str | None,
    lenient: bool,
    reserve: dict[str, int],
    provision: dict[str, int],
    period: float | None,
    as_json: bool,
    plot_path: Path | None,
    limit: int | None,
    **account_values: Any,
) -> None:
    """Simulate traffic against the limits of an account.

    Give a SCENARIO (a .toml file), or --trace FILE with --limit and --reserve. Options
    override the file.

    \b
    lambdacore simulate scenario.toml
    lambdacore simulate --trace hour.csv --limit 1000 --reserve checkout=200 --provision checkout=50
    """  # noqa: D301 (click reads the backspace)
    if scenario is not None and scenario.suffix.lower() != ".toml" and trace_path is None:
        # Whoever gives a trace where a scenario is meant, means the trace.
        scenario, trace_path = None, scenario
    if scenario is None and trace_path is None:
        raise click.UsageError("give a SCENARIO file, or --trace FILE")
    plan = None if scenario is None else Scenario.load(scenario)
    with _progress("reading") as progress:
        if trace_path is not None:
            trace = lc.read_trace(trace_path, trace_format, lenient=lenient, progress=progress)
        else:
            assert plan is not None
            trace = plan.read_trace(progress)
    if plan is None:
        known = {split_label(name)[0] for name in trace.functions}
        named = [label for label in provision if split_label(label)[0] in known]
        account = lc.Account(functions=declare([*trace.functions, *named]))
    else:
        account = plan.account_for(trace)
    schedule = None if plan is None else plan.schedule
    if plan is not None:
        for name in plan.never_invoked(trace):
            near = _text.suggestion(name, trace.functions)
            note = f"the scenario lists {name!r}, which the trace never invokes{near}"
            click.echo(f"note: {note}", err=True)
    changes = {"concurrency_limit": limit, **account_values}
    changes = {key: value for key, value in changes.items() if value is not None}
    if "profile" in changes and limit is None and not (plan and plan.gives_limit):
        changes["concurrency_limit"] = lc.Profile.named(changes["profile"]).concurrency_limit
    account = _claimed(account, reserve, provision, changes)
    with _progress("simulating") as progress:
        result = lc.simulate(account, trace, schedule, progress=progress)
    for answer in result.answers:
        if not answer.accepted:
            click.echo(f"note: {answer}", err=True)
    if as_json:
        _report.print_json(_report.report(result, period))
    else:
        click.echo(_report.heading(result) + "\n")
        _report.print_table(result.summary())
        if period is not None:
            _report.print_table(_report.RegionSeries(result, period))
    if plot_path is not None:
        from lambdacore.plot import ConcurrencyDisplay

        ConcurrencyDisplay.from_result(result).figure_.savefig(plot_path)
        click.echo(f"wrote {plot_path}", err=True)


def _claimed(
    account: lc.Account, reserve: dict[str, int], provision: dict[str, int], changes: dict[str, Any]
) -> lc.Account:
    """Change an account in one step: the claims may need the new limit."""
    for name in (*reserve, *(split_label(label)[0] for label in provision)):
        account.index(name)  # refuses the unknown name, with a suggestion
    functions = [with_claims(function, reserve, provision) for function in account]
    return account.replace(functions=functions, **changes)


@cli.command()
@click.argument("trace_path", metavar="TRACE", required=False, type=_FILE)
@click.option("--trace", "trace_option", type=_FILE, help="The same as TRACE.")
@_format_option
@_lenient_option
@click.option(
    "--throttle-ratio", type=float, default=0.0, show_default=True,
    help="Share that may be throttled: of each function's arrivals in a pool of its own, of "
    "all arrivals in the shared pool.",
)  # fmt: skip
@_json_option
def required(
    trace_path: Path | None,
    trace_option: Path | None,
    trace_format: str | None,
    lenient: bool,
    throttle_ratio: float,
    as_json: bool,
) -> None:
    """Find the smallest limits that are enough for the traffic in TRACE.

    For each function alone, and for all in one shared pool, beside what the usual formula
    (rate x duration) says and the peak without any limit. Pools are pure: no init, no idle
    expiry, no scaling rate; a last run with these says whether the shared pool's limit holds.
    """
    path = trace_path or trace_option
    if path is None:
        raise click.UsageError("give a TRACE")
    _usage(_check.ratio, "throttle_ratio", throttle_ratio)
    with _progress("reading") as progress:
        trace = lc.read_trace(path, trace_format, lenient=lenient, progress=progress)
    with _progress("searching", len(trace)) as progress:
        answer = lc.required_concurrency(trace, throttle_ratio, progress=progress)
    check = _report.pool_check(trace, answer)
    if as_json:
        answer_as_json = {"schema": _report.JSON_SCHEMA, **answer.to_dict(), "check": check}
        _report.print_json(answer_as_json)
        return
    _report.print_table(answer)
    if check["throttle_ratio"] is not None and check["throttle_ratio"] > throttle_ratio:
        click.echo(
            f"note: with environments and rates {check['throttle_ratio']:.3%} is "
            f"throttled at {check['concurrency_limit']:,} "
            f"(scaling rate {check['scaling_rate']:,}, account rate {check['account_rate']:,} of "
            f"{check['throttles']:,}): try limits with lambdacore simulate"
        )
    elif check["throttle_ratio"] is not None:
        click.echo(
            f"with environments and rates, {check['concurrency_limit']:,} for the account hold too"
        )


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
