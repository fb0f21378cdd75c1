"""The words of a picture: what its colours mean, and the numbers above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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
    held = {band.kind for d in displays for band in bands(d) if band.capacity} - {"shared"}
    if held:
        names[f"{' or '.join(sorted(held, reverse=True))}, not in use"] = Patch(
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
    # Never smaller than the lines around it.
    large = min(max(room / (0.62 * 36), 12), 17)
    headline, more = _facts(display, int(room / (0.62 * large)), int(room / (0.57 * 12)))
    lines = [
        (more, 12, QUIET, "normal"),
        (headline, large, INK, "bold"),
        (title, min(13, large), QUIET, "bold"),
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


class _Count(NamedTuple):
    """What became of a function's invocations, in whichever pool they ran."""

    name: str
    color: str
    throttled: int
    arrivals: int | None

    @property
    def one(self) -> bool:
        """Whether it is one function: the others together are grey."""
        return self.color != GREY

    @property
    def share(self) -> str:
        """The share of the throttles, if it is known."""
        if self.arrivals is None:
            return ""
        return f" ({_text.percent(self.throttled, self.arrivals)})"


def _counts(display: ConcurrencyDisplay) -> list[_Count]:
    """Count each function once, however many rows it has; the most throttled first."""
    functions: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(display.functions, display.colors, strict=True)):
        functions.setdefault(key, []).append(row)
    throttled, arrivals = display.throttles.sum(axis=1), display.arrivals
    counts = [
        _Count(
            *key,
            int(throttled[rows].sum()),
            None if arrivals is None else sum(arrivals[row] for row in rows),
        )
        for key, rows in functions.items()
    ]
    return sorted(counts, key=lambda count: -count.throttled)


def _facts(display: ConcurrencyDisplay, large: int, small: int) -> tuple[str, str]:
    """Give the headline of `large` letters and the line below it of `small` ones."""
    if not len(display.bin_starts):
        return "No invocations", ""
    arrivals = display.arrivals
    of_all = "" if arrivals is None else f"of {_text.count(sum(arrivals), 'invocation')}"
    counts = _counts(display)
    # A headline is about one function; the others together are none.
    named = [count for count in counts if count.one] or counts
    head = next((count for count in named if count.name == display.focus), named[0])
    others = [count for count in counts if count is not head and count.throttled]
    if display.focus is None and not any(count.throttled for count in counts):
        return "Nothing throttled", of_all
    fact = f"{head.throttled:,} throttled{head.share}" if head.throttled else "none throttled"
    headline = f"{_text.shorten(head.name, max(9, large - 2 - len(fact)))}: {fact}"
    if len(counts) == 1:
        return headline, of_all
    if not others:
        return headline, "no other function throttled"
    others.sort(key=lambda count: not count.one)
    most = min(sum(count.one for count in others), 4)
    # Fewer names, and at last one without its share, until the line fits.
    tries = [(n, True) for n in range(most, 0, -1)] + [(min(most, 1), False), (0, False)]
    for naming, shares in tries:
        parts = [
            f"{count.name} {count.throttled:,}{count.share * shares}" for count in others[:naming]
        ]
        rest = sum(count.throttled for count in others[naming:])
        parts += [f"{'others ' * (naming > 0)}{rest:,}"] if rest else []
        more = f"also throttled: {', '.join(parts)}"
        if len(more) <= small:
            break
    return headline, more
