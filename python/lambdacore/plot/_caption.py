"""What stands around a picture of replications: headline, legend, frame."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdacore.plot._style import INK, QUIET, RULE, inches_of, root_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

__all__ = ["caption", "frame", "png", "width_of"]

#: Width of a letter in units of its size: bold, and ordinary.
_BOLD, _PLAIN = 0.6, 0.53


def frame(ax: Axes, grid: str) -> None:
    """Leave of the frame only what helps to read; `grid` is "x" or "y", or "" for none."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    ax.tick_params(axis="both", which="both", colors=QUIET, labelcolor=INK, labelsize=11)
    ax.tick_params(axis="y", which="both", length=0)
    ax.tick_params(axis="x", which="minor", length=0)
    if grid:
        ax.grid(axis="x" if grid == "x" else "y", color=RULE, linewidth=0.8, zorder=0)
    ax.set_axisbelow(True)


def width_of(ax: Axes) -> float:
    """Estimate the inches that the axes and their labels will have, before they are laid out."""
    place, inches = ax.get_subplotspec(), inches_of(ax)[0]
    if place is None:
        return float(ax.get_position().width * inches)
    return inches * len(place.colspan) / place.get_gridspec().ncols


def caption(
    ax: Axes, headline: str, detail: str, marks: Mapping[str, Any], *, beside: float = 0.8
) -> Legend | None:
    """Write the headline, a line of detail and the meaning of the marks above the axes.

    Parameters
    ----------
    ax : Axes
        Above which.
    headline, detail : str
        A bold line, and what is to say below it; both are wrapped.
    marks : mapping of str to artists
        What the legend shows, by its words.
    beside : float
        Inches of the width that labels on both sides take.
    """
    from matplotlib.transforms import offset_copy

    room = max(72 * (width_of(ax) - beside), 144)
    above, legend = 8.0, None
    if marks:
        raised = offset_copy(ax.transAxes, root_figure(ax), y=7, units="points")
        columns = _columns([_PLAIN * 11 * len(words) + 46 for words in marks], room)
        legend = ax.legend(
            [*marks.values()], ["label"] * len(marks), loc="lower left", bbox_to_anchor=(0, 1),
            bbox_transform=raised, ncols=columns, frameon=False, fontsize=11, labelcolor=INK,
            handlelength=1.9, handletextpad=0.6, columnspacing=1.6, borderpad=0, borderaxespad=0,
            labelspacing=0.45,
        )  # fmt: skip
        # matplotlib drops labels that begin with an underscore: real ones come afterwards.
        for text, words in zip(legend.get_texts(), marks, strict=True):
            text.set_parse_math(False)
            text.set_text(words)
        legend.set_in_layout(False)
        above += 16 * -(-len(marks) // columns) + 7
    lines = [(words, 11, "normal", QUIET) for words in _wrapped(detail, room / (_PLAIN * 11))]
    lines = [*reversed(lines)]
    lines += [(w, 15, "bold", INK) for w in reversed(_wrapped(headline, room / (_BOLD * 15)))]
    for words, size, weight, color in lines[:-1]:
        text = ax.annotate(
            words, (0, 1), (0, above), xycoords="axes fraction", textcoords="offset points",
            color=color, fontsize=size, fontweight=weight, parse_math=False,
        )  # fmt: skip
        text.set_in_layout(False)
        above += 1.5 * size
    words, size, weight, color = lines[-1]
    # The room above the axes comes from the title's pad.
    ax.set_title(
        words, loc="left", pad=above, color=color, fontsize=size, fontweight=weight,
        parse_math=False,
    )  # fmt: skip
    return legend


def _columns(widths: list[float], room: float) -> int:
    """Choose the most columns that fit; matplotlib fills them one after the other."""
    for columns in range(len(widths), 1, -1):
        least, more = divmod(len(widths), columns)
        rows = [least + 1] * more + [least] * (columns - more)
        starts = [sum(rows[:i]) for i in range(columns)]
        parts = (widths[s : s + n] for s, n in zip(starts, rows, strict=True))
        if sum(max(part) for part in parts) <= room:
            return columns
    return 1


def _wrapped(words: str, letters: float) -> list[str]:
    return textwrap.wrap(words, max(int(letters), 20)) or [""]


def png(display: Any) -> bytes | None:
    """Render the figure of a display that was drawn, for a notebook."""
    import io

    if not hasattr(display, "figure_"):
        return None
    data = io.BytesIO()
    display.figure_.savefig(data, format="png", dpi=100)
    return data.getvalue()
