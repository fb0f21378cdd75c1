"""Commands on traffic that is drawn: monte-carlo, compare, sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import lambdacore as lc
from lambdacore import _report, _text
from lambdacore._cli_checks import picture
from lambdacore._runs_text import REGION
from lambdacore.runs import STATISTICS
from lambdacore.scenario import Scenario

__all__ = ["compare", "monte_carlo", "sweep"]

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--horizon", type=float, help="Seconds of each replication."),
    click.option("--replications", type=int, help="How many (default 200)."),
    click.option("--precision", type=float, metavar="SHARE",
                 help="Replications until the interval of the Region's throttle ratio is no wider "
                 "than this share of it, to either side."),
    click.option("--seed", type=click.IntRange(min=0),
                 help="Root of all draws; without it fresh, and printed."),
    click.option("--warm-up", type=float, help="Seconds of traffic before time zero."),
    click.option("--threads", type=int, help="Threads (default: every core)."),
    click.option("--checkpoint", type=_FILE,
                 help="A folder for what is finished: a run that was killed goes on from it."),
    click.option("--quiet", is_flag=True, help="No progress."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
    click.option("--plot", "plot_path", type=_FILE, callback=picture, help="Write the picture."),
)  # fmt: skip


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("monte-carlo")
@click.argument("scenario", type=_FILE)
@click.option("--period", type=float, help="Seconds of a bin of the picture.")
@_with_options
def monte_carlo(scenario: Path, period: float | None, **options: Any) -> None:
    """Run many replications of the workload in SCENARIO, with intervals.

    \b
    lambdacore monte-carlo scenario.toml --replications 500 --seed 7
    """  # noqa: D301 (click reads the backspace)
    plan = Scenario.load(scenario)
    workload, account = _traffic(plan)
    values = _values(plan, options)
    if period is not None:
        values["period"] = period
    elif options["plot_path"] is not None:
        values.setdefault("period", values["horizon"] / 120)
    runs = lc.monte_carlo(account, workload, **values)
    if options["as_json"]:
        rows = (*runs.functions, REGION)
        table = [{"function": name, **_of(runs, name)} for name in rows]
        _report.print_json({**_head(runs), "rows": table})
    else:
        _report.print_table(runs)
    if options["plot_path"] is not None:
        _save(runs.plot(), options["plot_path"])


@click.command()
@click.argument("baseline", type=_FILE)
@click.argument("candidates", type=_FILE, nargs=-1, required=True)
@click.option("--tolerance", type=float, help="A difference of throttle ratios that is none.")
@_with_options
def compare(
    baseline: Path, candidates: tuple[Path, ...], tolerance: float | None, **options: Any
) -> None:
    """Run the workload of BASELINE on its account and on those of CANDIDATES.

    All meet the same calls, and differences are paired.

    \b
    lambdacore compare now.toml planned.toml --replications 500 --seed 7
    """  # noqa: D301
    plan = Scenario.load(baseline)
    workload, account = _traffic(plan)
    named: dict[str, lc.Account] = {}
    for path in candidates:
        name = path.stem if path.stem not in (*named, "baseline") else str(path)
        other = Scenario.load(path)
        if other.workload is not None and other.workload != workload:
            click.echo(f"note: all run the workload of {baseline}, not that of {path}", err=True)
        named[name] = other.account_for(workload)
    answer = lc.compare(account, named, workload, **_values(plan, options))
    verdicts: dict[str, str] = {}
    if tolerance is not None:
        verdicts = {
            name: answer.verdict("throttle_ratio", tolerance, candidate=name) for name in named
        }
    if options["as_json"]:
        table = []
        for function in (*answer.functions, REGION):
            for name, runs in zip(answer.names, answer.runs, strict=True):
                row = {"function": function, "account": name, **_of(runs, function)}
                if name in named:
                    found = answer.interval("throttle_ratio", function, candidate=name)
                    row["difference"] = _interval(found)
                table.append(row)
        _report.print_json({**_head(answer.runs[0]), "rows": table, "verdicts": verdicts})
    else:
        _report.print_table(answer)
        for name, verdict in verdicts.items():
            assert tolerance is not None
            said = {"equivalent": "equivalent: within", "different": "different: beyond"}
            what = said.get(verdict, "undecided: more replications would say whether within")
            click.echo(f"{name}: {what} ±{100 * tolerance:g} percentage points in the Region")
    if options["plot_path"] is not None:
        _save(answer.plot(tolerance=tolerance), options["plot_path"])
    if any(verdict != "equivalent" for verdict in verdicts.values()):
        # The stated objective is missed.
        raise SystemExit(1)


@click.command()
@click.argument("scenario", type=_FILE)
@click.option(
    "--vary", "varied", multiple=True, required=True, metavar="NAME=VALUES",
    help="What is varied: a field of the account (concurrency_limit), of a function "
    "(checkout.reserved_concurrency) or of the workload (workload.checkout.arrivals.rate). VALUES "
    "are START:STOP:STEP, the stop included, or several with commas; may be repeated.",
)  # fmt: skip
@click.option("--statistic", type=click.Choice(STATISTICS), default="throttle_ratio",
              help="What the picture shows.")  # fmt: skip
@click.option("--function", default=REGION, help="Whose numbers are shown (default: Region).")
@_with_options
def sweep(
    scenario: Path, varied: tuple[str, ...], statistic: str, function: str, **options: Any
) -> None:
    """Run the workload in SCENARIO on a grid of configurations.

    \b
    lambdacore sweep scenario.toml --vary concurrency_limit=20:60:5 --seed 7
    """  # noqa: D301
    parameters = dict(_vary(text) for text in varied)
    if len(parameters) < len(varied):
        raise click.BadParameter("a NAME is given twice", param_hint="--vary")
    plan = Scenario.load(scenario)
    workload, account = _traffic(plan)
    if function != REGION:
        account.index(function)
    answer = lc.sweep(account, workload, parameters, **_values(plan, options))
    if options["as_json"]:
        table = [
            {"point": point, "function": name, **_of(runs, name)}
            for point, runs in zip(answer.points(), answer.runs, strict=True)
            for name in (*answer.functions, REGION)
        ]
        _report.print_json({**_head(answer.runs[0]), "rows": table})
    else:
        _report.print_table(answer.table(function))
    if options["plot_path"] is not None:
        _save(answer.plot(statistic, function=function), options["plot_path"])


def _traffic(plan: Scenario) -> tuple[lc.Workload, lc.Account]:
    if plan.workload is None:
        raise click.UsageError(
            "the scenario has no workload: add [workload.NAME] with arrivals and duration"
        )
    for name in plan.never_invoked(plan.workload):
        near = _text.suggestion(name, plan.workload.functions)
        click.echo(f"note: the scenario lists {name!r}, which nothing invokes{near}", err=True)
    return plan.workload, plan.account_for(plan.workload)


def _values(plan: Scenario, options: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments of a call: those of the file, and what the options say instead."""
    values = dict(plan.monte_carlo or {})
    for name in ("horizon", "replications", "seed", "warm_up", "threads", "checkpoint"):
        if options[name] is not None:
            values[name] = options[name]
    if options["precision"] is not None:
        if options["replications"] is not None:
            raise click.UsageError("give --replications or --precision, not both")
        values["replications"] = lc.Precision(options["precision"])
    if "horizon" not in values:
        raise click.UsageError("give --horizon SECONDS, or horizon under [monte_carlo]")
    values["rng"] = values.pop("seed", None)
    values["progress"] = False if options["quiet"] else None
    return values


