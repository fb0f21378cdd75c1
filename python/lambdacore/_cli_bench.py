"""``lambdacore bench``: measure the live controller on this machine, beside what else one writes.

The measuring is Rust and not part of the package: it needs the source tree and cargo.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lambdacore as lc
from lambdacore import _report, _text
from lambdacore._cli_checks import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["bench", "draw", "fault_of", "source_tree"]

_NUMBERS = "N,N,..."


@click.group()
def bench() -> None:
    """Measure the live controller on this machine."""


@bench.command()
@click.option("--algorithms", metavar="NAME,NAME,...", help="Which to compare (default: all).")
@click.option("--threads", metavar=_NUMBERS, help="Numbers of threads (default: 1,2,4).")
@click.option(
    "--keys", metavar=_NUMBERS,
    help="Pools: 1, or one for each of so many functions (default: 1,8).",
)  # fmt: skip
@click.option("--admit", metavar=_NUMBERS, help="Per cent of calls with room (default: 100,50).")
@click.option("--seconds", type=float, help="Length of a measurement (default: 0.2).")
@click.option("--rounds", type=int, help="Medians are over so many (default: 3).")
@click.option("--quick", is_flag=True, help="Fewer threads and pools, under a minute, rough.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option(
    "--plot", "plot_path", type=click.Path(path_type=Path), callback=picture,
    help="Write the picture.",
)  # fmt: skip
def admission(quick: bool, as_json: bool, plot_path: Path | None, **options: Any) -> None:
    """Compare algorithms of admission: cost, latency, fairness and faults.

    The controller stands beside a CAS loop, a packed word, a mutex, a semaphore, shards,
    fetch-add with undo and check-then-act. Faults are certain: what the stamps of real calls
    prove. Nothing is promised about times; machines differ.

    \b
    lambdacore bench admission --quick
    lambdacore bench admission --threads 1,2,4 --plot admission.png
    """  # noqa: D301 (click reads the backspace)
    if quick:
        quickly = {"threads": "1,2", "keys": "1", "seconds": 0.03, "rounds": 1, "calls": 100_000}
        options = {**options, **{k: v for k, v in quickly.items() if options.get(k) is None}}
    arguments = [
        text
        for name, value in options.items()
        if value is not None
        for text in (f"--{name}", str(value))
    ]
    document = _run("admission", "--json", *arguments)
    if as_json:
        _report.print_json(document)
    else:
        _report.print_table(_table(document))
        click.echo(
            "* not linearizable. cores: that the threads really had, in the mean\n"
            "ns: a core's time for a call, with its release if it was admitted\n"
            "p50 to p99.9: µs from when the call was due, at half of the throughput (a look at "
            f"the clock is {document['clock_ns']:.0f} ns)\n"
            "over, spurious: certain faults among the calls that were checked. fair: Jain's index"
        )
    if plot_path is not None:
        draw(document).savefig(plot_path)
        click.echo(f"wrote {plot_path}", err=True)


def source_tree(start: Path | None = None) -> Path | None:
    """Find the source tree: that of the package if it is installed from one, or the present."""
    here = Path.cwd() if start is None else start
    for folder in (Path(lc.__file__).resolve().parent, here.resolve()):
        for parent in (folder, *folder.parents):
            if (parent / "benches/rust/Cargo.toml").is_file() and (parent / "Cargo.lock").is_file():
                return parent
    return None


def _run(binary: str, *arguments: str) -> dict[str, Any]:
    tree, cargo = source_tree(), shutil.which("cargo")
    if tree is None:
        raise lc.LambdacoreError(
            "the benchmarks are not part of the installed package: run this in the source tree "
            "of lambdacore (the folder with benches/rust), or unpack the source distribution: "
            "pip download --no-binary :all: --no-deps lambdacore-sim"
        )
    if cargo is None:
        raise lc.LambdacoreError(
            "cargo is needed to build the benchmarks: install Rust (https://rustup.rs)"
        )
    command = [cargo, "run", "--release", "--locked", "--package", "lambdacore-benches"]
    # Building takes a minute the first time: cargo says what it does, if anyone is there.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    done = subprocess.run(
        [*command, *quiet, "--bin", binary, "--", *arguments],
        cwd=tree, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise lc.LambdacoreError(
            f"the benchmark ended with exit code {done.returncode}; what it said stands above"
        )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def fault_of(cell: dict[str, Any]) -> str:
    """Say what is wrong with an algorithm, if the check has shown anything."""
    faults = (("over_admissions", "over-admits"), ("spurious_refusals", "refuses wrongly"))
    return ", ".join(words for key, words in faults if cell[key])


def _situations(document: dict[str, Any]) -> Iterator[tuple[tuple[int, int], list[dict[str, Any]]]]:
    def situation(cell: dict[str, Any]) -> tuple[int, int]:
        return cell["keys"], cell["admit"]

    for key, cells in groupby(document["cells"], situation):
        yield key, list(cells)


def _pools(keys: int) -> str:
    return "one pool for all" if keys == 1 else f"{keys} functions with a reserved pool each"


def _table(document: dict[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for title in ("algorithm", "threads", "cores", "admitted", "ns", "M calls/s"):
        table.add_column(title, justify="left" if title == "algorithm" else "right", no_wrap=True)
    for title in ("p50", "p99", "p99.9", "over", "spurious", "fair"):
        table.add_column(title, justify="right", no_wrap=True)
    for (keys, admit), cells in _situations(document):
        table.add_row(f"[bold]{_text.count(keys, 'pool')}, room for {admit} %[/bold]")
        for cell in cells:
            faults = [cell["over_admissions"], cell["spurious_refusals"]]
            table.add_row(
                f"{cell['algorithm']}{'' if cell['linearizable'] else '*'}",
                f"{cell['threads']}",
                f"{cell['cores']:.1f}",
                f"{cell['admitted_ratio']:.0%}",
                f"{cell['ns_per_operation']:.1f}",
                f"{cell['operations_per_second'] / 1e6:.1f}",
                *(_micro(cell[key]) for key in ("p50_ns", "p99_ns", "p999_ns")),
                *(f"[red]{fault:,}[/red]" if fault else "0" for fault in faults),
                f"{cell['fairness']:.2f}",
            )
        table.add_section()
    return table


def _micro(nanoseconds: float) -> str:
    """Microseconds in three digits, or whole."""
    value = nanoseconds / 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw(document: dict[str, Any]) -> Figure:
    """Draw throughput by threads: a panel for each situation, a line for each algorithm."""
    from lambdacore.plot import _style

    situations = list(_situations(document))
    columns = min(2, len(situations))
    rows = -(-len(situations) // columns)
    figure = _style.new_figure(height=1.9 + 3.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    names = list(dict.fromkeys(cell["algorithm"] for cell in document["cells"]))
    # Ours is black and strong; a fault is a cross at each point where it was found.
    colors = {**_style.colors_of(names[1:], None), names[0]: _style.INK}
    faults: dict[str, set[str]] = {name: set() for name in names}
    for ax, (situation, cells) in zip(panels, situations, strict=False):
        for name in names:
            line = sorted(
                (cell for cell in cells if cell["algorithm"] == name), key=lambda c: c["threads"]
            )
            x = [cell["threads"] for cell in line]
            y = [cell["operations_per_second"] / 1e6 for cell in line]
            first = name == names[0]
            ax.plot(
                x, y, color=colors[name], label=name, lw=3 if first else 1.8,
                marker="o", ms=7 if first else 5, zorder=5 if first else 3,
                ls="-" if line and line[0]["linearizable"] else (0, (4, 2)),
            )  # fmt: skip
            wrong = [(a, b) for a, b, cell in zip(x, y, line, strict=True) if fault_of(cell)]
            faults[name].update(fault_of(cell) for cell in line)
            if wrong:
                ax.scatter(
                    *zip(*wrong, strict=True), marker="x", s=130, lw=3, c="#C8102E", zorder=6
                )
        _panel(ax, situation, sorted({cell["threads"] for cell in document["cells"]}))
        ax.set_xlabel("threads", color=_style.QUIET, fontsize=12)
    for ax in panels[len(situations) :]:
        ax.remove()
    figure.supylabel("throughput (million calls a second)", color=_style.QUIET, fontsize=12)
    _legend(figure, names, faults)
    figure.suptitle(
        f"Algorithms of admission on {document['hardware_threads']} cores",
        x=0.012, ha="left", fontsize=20, fontweight="bold", color=_style.INK,
    )  # fmt: skip
    return figure


def _panel(ax: Any, situation: tuple[int, int], threads: list[int]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from lambdacore.plot import _style

    keys, admit = situation
    ax.set_title(f"{_pools(keys)}, room for {admit} % of calls", loc="left", color=_style.INK)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(threads, [str(count) for count in threads])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(labelleft=True, labelbottom=True, colors=_style.QUIET)
    ax.grid(axis="y", which="major", color=_style.RULE, lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, names: list[str], faults: dict[str, set[str]]) -> None:
    from matplotlib.lines import Line2D

    handles, labels = figure.axes[0].get_legend_handles_labels()
    for index, name in enumerate(names):
        found = ", ".join(sorted(faults[name] - {""}))
        labels[index] = f"{name}: {found}" if found else name
    handles.append(Line2D([], [], color="#C8102E", marker="x", ms=10, mew=3, ls=""))
    labels.append("a certain fault was found")
    handles.append(Line2D([], [], color="#5C636E", lw=1.8, ls=(0, (4, 2))))
    labels.append("not linearizable")
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=11)
