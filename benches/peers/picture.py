"""The picture of the contest: bars on a logarithmic axis, a panel for each workload."""

from __future__ import annotations

from pathlib import Path

from contest import FIRST, OURS, Row
from workloads import TASKS

from lambdacore.plot import _style

__all__ = ["draw"]

TITLES = {
    "W1": "one pool, 1,000 in flight",
    "W2": "environments, 20 in flight",
    "W3": "200 functions, 6 pools",
}


def draw(rows: list[Row], path: Path) -> None:
    """Draw what a call costs everybody."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure = _style.new_figure(height=4.6)
    figure.suptitle(
        "CPU time of a simulated invocation, one thread (logarithmic)",
        x=0.012, ha="left", fontsize=15, color=_style.INK,
    )  # fmt: skip
    # Those who draw their traffic are fastest first by the first workload, then replays.
    names = list(
        dict.fromkeys(
            row.name for row in sorted(rows, key=lambda r: (not r.draws, r.task, r.nanoseconds))
        )
    )
    panels = figure.subplots(1, len(TASKS), sharey=True, sharex=True)
    most = max(row.nanoseconds for row in rows)
    for ax, key in zip(panels, TASKS, strict=True):
        found = {row.name: row for row in rows if row.task == key}
        for place, name in enumerate(names):
            _bar(ax, place, found.get(name))
        ax.set_title(TITLES[key], loc="left", fontsize=12, color=_style.INK)
        ax.set_xscale("log")
        ax.set_xlim(8, most * 60)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks([1e1, 1e3, 1e5])
        ax.grid(axis="x", color=_style.RULE, zorder=0)
        ax.tick_params(length=0, colors=_style.QUIET, labelsize=10)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color(_style.QUIET)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].tick_params(axis="y", labelsize=11, colors=_style.INK)
    panels[0].invert_yaxis()
    figure.savefig(path)


def _bar(ax, place: int, row: Row | None) -> None:
    if row is None:
        ax.text(10, place, "cannot", va="center", fontsize=10, color=_style.QUIET)
        return
    ours = row.name.startswith(OURS)
    color = _style.PALETTE[0] if ours else _style.GREY
    ax.barh(place, row.nanoseconds, height=0.66, color=color, zorder=2)
    against = "" if row.name in FIRST.values() else f"  ×{_round(row.ratio)}"
    ax.text(
        row.nanoseconds * 1.25, place, _time(row.nanoseconds) + against,
        va="center", fontsize=10, color=_style.INK,
    )  # fmt: skip


def _time(nanoseconds: float) -> str:
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{_round(nanoseconds / size)} {unit}"
    return f"{_round(nanoseconds)} ns"


def _round(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
