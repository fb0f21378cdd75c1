"""Draws a sweep of two parameters as cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lambdacore.plot import _caption
from lambdacore.plot._measure import share_text
from lambdacore.plot._style import INK, QUIET, inches_of, root_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lambdacore.plot._sweep import SweepDisplay

__all__ = ["draw"]

#: Up to so many cells have their values written in them.
_WRITTEN = 100
#: So many values of a parameter are written on its axis.
_TICKS = 16
#: From light to dark in one hue: an order that any colour vision sees.
_COLORS = ("#E0EEF7", "#A9D0E8", "#4D9CCB", "#0072B2", "#00304D")
#: Of what has no colour on a logarithmic scale.
_NOTHING = "#FFFFFF"


def draw(display: SweepDisplay, ax: Axes) -> dict[str, Any]:
    """Draw the cells; returns the marks of the legend."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    grid = display.grid
    columns, rows = grid.axes
    values = grid.mean.T
    few = values.size <= _WRITTEN
    logarithmic = grid.is_logarithmic
    colors = LinearSegmentedColormap.from_list("lambdacore", _COLORS).with_extremes(bad=_NOTHING)
    seen = values[values > 0] if logarithmic else values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    norm: Any = (
        LogNorm(low, high)
        if logarithmic
        else Normalize(low, high if high > low else low + (abs(low) or 1.0))
    )
    shown = np.ma.masked_invalid(values)
    if logarithmic:
        shown = np.ma.masked_where(~(values > 0), shown)
    display.mesh_ = ax.pcolormesh(
        np.arange(len(columns.values) + 1) - 0.5, np.arange(len(rows.values) + 1) - 0.5, shown,
        norm=norm, cmap=colors, edgecolors="white" if few else "none", linewidth=1.5 if few else 0,
        rasterized=values.size > 10_000,
    )  # fmt: skip
    _caption.frame(ax, "")
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(length=0)
    for axis, parameter in ((ax.xaxis, columns), (ax.yaxis, rows)):
        step = -(-len(parameter.values) // _TICKS)
        places = np.arange(0, len(parameter.values), step)
        texts = parameter.texts
        axis.set_ticks(places, [texts[i] for i in places], parse_math=False)
        label = parameter.label
        if axis is ax.yaxis and len(label) > 45:
            label = label.replace(" (", "\n(")
        axis.set_label_text(label, color=QUIET, fontsize=11, parse_math=False)
    if max(map(len, columns.texts)) * min(len(columns.values), _TICKS) > 80:
        ax.tick_params(axis="x", labelrotation=35)
    _draw_colorbar(display, ax, logarithmic)
    if few:
        _write(display, ax)
    return _marks(display, ax, logarithmic)


def _draw_colorbar(display: SweepDisplay, ax: Axes, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    bar = root_figure(ax).colorbar(display.mesh_, ax=ax, pad=0.02, aspect=25)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    if logarithmic:
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(which="both", length=0, labelsize=11, labelcolor=INK)
    bar.set_label(f"{display.measure.label}, mean", color=QUIET, fontsize=11)
    display.colorbar_ = bar


def _write(display: SweepDisplay, ax: Axes) -> None:
    """Write the values into the cells, dark on light and light on dark."""
    grid, mesh = display.grid, display.mesh_
    width, height = _caption.width_of(ax), inches_of(ax)[1]
    across, down = grid.mean.shape
    size = min(11.0, 72 * 0.65 * width / across / 4.6, 72 * 0.6 * height / down / 1.6)
    shades = np.asarray(mesh.to_rgba(np.ma.asarray(mesh.get_array()))).reshape(down, across, 4)
    for (i, j), value in np.ndenumerate(grid.mean):
        if value != value:
            words = "-"
        elif grid.unseen[i, j]:
            words = f"< {grid.high[i, j]:.2g}"
        else:
            words = _digits(value)
        color = shades[j, i]
        # The relative luminance of WCAG 2; 0.18 is as far from white as from black.
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        display.cell_texts_.append(
            ax.text(
                i, j, words, ha="center", va="center", fontsize=max(size, 5.0),
                color=INK if light > 0.22 else "white",
            )
        )  # fmt: skip


def _digits(value: float) -> str:
    """Write three digits, so that the cells are alike."""
    if abs(value) >= 1000 or value == 0:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def _marks(display: SweepDisplay, ax: Axes, logarithmic: bool) -> dict[str, Any]:
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grid, measure = display.grid, display.measure
    marks: dict[str, Any] = {}
    if display.target is not None:
        good = grid.mean <= display.target
        lines = []
        for i, j in np.ndindex(*good.shape):
            if i + 1 < good.shape[0] and good[i, j] != good[i + 1, j]:
                lines.append([(i + 0.5, j - 0.5), (i + 0.5, j + 0.5)])
            if j + 1 < good.shape[1] and good[i, j] != good[i, j + 1]:
                lines.append([(i - 0.5, j + 0.5), (i + 0.5, j + 0.5)])
        words = f"target {measure.text(display.target)}"
        if lines:
            display.target_contour_ = LineCollection(
                lines, colors="#D55E00", linewidths=3, capstyle="projecting", zorder=4
            )
            ax.add_collection(display.target_contour_)
            words += ": reached on the lighter side"
        else:
            words += ": reached by every cell" if good.all() else ": not reached"
        marks[words] = Line2D([], [], color="#D55E00", linewidth=3 if lines else 0)
    if grid.unseen.any() and grid.mean.size <= _WRITTEN:
        words = f"<: none in any replication, {share_text(display.confidence)} bound (Wilson)"
        marks[words] = Patch(facecolor=_NOTHING, edgecolor=QUIET, linewidth=0.8)
    elif logarithmic and grid.unseen.any():
        marks["none in any replication"] = Patch(facecolor=_NOTHING, edgecolor=QUIET, linewidth=0.8)
    return marks
