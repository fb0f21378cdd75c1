"""The words of a picture: what its colours mean, and the numbers above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lambdacore import _text
from lambdacore.plot._bands import bands
from lambdacore.plot._style import GREY, INK, QUIET, inches_of, root_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lambdacore.plot._display import ConcurrencyDisplay

__all__ = ["draw_headline", "draw_legend", "draw_legend_above"]


def draw_legend_above(ax: Axes, display: ConcurrencyDisplay) -> int:
    """Name the colours above the axes; returns how many rows of words that took."""
    from matplotlib.transforms import offset_copy

    above = offset_copy(ax.transAxes, root_figure(ax), y=5, units="points")
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "bbox_transform": above}
    return draw_legend(ax, [display], int(_room(ax) / 6.5), borderaxespad=0, **place)


def draw_legend(
    holder: Axes | Figure, displays: Sequence[ConcurrencyDisplay], room: int, **place: Any
) -> int:
    """Name every colour of the displays once, in rows of `room` letters; returns their number."""
    from matplotlib.patches import Patch

    names: dict[str, Patch] = {}
    for display in displays:
        for label, color in zip(display.functions, display.colors, strict=True):
            names[label] = Patch(color=color)
    if any(band.reserved and band.capacity for d in displays for band in bands(d)):
        names["reserved, not in use"] = Patch(
            facecolor="white", edgecolor=GREY, hatch="/////", linewidth=0
        )
    if not names:
        return 0
    in_one_row = sum(len(name) + 5 for name in names) <= room
    columns = len(names) if in_one_row else max(1, room // (max(map(len, names)) + 5))
    legend = holder.legend(
        [*names.values()],
        # matplotlib drops labels that begin with an underscore: real ones come afterwards.
        ["label"] * len(names),
        ncols=columns,
        frameon=False,
        fontsize=12,
        labelcolor=INK,
        handlelength=1,
        handleheight=1,
        handletextpad=0.5,
        columnspacing=1.6,
        borderpad=0,
        **place,
    )
    for text, label in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    return -(-len(names) // columns)


def draw_headline(display: ConcurrencyDisplay, ax: Axes, title: str | None, above: float) -> None:
    """Say the numbers above the axes: title, headline, and who else was throttled."""
    room = _room(ax)
    # As large as is beautiful, or as some 36 letters leave room for: bold ones are 0.62 em.
    large = min(max(room / (0.62 * 36), 11), 17)
    headline, more = _facts(display, int(room / (0.62 * large)), int(room / (0.57 * 12)))
    lines = [
        (more, 12, QUIET, "normal"),
        (headline, large, INK, "bold"),
        (title, 13, QUIET, "bold"),
    ]
    lines = [line for line in lines if line[0]]
    for words, size, color, weight in lines[:-1]:
        text = ax.annotate(
            words or "", (0, 1), (0, above), xycoords="axes fraction",
            textcoords="offset points", color=color, fontsize=size, fontweight=weight,
            parse_math=False,
        )  # fmt: skip
        # Long words may not push the axes aside; the room above comes from the title's pad.
        text.set_in_layout(False)
        above += 1.55 * size
    words, size, color, weight = lines[-1]
    ax.set_title(
        words or "", loc="left", pad=above, color=color, fontsize=size, fontweight=weight,
        parse_math=False,
    )  # fmt: skip


def _room(ax: Axes) -> float:
    """Estimate how many points of width there are above the axes, before they are laid out."""
    place, inches = ax.get_subplotspec(), inches_of(ax)[0]
    if place is None:
        return 72 * ax.get_position().width * inches
    # Words may stand over what is beside the axes on the right, but not on the left.
    share = len(place.colspan) / place.get_gridspec().ncols
    return 72 * (inches * share - 0.8)


def _facts(display: ConcurrencyDisplay, large: int, small: int) -> tuple[str, str]:
    """Give the headline of `large` letters and the line below it of `small` ones."""
    throttled = display.throttles.sum(axis=1).tolist()
    arrivals = display.arrivals
    came = "" if arrivals is None else _text.count(sum(arrivals), "invocation")
    if not len(display.bin_starts):
        return "No invocations", ""

    def share(row: int) -> str:
        return "" if arrivals is None else f" ({_text.percent(throttled[row], arrivals[row])})"

    ranked = sorted(range(len(throttled)), key=lambda row: -throttled[row])
    # A headline is about one function; the others together are none.
    named = [row for row in ranked if display.colors[row] != GREY] or ranked
    head = next((row for row in named if display.functions[row] == display.focus), named[0])
    others = [row for row in ranked if row != head and throttled[row]]
    if display.focus is None and not any(throttled):
        return "Nothing throttled", came and f"of {came}"
    fact = f"{throttled[head]:,} throttled{share(head)}" if throttled[head] else "none throttled"
    name = _text.shorten(display.functions[head], max(9, large - 2 - len(fact)))
    headline = f"{name}: {fact}"
    if len(throttled) == 1:
        return headline, came and f"of {came}"
    if not others:
        return headline, "no other function throttled"
    others.sort(key=lambda row: display.colors[row] == GREY)
    nameable = sum(display.colors[row] != GREY for row in others)
    for naming in range(min(nameable, 4), -1, -1):
        parts = [
            f"{display.functions[row]} {throttled[row]:,}{share(row)}" for row in others[:naming]
        ]
        rest = sum(throttled[row] for row in others[naming:])
        parts += [f"{'others ' * (naming > 0)}{rest:,}"] if rest else []
        more = f"also throttled: {', '.join(parts)}"
        if len(more) <= small:
            break
    return headline, more
