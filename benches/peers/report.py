"""What comes out of the contest: a table, a file of figures, a picture, a part of the README."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import re
from importlib import metadata
from pathlib import Path

from contest import FIRST, Row
from picture import draw
from workloads import TASKS

import lambdacore as lc

__all__ = ["table", "write"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARKS = "<!-- peers -->", "<!-- /peers -->"


def amount(number: float) -> str:
    """Write a number with three digits, or all that stand before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table(rows: list[Row]) -> str:
    """Lay out all that was found, in 100 columns."""
    lines = []
    for key, task in TASKS.items():
        exact = f"{task.exact:.4g}" + (f" ± {task.unknown:.0e}" if task.unknown else "")
        lines += [
            f"{key}  {task.title}",
            f"    {task.share}: exactly {exact} ({task.source})",
            f"{'':30}{'ns a call':>12}{'M calls/s':>11}{'ratio':>9}  {'answer ± standard error':28}"
            f"{'exact?':>8}",
        ]
        lines += [_line(row) for row in rows if row.task == key]
        able = {row.name for row in rows if row.task == key}
        lines += [f"{name:30}{'cannot':>12}" for name in _names(rows) if name not in able]
        lines.append("")
    lines.append(
        "CPU time; ratios to lambdacore's Monte Carlo, of replays (traffic given) to its replay."
    )
    return "\n".join(lines)


def _line(row: Row) -> str:
    answer = f"{row.answer:.4e} ± {row.error:.1e}"
    speed = f"{amount(row.nanoseconds):>12}{amount(1e3 / row.nanoseconds):>11}"
    verdict = "yes" if row.agrees else "NO"
    return f"{row.name:30}{speed}{amount(row.ratio):>9}  {answer:28}{verdict:>8}"


def _names(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.name for row in rows))


def write(rows: list[Row]) -> None:
    """Write everything that shows the figures."""
    found = {
        "made by": "python benches/peers",
        "machine": _machine(),
        "exact": {key: task.exact for key, task in TASKS.items()},
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    (HERE / "results.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    draw(rows, ROOT / "docs" / "peers.png")
    page = ROOT / "README.md"
    inside = re.compile(f"(?<={re.escape(MARKS[0])}\n).*?(?={re.escape(MARKS[1])})", re.DOTALL)
    page.write_text(inside.sub(lambda _: _markdown(rows), page.read_text("utf-8")), "utf-8")


def _machine() -> dict[str, str]:
    found = {
        "processor": processor(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "lambdacore": lc.__version__,
        "python": platform.python_version(),
    }
    for name in ("numpy", "numba", "simpy", "simfaas"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Name the processor, as Linux does."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return named[1] if named else platform.machine()


def _markdown(rows: list[Row]) -> str:
    cells = {(row.name, row.task): row for row in rows}
    lines = [
        "",
        "| CPU time of a call | one pool | environments | 200 functions, 6 pools |",
        "|---|--:|--:|--:|",
    ]
    for name in _names(rows):
        each = [_cell(cells.get((name, key))) for key in TASKS]
        lines.append(f"| {name} | {' | '.join(each)} |")
    wrong = any(not row.agrees for row in rows)
    said = "† misses the exact answer. All others" if wrong else "All"
    lines += [
        "",
        f"{said} agree with the exact answers within 99 % intervals. {processor()}, one thread;",
        "made by `make bench-peers`, which also says what each answered;",
        "[what is simulated](benches/README.md#peers).",
        "",
    ]
    return "\n".join(lines) + "\n"


def _cell(row: Row | None) -> str:
    if row is None:
        return "cannot"
    ns = row.nanoseconds
    taken = f"{amount(ns)} ns" if ns < 1_000 else f"{amount(ns / 1_000)} µs"
    against = "" if row.name in FIRST.values() else f" (×{amount(row.ratio)})"
    return taken + against + ("" if row.agrees else " †")
