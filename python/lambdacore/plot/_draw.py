"""The hand that draws a `ConcurrencyDisplay`: areas, limits and throttles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore.plot._bands import Band, bands, natural_height, natural_throttle_height
from lambdacore.plot._style import (
    GREY,
    INK,
    QUIET,
    RULE,
    TimeAxis,
    inches_of,
    period_text,
    root_figure,
    thousands,
)
from lambdacore.plot._words import draw_headline, draw_legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

    from lambdacore.plot._display import ConcurrencyDisplay

__all__ = ["draw"]

Edges = npt.NDArray[np.float64]


class _Below(NamedTuple):
    """Places the strip under its axes, at a size in inches.

    A height relative to the axes would shift with the margin that it needs itself, and a
    layout engine would never settle.
    """

    above: Axes
    gap: float
    height: float

    @classmethod
    def of(cls, ax: Axes) -> _Below:
        box, inches = ax.get_position(), inches_of(ax)[1]
        return cls(ax, 0.4, max(0.4, 0.15 * box.height * inches))

    def __call__(self, ax: object, renderer: object) -> Bbox:
        from matplotlib.transforms import Bbox

        box, inches = self.above.get_position(), inches_of(self.above)[1]
        bottom = box.y0 - (self.gap + self.height) / inches
        return Bbox.from_bounds(box.x0, bottom, box.width, self.height / inches)


def draw(
    display: ConcurrencyDisplay,
    ax: Axes,
    title: str | None,
    legend: bool,
    height: float | None,
    throttle_height: float | None,
    area_style: dict[str, Any],
) -> None:
    """Draw all of it and leave the artists on the display."""
    display.ax_, display.figure_ = ax, root_figure(ax)
    strip = ax.inset_axes((0, 0, 1, 1), sharex=ax)
    # The types of matplotlib ask for a function.
    strip.set_axes_locator(_Below.of(ax))  # type: ignore[arg-type]
    display.throttle_ax_ = strip
    starts = display.bin_starts
    if len(starts):
        first, last = int(starts[0]), int(starts[-1]) + round(display.period * 1e9)
    else:
        first, last = 0, 1_000_000_000
    time = TimeAxis.of(first, last)
    # The last bin has an end too: steps need one edge more than there are bins.
    edges = time.positions(np.append(starts, last))
    if time.dates:
        ax.xaxis_date()
    _draw_throttles(display, strip, edges)
    _draw_areas(display, ax, edges, area_style)
    _frame(ax, natural_height(display) if height is None else height)
    _frame(strip, natural_throttle_height(display) if throttle_height is None else throttle_height)
    low, high = time.positions(np.array([first, last]))
    ax.set_xlim(low, high)
    ax.set_ylabel("concurrent executions", color=QUIET, fontsize=12)
    per = f"throttled per {period_text(display.period)}"
    strip.set_title(per, loc="left", pad=5, color=QUIET, fontsize=12)
    time.apply(strip)
    ax.tick_params(labelbottom=False, bottom=False)
    _draw_limits(display, ax)
    rows = draw_legend_above(ax, display) if legend else 0
    draw_headline(display, ax, title, 6 + 19 * rows)


def _draw_areas(
    display: ConcurrencyDisplay, ax: Axes, edges: Edges, area_style: dict[str, Any]
) -> None:
    from matplotlib.colors import to_rgba

    display.areas_ = [None] * len(display.functions)  # type: ignore[list-item]
    for band in bands(display):
        upper = np.full(len(edges) - 1, band.base, dtype=np.int64)
        for row in band.rows:
            lower, upper = upper, upper + display.concurrency[row]
            display.areas_[row] = ax.fill_between(
                edges,
                _stepped(lower),
                _stepped(upper),
                step="post",
                **{"color": display.colors[row], "linewidth": 0, "zorder": 2, **area_style},
            )
        if not band.shared and band.capacity:
            color = display.colors[band.rows[0]]
            top = np.full(len(upper), band.base + band.capacity)
            ax.fill_between(
                edges,
                _stepped(upper),
                _stepped(top),
                step="post",
                facecolor=to_rgba(color, 0.09),
                edgecolor=to_rgba(color, 0.4),
                hatch="///",
                linewidth=0,
                zorder=1.5,
            )


def _draw_throttles(display: ConcurrencyDisplay, strip: Axes, edges: Edges) -> None:
    display.throttle_areas_ = []
    upper = np.zeros(len(edges) - 1, dtype=np.uint64)
    for row in range(len(display.functions)):
        lower, upper = upper, upper + display.throttles[row]
        bars = strip.fill_between(
            edges,
            _stepped(lower),
            _stepped(upper),
            step="post",
            color=display.colors[row],
            linewidth=0,
            zorder=2,
        )
        display.throttle_areas_.append(bars)
    if not upper.any():
        strip.text(
            0.5, 0.5, "nothing throttled" if len(upper) else "no invocations",
            transform=strip.transAxes, ha="center", va="center", color=QUIET, fontsize=12,
        )  # fmt: skip


def _stepped(series: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Hold the last value until the end of its bin."""
    return np.append(series, series[-1:] if len(series) else 0).astype(np.float64)