def _vary(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise click.BadParameter(f"{text!r}: write NAME=VALUES", param_hint="--vary")
    try:
        if ":" in values:
            start, stop, *step = (_number(part) for part in values.split(":"))
            by = step[0] if step else 1
            if by <= 0 or len(step) > 1 or (stop - start) / by > 100_000:
                raise ValueError
            count = int((stop - start) / by + 1e-9) + 1
            return name, [start + i * by for i in range(count)]
        return name, [_number(part) for part in values.split(",")]
    except (ValueError, TypeError):
        raise click.BadParameter(
            f"{text!r}: write START:STOP:STEP, or numbers with commas", param_hint="--vary"
        ) from None


def _number(text: str) -> Any:
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _head(runs: lc.Runs) -> dict[str, Any]:
    return {
        "schema": _report.JSON_SCHEMA,
        "seed": str(runs.seed),
        "stream_version": runs.stream_version,
        "replications": len(runs),
        "horizon": runs.horizon,
        "warm_up": runs.warm_up,
        "start": runs.start,
        "failed": sum(len(failure.replications) for failure in runs.failures),
    }


def _of(runs: lc.Runs, function: str) -> dict[str, Any]:
    return {name: _interval(runs.interval(name, function)) for name in STATISTICS}


def _interval(found: lc.Interval) -> dict[str, Any]:
    ends = {name: float(getattr(found, name)) for name in ("estimate", "low", "high")}
    # JSON knows neither NaN nor infinity.
    plain = {name: value if abs(value) < float("inf") else None for name, value in ends.items()}
    return {**plain, "method": found.method, "confidence": found.confidence}


def _save(display: Any, path: Path) -> None:
    display.figure_.savefig(path)
    click.echo(f"wrote {path}", err=True)
