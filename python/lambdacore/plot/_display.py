"""The picture of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore.errors import ConfigurationError
from lambdacore.plot import _draw, _style
from lambdacore.plot._rows import Rows, check_result, choose_period, rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from lambdacore.result import Result

__all__ = ["ConcurrencyDisplay"]


class ConcurrencyDisplay:
    """Concurrency stacked by function against the limit, with the throttles below.

    The height of the picture is the account's limit, divided as the account divides it:
    each reservation is a band of its own at the bottom, solid where it is used and hatched
    where it is held free; the shared pool lies above, up to the line of the limit. So the
    stack touches the line exactly when the shared pool is full. Provisioned concurrency is
    such a band too, and what spills from it lies in the shared pool, in the same colour;
    inside a reservation it is a dashed line in the reservation's band. The strip below
    counts what was throttled, in the same colours.

    The bands are those of the account at the start: a schedule that changes them does not
    change the picture's.

    Make it with `from_result`; the constructor takes plain arrays, of any origin.

    Parameters
    ----------
    bin_starts : array_like of int64, shape (bins,)
        Nanosecond at which each bin begins.
    concurrency : array_like of int, shape (rows, bins)
        What each row runs; rows from the bottom of the stack to its top. Rows of one name
        and colour are one function, in several pools.
    throttles : array_like of int, shape (rows, bins)
        What was throttled of each row.
    period : float, keyword
        Length of a bin in seconds.
    functions : sequence of str, keyword
        Name of each row.
    concurrency_limit : int, keyword
        The account's limit.
    reserved : sequence of int or None, keyword
        Reserved concurrency of each row; None where it has none.
    provisioned : sequence of int or None, keyword
        Provisioned concurrency of each row: inside its reservation, or else a pool of its
        own. A row with neither draws on the shared pool.
    arrivals : sequence of int, keyword
        Invocations of each row, admitted or not; the headline's shares need them.
    colors : sequence of str, keyword
        Colour of each row; by default Okabe and Ito's, which people with any colour vision
        tell apart.
    focus : str, keyword
        The function of the headline; by default the one with the most throttles.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure drawn into; ``figure_.savefig(path)`` writes it.
    ax_ : matplotlib.axes.Axes
        The axes of the concurrency.
    throttle_ax_ : matplotlib.axes.Axes
        The strip of the throttles.
    areas_ : list of PolyCollection
        The area of each row, in the order of the rows.
    throttle_areas_ : list of PolyCollection
        The throttles of each row, in the same order.
    limit_line_ : Line2D
        The account's limit.

    Notes
    -----
    The picture is exact. A stack of each function's maximum in a bin would be higher than
    anything that ever ran, since the maxima stand at different instants. Here every pool is
    shown in each bin at the one instant when it was fullest: the shared pool's upper edge
    is CloudWatch's ``UnreservedConcurrentExecutions`` (maximum), a reserved function's is
    its ``ConcurrentExecutions``, that of provisioned environments is what they all ran, and
    the parts of the shared pool are what each function ran at that very instant. Without
    bands below it the upper edge is that of the Region.
    """

    figure_: Figure
    ax_: Axes
    throttle_ax_: Axes
    areas_: list[PolyCollection]
    throttle_areas_: list[PolyCollection]
    limit_line_: Line2D

    def __init__(
        self,
        bin_starts: npt.ArrayLike,
        concurrency: npt.ArrayLike,
        throttles: npt.ArrayLike,
        *,
        period: float,
        functions: Sequence[str],
        concurrency_limit: int,
        reserved: Sequence[int | None] | None = None,
        provisioned: Sequence[int | None] | None = None,
        arrivals: Sequence[int] | None = None,
        colors: Sequence[str] | None = None,
        focus: str | None = None,
    ) -> None:
        self.bin_starts = np.asarray(bin_starts, dtype=np.int64)
        self.functions = [*functions]
        shape = (len(self.functions), len(self.bin_starts))
        self.concurrency = np.asarray(concurrency, dtype=np.int64).reshape(shape)
        self.throttles = np.asarray(throttles, dtype=np.uint64).reshape(shape)
        self.period = period
        self.concurrency_limit = concurrency_limit
        self.reserved = [None] * shape[0] if reserved is None else [*reserved]
        self.provisioned = [None] * shape[0] if provisioned is None else [*provisioned]
        self.arrivals = None if arrivals is None else [*arrivals]
        palette = _style.colors_of([*dict.fromkeys(self.functions)], None)
        self.colors = [palette[f] for f in self.functions] if colors is None else [*colors]
        self.focus = focus

    @classmethod
    def from_result(
        cls,
        result: Result,
        *,
        period: float | None = None,
        top: int = 6,
        ax: Axes | None = None,
        colors: Mapping[str, str] | None = None,
        focus: str | None = None,
        **style: Any,
    ) -> Self:
        """Compute the series of a result and draw them.

        Parameters
        ----------
        result : Result
            What `simulate` returned.
        period : float, optional
            Length of a bin in seconds; None takes a round one that gives 1,000 bins at most.
        top : int
            So many functions have a colour of their own: those with the largest share of
            the occupied concurrency or of the throttles. The others are one grey area.
        ax : matplotlib axes, optional
            Where to draw, with room around it: of ``plt.subplots(layout="constrained")``,
            for instance. None makes a figure of its own, without pyplot.
        colors : mapping of str to str, optional
            Colours by function; they count over the palette.
        focus : str, optional
            The function of the headline; None takes the one with the most throttles.
        **style
            What `plot` takes: ``title`` and more.

        Returns
        -------
        ConcurrencyDisplay
            Drawn; see its attributes.

        Raises
        ------
        LambdacoreError
            matplotlib is not installed.
        SeriesSizeError
            `period` is so short that the series would not fit.

        Examples
        --------
        >>> display = ConcurrencyDisplay.from_result(result)     # doctest: +SKIP
        >>> display.figure_.savefig("concurrency.png")           # doctest: +SKIP
        """
        check_result("result", result)
        names = _with_focus(rank([result], top), focus, result)
        display = cls._of(result, names, period, colors, focus)
        try:
            return display.plot(ax, **style)
        except AttributeError as error:  # of matplotlib, for what no area has
            raise ConfigurationError(
                f"style: {error}; it takes title, legend, height, throttle_height and what "
                "matplotlib's fill_between takes",
                argument="style",
            ) from error

    @classmethod
    def _of(
        cls,
        result: Result,
        names: Sequence[str],
        period: float | None,
        colors: Mapping[str, str] | None,
        focus: str | None,
    ) -> Self:
        rows = Rows.of(result, names, choose_period([result]) if period is None else period, focus)
        color = _style.colors_of(names, colors)
        return cls(
            rows.bin_starts,
            rows.concurrency,
            rows.throttles,
            period=rows.period,
            functions=[row.label for row in rows.rows],
            concurrency_limit=result.account.concurrency_limit,
            reserved=[row.reserved for row in rows.rows],
            provisioned=[row.provisioned for row in rows.rows],
            arrivals=[row.arrivals for row in rows.rows],
            colors=[color[row.name] for row in rows.rows],
            focus=None if focus is None else _text.shorten(focus),
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        title: str | None = None,
        legend: bool = True,
        height: float | None = None,
        throttle_height: float | None = None,
        **area_style: Any,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw, with room around it: of ``plt.subplots(layout="constrained")``,
            for instance. None makes a figure of its own, without pyplot.
        title : str, optional
            A line above the headline.
        legend : bool
            Whether to name the colours.
        height, throttle_height : float, optional
            Upper ends of the two scales; None takes what the data need.
        **area_style
            For the areas: what matplotlib's ``fill_between`` takes, e.g. ``alpha=0.8``.

        Returns
        -------
        ConcurrencyDisplay
            Itself.
        """
        if ax is None:
            ax = _style.new_figure().subplots()
        _draw.draw(self, ax, title, legend, height, throttle_height, area_style)
        return self

    def _repr_png_(self) -> bytes | None:
        """Show the picture in a notebook."""
        import io

        if not hasattr(self, "figure_"):
            return None
        png = io.BytesIO()
        self.figure_.savefig(png, format="png", dpi=100)
        return png.getvalue()


def _with_focus(names: list[str], focus: str | None, *results: Result) -> list[str]:
    """Put the function of the headline first, by name: it takes the palette's first colour."""
    if focus is None:
        return names
    for result in results:
        result.account.index(focus)
    return [focus, *(name for name in names if name != focus)]
