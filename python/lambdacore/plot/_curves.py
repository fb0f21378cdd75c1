"""Draws a sweep as curves with bands, or as points with whiskers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore.plot import _caption
from lambdacore.plot._grid import Axis
from lambdacore.plot._measure import share_text
from lambdacore.plot._style import INK, PALETTE, QUIET, darker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lambdacore.plot._sweep import SweepDisplay

__all__ = ["draw"]

Floats = npt.NDArray[np.float64]
#: So many values of a parameter are ticks themselves.
_TICKS = 13
#: Curves differ in these too, not in colour alone.
_MARKERS = ("o", "s", "D", "^", "P", "X")


def draw(display: SweepDisplay, ax: Axes) -> dict[str, Any]:
    """Draw every curve; returns the marks of the legend."""
    grid = display.grid
    along, of = _roles(grid.axes)
    x_axis = grid.axes[along]
    display.kind_ = "curves" if x_axis.is_numeric else "points"
    parts = (grid.mean, grid.low, grid.high, grid.below, grid.above, grid.unseen)
    # One curve a row.
    rows = [np.moveaxis(p, along, -1).reshape(-1, p.shape[along]) for p in parts]
    count = len(rows[0])
    floor = _floor(display)
    if floor is not None:
        ax.set_yscale("log")
    places = np.array(x_axis.values if x_axis.is_numeric else range(len(x_axis.values)), np.float64)
    names = [] if of is None else grid.axes[of].texts
    marks: dict[str, Any] = {}
    for k in range(count):
        color = PALETTE[k % len(PALETTE)]
        at = places if x_axis.is_numeric else places + 0.14 * (k - (count - 1) / 2)
        _draw_one(display, ax, at, [part[k] for part in rows], color, _MARKERS[k], floor)
        reached = None
        if display.target is not None and x_axis.is_numeric:
            good = np.flatnonzero(rows[0][k] <= display.target)
            reached = x_axis.values[good[0]] if len(good) else None
        display.reached_.append(reached)
        if of is not None:
            words = f"{_text.label(grid.axes[of].name.rpartition('.')[2], 24)} {names[k]}"
            if display.target is not None and x_axis.is_numeric:
                words += " (misses the target)" if reached is None else f" (target at {reached:,})"
            marks[words] = display.mean_lines_[k]
    _caption.frame(ax, "y")
    _draw_x(ax, x_axis, places)
    _draw_y(display, ax, floor)
    if display.target is not None:
        _draw_target(display, ax, x_axis, rows[0].astype(np.float64))
    return {**marks, **_marks(display, several=of is not None)}


def _roles(axes: tuple[Axis, ...]) -> tuple[int, int | None]:
    """Tell which axis lies along x and which gives a curve each of its values."""
    if len(axes) == 1:
        return 0, None
    few = [i for i in (0, 1) if len(axes[i].values) <= len(_MARKERS)]
    # What is no number gives curves; otherwise what has fewer values, or stands last.
    of = min(few, key=lambda i: (axes[i].is_numeric, len(axes[i].values), -i))
    return 1 - of, of


def _floor(display: SweepDisplay) -> float | None:
    """Give the lower end of a logarithmic scale; None where the scale is linear."""
    grid = display.grid
    if not grid.is_logarithmic:
        return None
    shown = [grid.mean[grid.mean > 0], grid.high[grid.unseen & (grid.high > 0)]]
    least = float(np.concatenate(shown).min())
    if display.target:
        least = min(least, display.target)
    return least / 3


def _draw_one(
    display: SweepDisplay, ax: Axes, x: Floats, parts: list[Any], color: str, marker: str,
    floor: float | None,
) -> None:  # fmt: skip
    mean, low, high, below, above, unseen = parts
    seen = np.ones(len(mean), dtype=bool)
    if floor is not None:
        # What is unseen has no place on this scale: the curve ends there, and a triangle stands.
        seen = ~unseen
        mean, low, high, below, above = (
            np.where(unseen, np.nan, np.maximum(part, floor / 10))
            for part in (mean, low, high, below, above)
        )
    dark, whiskers = darker(color), display.kind_ == "points"
    if display.kind_ == "curves":
        light = 0.22 if display.grid.mean.ndim == 1 else 0.13
        for start, end, alpha, areas, order in (
            (below, above, light, display.spread_areas_, 2.0),
            (low, high, 0.55, display.interval_areas_, 2.2),
        ):
            areas.append(
                ax.fill_between(x, start, end, color=color, alpha=alpha, linewidth=0, zorder=order)
            )
    else:
        display.spread_areas_.append(
            ax.vlines(x, below, above, color=color, alpha=0.35, linewidth=16, zorder=2)
        )
        display.interval_areas_.append(ax.vlines(x, low, high, color=dark, linewidth=6, zorder=3))
    (line,) = ax.plot(
        x, mean, color=dark, linewidth=1.6 if display.kind_ == "curves" else 0, marker=marker,
        markersize=5.5 if len(x) <= 60 else 0, zorder=4, markeredgewidth=0.7,
        markeredgecolor=("white", dark)[whiskers], markerfacecolor=(dark, "white")[whiskers],
    )  # fmt: skip
    display.mean_lines_.append(line)
    (zero,) = ax.plot(
        x[~seen], parts[2][~seen], linestyle="none", marker="v", markersize=8, zorder=4,
        markerfacecolor="white", markeredgecolor=dark, markeredgewidth=1.5,
    )  # fmt: skip
    display.zero_marks_.append(zero)


def _draw_x(ax: Axes, axis: Axis, places: Floats) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    ax.set_xlabel(axis.label, color=QUIET, fontsize=11, parse_math=False)
    texts = axis.texts
    if not axis.is_numeric:
        step = -(-len(texts) // 40)
        ax.set_xticks(places[::step], texts[::step], parse_math=False, fontsize=10)
        ax.set_xlim(places[0] - 0.6, places[-1] + 0.6)
        longest = max(len(line) for text in texts for line in text.split("\n"))
        if 5.3 * (longest + 1) * len(texts[::step]) > 72 * 0.85 * _caption.width_of(ax):
            for label in ax.get_xticklabels():
                label.set(rotation=35, horizontalalignment="right", rotation_mode="anchor")
        return
    span = places[-1] - places[0]
    if places[0] > 0 and places[-1] >= 100 * places[0]:
        ax.set_xscale("log")
        gaps = np.diff(np.log(places)) / np.log(places[-1] / places[0])
    else:
        gaps = np.diff(places) / span if span else np.ones(1)
    ax.margins(x=0.03)
    if len(places) <= _TICKS and gaps.min(initial=1) >= 0.055:
        ax.set_xticks(places, texts)
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        if ax.get_xscale() == "linear":
            ax.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _draw_y(display: SweepDisplay, ax: Axes, floor: float | None) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    ax.set_ylabel(display.measure.label, color=QUIET, fontsize=11)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    grid = display.grid
    # Plain nanmax warns of what is altogether unknown.
    tops = np.array([np.nan_to_num(part, nan=-np.inf).max() for part in (grid.mean, grid.above)])
    top = max(float(tops.max()), display.target or 0.0)
    if floor is not None:
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(floor, top * 1.6)
        return
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    least = float(np.nan_to_num(grid.below, nan=np.inf).min())
    if least <= 0.5 * top:
        # All statistics are counts and shares: none is below zero.
        highest = max(top, float(np.nan_to_num(grid.high, nan=0.0).max()))
        ax.set_ylim(-0.02 * highest, 1.06 * highest or 1.0)


def _draw_target(display: SweepDisplay, ax: Axes, axis: Axis, means: Floats) -> None:
    from matplotlib.patheffects import withStroke

    target = display.target
    assert target is not None
    # A logarithmic scale has no place for zero: below all that it shows.
    level = max(target, ax.get_ylim()[0]) if ax.get_yscale() == "log" else target
    display.target_line_ = ax.axhline(
        level, color=INK, linewidth=1.4, linestyle=(0, (6, 3)), zorder=3.5
    )
    style: dict[str, Any] = {
        "color": INK, "fontsize": 11, "textcoords": "offset points", "zorder": 6,
        "path_effects": [withStroke(linewidth=3.5, foreground="white")],
    }  # fmt: skip
    words = f"target {display.measure.text(target)}"
    if axis.is_numeric and all(value is None for value in display.reached_):
        words += "\nnot reached"
    ax.annotate(
        words, (1, level), (6, 0), fontweight="bold", va="center",
        xycoords=ax.get_yaxis_transform(), **style,
    )  # fmt: skip
    if not axis.is_numeric:
        return
    for k, value in enumerate(display.reached_):
        if value is None:
            continue
        # Around the point, or around the triangle that stands for it.
        column = axis.values.index(value)
        height = means[k, column]
        for x, y in np.asarray(display.zero_marks_[k].get_xydata(), np.float64).tolist():
            height = y if x == value else height
        color = darker(PALETTE[k % len(PALETTE)])
        ax.plot([value], [height], marker="o", markersize=11, markerfacecolor="none",
                markeredgecolor=color, markeredgewidth=1.8, linestyle="none", zorder=5)  # fmt: skip
        ax.plot(
            [value, value], [0, 1], color=color, linewidth=1.2, linestyle=":", zorder=3,
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip
        if len(display.reached_) == 1:
            low, high = ax.transData.transform([(ax.get_xlim()[0], level), (value, level)])[:, 0]
            right = high - low > 0.35 * ax.bbox.width
            name = _text.label(axis.name.rpartition(".")[2], 32)
            ax.annotate(
                f"{value:,} is the smallest {name}\nthat reaches the target", (value, 0.03),
                (-7 if right else 7, 0), xycoords=ax.get_xaxis_transform(),
                ha="right" if right else "left", va="bottom", **style,
            )  # fmt: skip


def _marks(display: SweepDisplay, *, several: bool) -> dict[str, Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    low, high = map(share_text, display.levels)
    confidence = share_text(display.confidence)
    color = QUIET if several else PALETTE[0]
    dark = INK if several else darker(color)
    marks: dict[str, Any] = {} if several else {"mean": display.mean_lines_[0]}
    if np.isfinite(display.grid.low).any():
        words = f"{confidence} interval of the mean"
        marks[words] = (
            Patch(facecolor=color, alpha=0.6, linewidth=0)
            if display.kind_ == "curves"
            else Line2D([], [], color=dark, linewidth=6, solid_capstyle="butt")
        )
    marks[f"spread: {low} to {high} of replications"] = (
        Patch(facecolor=color, alpha=0.22, linewidth=0)
        if display.kind_ == "curves"
        else Patch(facecolor=color, alpha=0.35, linewidth=0)
    )
    if any(np.size(mark.get_xdata()) for mark in display.zero_marks_):
        marks[f"none in any replication: {confidence} upper bound (Wilson)"] = Line2D(
            [], [], linestyle="none", marker="v", markersize=8, markerfacecolor="white",
            markeredgecolor=dark, markeredgewidth=1.5,
        )  # fmt: skip
    return marks
