"""How pictures look: colours, sizes, and axes of time in units that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lambdacore.errors import LambdacoreError
from lambdacore.plot._rows import OTHERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "GREY",
    "INK",
    "PALETTE",
    "QUIET",
    "RULE",
    "TimeAxis",
    "colors_of",
    "darker",
    "inches_of",
    "new_figure",
    "period_text",
    "root_figure",
    "thousands",
]

#: Okabe and Ito's colours, which people with any colour vision tell apart. Without their
#: yellow and black, which are too faint and too strong for an area, and with a lighter
#: purple: beside the green, theirs is the same grey to a deuteranope.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#E2A9CB", "#56B4E9", "#D55E00")
GREY = "#B4B7BD"
INK = "#1F2329"
QUIET = "#5C636E"
RULE = "#E3E5E8"

_SECOND = 1_000_000_000
_UNITS = (
    ("days", 86_400 * _SECOND, 3 * 86_400 * _SECOND),
    ("h", 3_600 * _SECOND, 3 * 3_600 * _SECOND),
    ("min", 60 * _SECOND, 3 * 60 * _SECOND),
    ("s", _SECOND, _SECOND),
    ("ms", 1_000_000, 1_000_000),
    ("µs", 1_000, 1_000),
    ("ns", 1, 0),
)
_WORDS = {
    unit * _SECOND: word
    for unit, word in ((1, "second"), (60, "minute"), (3_600, "hour"), (86_400, "day"))
}
#: Times from here on are dates: nobody simulates a year from a zero of their own.
_EPOCH_FROM = 365 * 86_400 * _SECOND


def new_figure(width: float = 12.8, height: float = 7.2, dpi: int = 150) -> Figure:
    """Make a figure that belongs to nobody else, by default in the shape of a slide."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise LambdacoreError(
            "matplotlib is not installed: pip install 'lambdacore-sim[plot]'"
        ) from error
    # Full HD at 150 dots an inch, with air around it.
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.14)
    return Figure(figsize=(width, height), dpi=dpi, layout=layout)


def root_figure(ax: Axes) -> Figure:
    """Find the figure that holds the axes, through subfigures."""
    figure = ax.figure.figure
    assert figure is not None
    return figure


def inches_of(ax: Axes) -> tuple[float, float]:
    """Width and height of the figure, or the subfigure, that holds the axes."""
    box, dpi = ax.figure.bbox, root_figure(ax).dpi
    return box.width / dpi, box.height / dpi


def colors_of(names: Sequence[str], chosen: Mapping[str, str] | None) -> dict[str, str]:
    """Give each function its colour, in order; `chosen` ones go first, the others are grey."""
    chosen = chosen or {}
    free = [color for color in PALETTE if color not in chosen.values()] or [*PALETTE]
    rest = [name for name in names if name not in chosen]
    turns = {name: (free[i % len(free)], i // len(free)) for i, name in enumerate(rest)}
    return {**{n: _lighter(c, t) for n, (c, t) in turns.items()}, **chosen, OTHERS: GREY}


def _lighter(color: str, times: int) -> str:
    """Mix a colour with white, once more each time that the palette starts over."""
    keep = 0.6**times
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - keep * (255 - part)):02X}" for part in parts)


def darker(color: str, keep: float = 0.6) -> str:
    """Mix a colour with black, for a thin mark that stands on an area of the colour itself."""
    return "#" + "".join(f"{round(keep * int(color[i : i + 2], 16)):02X}" for i in (1, 3, 5))


def thousands(axis: Any) -> None:
    """Label an axis of counts with whole numbers, thousands separated."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def period_text(period: float) -> str:
    """Say a period, as it stands after "per": ``5 s``, ``minute``, ``100 ms``."""
    nanoseconds = round(period * 1e9)
    if nanoseconds in _WORDS:
        return _WORDS[nanoseconds]
    for name, size, _ in _UNITS:
        if nanoseconds >= size and nanoseconds % size == 0:
            count = nanoseconds // size
            return f"{count:,} {name}"
    return f"{period:g} s"


class TimeAxis(NamedTuple):
    """How nanoseconds stand on the axis of time: in a unit, or as dates."""

    label: str
    #: Nanoseconds in one unit of the axis.
    unit: int
    dates: bool

    @classmethod
    def of(cls, first: int, last: int) -> TimeAxis:
        """Choose for the nanoseconds from `first` to `last`."""
        if first >= _EPOCH_FROM:
            return cls("time (UTC)", 86_400 * _SECOND, True)
        name, unit, _ = next(u for u in _UNITS if last - first >= u[2])
        return cls(f"time ({name})", unit, False)

    def positions(self, nanoseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Convert nanoseconds to positions on the axis."""
        # Whole units apart from the rest: a float holds today's nanoseconds only to 256 ns.
        whole, rest = np.divmod(nanoseconds, self.unit)
        return whole + rest / self.unit

    def apply(self, ax: Axes) -> None:
        """Set the ticks and the label of the axis."""
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        if self.dates:
            locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
            ax.xaxis.set_major_locator(locator)
            formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
            ax.xaxis.set_major_formatter(formatter)
        else:
            ax.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 6, 10]))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        ax.set_xlabel(self.label, color=QUIET, fontsize=12)