def _frame(ax: Axes, height: float) -> None:
    """Set a scale of counts and leave of the frame only what helps to read it."""
    ax.set_ylim(0, height)
    thousands(ax.yaxis)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(labelsize=12, colors=QUIET, labelcolor=INK)
    ax.grid(axis="y", color=RULE, linewidth=0.8, zorder=0)
    ax.set_axisbelow(True)


def _draw_limits(display: ConcurrencyDisplay, ax: Axes) -> None:
    """Draw the account's limit and, beside the axes, how it is divided."""
    limit, height = display.concurrency_limit, ax.get_ylim()[1]
    display.limit_line_ = ax.axhline(limit, color=INK, linewidth=2, zorder=4)
    label = f"account limit {limit:,}"
    if limit <= height:
        ax.annotate(
            label, (0, limit), (4, 4), textcoords="offset points",
            xycoords=ax.get_yaxis_transform(), color=INK, fontsize=12, fontweight="bold",
        )  # fmt: skip
    else:
        ax.annotate(
            f"↑ {label}, far above this scale", (0, 1), (4, -4), textcoords="offset points",
            xycoords="axes fraction", va="top", color=INK, fontsize=12, fontweight="bold",
        )  # fmt: skip
    from matplotlib.transforms import offset_copy

    beside, farther = (
        offset_copy(ax.get_yaxis_transform(), root_figure(ax), x=x, units="points") for x in (7, 13)
    )
    gap, least = 0.004 * height, 0.055 * height
    lowest = 0.0
    for band in bands(display):
        top = min(band.base + band.capacity, height)
        if top <= band.base or (limit > height and band.shared):
            continue
        color = GREY if band.shared else display.colors[band.rows[0]]
        ax.plot(
            [1, 1], [band.base + gap, top - gap], color=color, linewidth=5,
            solid_capstyle="butt", transform=beside, clip_on=False, zorder=4,
        )  # fmt: skip
        if not band.shared:
            ax.axhline(top, color=color, linewidth=1.2, zorder=3)
        if band.ready:
            _draw_ready(ax, band, labelled=top - band.base - band.ready > least)
        # Words of thin bands move up rather than over each other.
        middle = max((band.base + top) / 2, lowest)
        lowest = middle + least
        if middle <= height:
            ax.text(
                1, middle, _capacity_text(display, band, roomy=top - band.base > least),
                transform=farther, va="center", color=INK, fontsize=11, linespacing=1.2,
                parse_math=False,
            )  # fmt: skip


def _draw_ready(ax: Axes, band: Band, *, labelled: bool) -> None:
    """Draw how much of a reservation is provisioned, on top of what runs."""
    from matplotlib.patheffects import withStroke

    level = band.base + band.ready
    ax.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (5, 3)), zorder=3)
    if labelled:
        ax.annotate(
            f"{band.ready:,} provisioned", (0, level), (4, 3), textcoords="offset points",
            xycoords=ax.get_yaxis_transform(), color=INK, fontsize=10, zorder=4,
            path_effects=[withStroke(linewidth=3, foreground="white", alpha=0.8)],
        )  # fmt: skip


def _capacity_text(display: ConcurrencyDisplay, band: Band, *, roomy: bool) -> str:
    text = f"{band.capacity:,} {band.kind}"
    if band.shared or not roomy:
        return text
    return f"{text}\nfor {_text.shorten(display.functions[band.rows[0]], 14)}"
