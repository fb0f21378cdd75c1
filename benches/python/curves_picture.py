"""The picture of the curves: small multiples, each with the cost of a call by one quantity."""

from __future__ import annotations

from pathlib import Path

from lambdacore.plot import _style

__all__ = ["draw"]

#: What each panel shows, and what its axis counts.
PANELS = {
    "in flight": ("replay, by what is in flight", "calls in flight"),
    "functions": ("replay, 1,000 in flight, by functions", "functions"),
    "invocations": ("a replay of few calls or many", "invocations"),
    "replications": ("Monte Carlo, in more replications", "replications"),
    "configurations": ("sweep, by limits: an invocation and limit", "limits of a sweep"),
    "threads": ("Monte Carlo, time on the wall", "threads"),
}
LABELS = {
    "pools": "pools only",
    "environments": "+ environments, scaling rate",
    "rates": "+ request rates",
    "all": "all rules, changes in mid-run",
}


def draw(curves: list[dict], path: Path) -> None:
    """Draw them all."""
    figure = _style.new_figure(height=7.6)
    figure.suptitle(
        "Time of an invocation (CPU time, logarithmic axes)",
        x=0.012, ha="left", fontsize=15, color=_style.INK,
    )  # fmt: skip
    colors = dict(zip(LABELS, (_style.PALETTE[i] for i in (0, 2, 1, 5)), strict=True))
    axes = figure.subplots(2, 3)
    for ax, (panel, (title, label)) in zip(axes.flat, PANELS.items(), strict=True):
        found = [curve for curve in curves if curve["panel"] == panel]
        for curve in found:
            name = curve["name"]
            ax.plot(
                curve["x"], curve["ns"], marker="o", markersize=4, linewidth=1.6,
                color=colors[name], label=LABELS[name], zorder=3,
            )  # fmt: skip
        every = [ns for curve in found for ns in curve["ns"]]
        _frame(ax, found[0]["x"], min(every), max(every))
        ax.set_title(title, loc="left", fontsize=12, color=_style.INK)
        ax.set_xlabel(label, color=_style.QUIET, fontsize=10)
    lines, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        lines, names, loc="outside lower left", ncols=len(names), frameon=False, fontsize=10
    )
    figure.savefig(path)


def _frame(ax, places: list[int], least: float, most: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    ax.set_yscale("log")
    # Ten to a few hundred where all is flat, so that panels can be compared.
    ax.set_ylim(10 if least >= 10 else 1, max(400, most * 1.5))
    ax.xaxis.set_major_locator(FixedLocator(places))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
    few = [1, 2, 5, 10, 20, 50, 100, 200] if least < 10 else [10, 20, 50, 100, 200]
    ax.yaxis.set_major_locator(FixedLocator(few) if most < 400 else LogLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.grid(axis="y", color=_style.RULE, zorder=0)
    ax.tick_params(length=0, colors=_style.QUIET, labelsize=10)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(_style.QUIET)


def _count(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:g} M"
    return f"{number / 1e3:g} k" if number >= 1e4 else f"{number:,.0f}"


def _time(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e3:g} µs" if nanoseconds >= 1e3 else f"{nanoseconds:g} ns"
