"""The picture of a sweep: curves with bands, points with whiskers, or a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from lambdacore import _check, _samples, _text
from lambdacore._runs_text import REGION
from lambdacore.errors import ConfigurationError
from lambdacore.plot import _caption, _curves, _heatmap, _style
from lambdacore.plot._grid import Grid
from lambdacore.plot._measure import Measure, checked_levels, source
from lambdacore.sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

__all__ = ["SweepDisplay"]

Kind = Literal["auto", "curves", "heatmap"]
#: So many curves are told apart.
_MOST_CURVES = 6


class SweepDisplay:
    """A statistic over the points of a sweep.

    One parameter that is a number gives a curve; the dark band is the interval of the mean, the
    light one the spread between replications. One of another kind gives points with whiskers that
    mean the same. Two give a heat map of the means, or several curves.

    A ratio of which nothing was seen is not known to be zero. On a logarithmic scale, which has no
    place for zero either, such a point is an open triangle at the upper bound of its interval
    (Wilson's), and the curve ends before it; a heat map writes "<" and that bound.

    Make it with `from_sweep`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure drawn into; ``figure_.savefig(path)`` writes it.
    ax_ : matplotlib.axes.Axes
    kind_ : {"curves", "points", "heatmap"}
    reached_ : list
        Of each curve the smallest value at which the mean is at most the target; None where there
        is none.
    mean_lines_ : list of Line2D
        The mean, curve by curve.
    interval_areas_, spread_areas_ : list of PolyCollection or LineCollection
        Interval of the mean and spread between replications: bands, or whiskers.
    zero_marks_ : list of Line2D
        The triangles, curve by curve.
    target_line_ : Line2D or None
    mesh_ : QuadMesh
        The cells of a heat map.
    colorbar_ : Colorbar
    cell_texts_ : list of Text
        Values in the cells, where there are at most 100.
    target_contour_ : LineCollection or None
        Edges between cells that reach the target and cells that do not.
    """

    figure_: Figure
    ax_: Axes
    kind_: Literal["curves", "points", "heatmap"]
    reached_: list[Any]
    mean_lines_: list[Line2D]
    interval_areas_: list[PolyCollection | LineCollection]
    spread_areas_: list[PolyCollection | LineCollection]
    zero_marks_: list[Line2D]
    target_line_: Line2D | None
    mesh_: QuadMesh
    colorbar_: Colorbar
    cell_texts_: list[Text]
    target_contour_: LineCollection | None

    def __init__(
        self, grid: Grid, measure: Measure, *, function: str, levels: tuple[float, ...],
        confidence: float = 0.95, target: float | None = None, detail: str = "",
    ) -> None:  # fmt: skip
        self.grid, self.measure, self.function = grid, measure, function
        self.levels, self.confidence, self.target, self.detail = levels, confidence, target, detail

    @classmethod
    def from_sweep(
        cls,
        sweep: Sweep,
        statistic: str = "throttle_ratio",
        *,
        function: str = REGION,
        target: float | None = None,
        levels: Sequence[float] = (0.05, 0.95),
        confidence: float = 0.95,
        kind: Kind = "auto",
        ax: Axes | None = None,
    ) -> Self:
        """Draw a statistic of one function over the points.

        Parameters
        ----------
        sweep : Sweep
            What `lambdacore.sweep` returned, of one or two parameters (those with one value do not
            count), or of a list of points.
        statistic : str
            See `Runs`.
        function : str
            A function, or ``"Region"``.
        target : float, optional
            What the mean should be at most, in units of the statistic (0.001 of a ratio is 0.1 %):
            a line, with the smallest value that reaches it.
        levels : pair of float
            Quantiles that bound the spread between replications.
        confidence : float
            Of the interval of the mean.
        kind : {"auto", "curves", "heatmap"}
            For two parameters: a heat map, unless it is ``"curves"``, of which one parameter has to
            have at most 6 values.
        ax : matplotlib axes, optional
            Where to draw, with room around it. None makes a figure of its own, without pyplot.

        Returns
        -------
        SweepDisplay

        Raises
        ------
        ConfigurationError
            Three parameters or more; another kind than can be drawn; no such statistic or function.
        LambdacoreError
            matplotlib is not installed.
        """
        _check.instance("sweep", sweep, "a Sweep", isinstance(sweep, Sweep))
        measure, shares = Measure.of(statistic), checked_levels(levels, 2, 2)
        _check.one_of("kind", kind, ("auto", "curves", "heatmap"))
        bound = None if target is None else measure.factor * _samples.not_negative("target", target)
        several = [name for name, values in sweep.parameters.items() if len(values) > 1]
        if sweep.is_grid and len(several) > 2:
            raise ConfigurationError(
                f"sweep: {len(several)} parameters vary ({', '.join(several)}), and a picture has "
                "room for 2: choose points with sweep.at(...), or run a smaller sweep",
                argument="sweep",
            )
        grid = Grid.of(sweep, measure, function, shares, confidence)
        _refuse(grid, kind)
        detail = f"{source(sweep.runs[0])} at each point, on common random numbers{grid.fixed}"
        display = cls(
            grid, measure, function=function, levels=shares, confidence=confidence, target=bound,
            detail=detail,
        )  # fmt: skip
        return display.plot(ax, kind)

    def plot(self, ax: Axes | None = None, kind: Kind = "auto") -> Self:
        """Draw, into `ax` or a figure of its own; returns itself."""
        if ax is None:
            ax = _style.new_figure(10, 6, dpi=100).subplots()
        self.ax_, self.figure_ = ax, _style.root_figure(ax)
        self.reached_, self.target_line_, self.target_contour_ = [], None, None
        self.mean_lines_, self.interval_areas_, self.spread_areas_ = [], [], []
        self.zero_marks_, self.cell_texts_ = [], []
        heads = [_text.label(axis.name, 40) for axis in self.grid.axes]
        if len(heads) == 2 and kind != "curves":
            self.kind_ = "heatmap"
            marks, beside = _heatmap.draw(self, ax), 1.0
        else:
            marks, beside = _curves.draw(self, ax), 1.0
        headline = f"{_text.label(self.function)}: {self.measure.name} by {' and '.join(heads)}"
        _caption.caption(ax, headline, self.detail, marks, beside=beside)
        return self

    def _repr_png_(self) -> bytes | None:
        """Show the picture in a notebook."""
        return _caption.png(self)


def _refuse(grid: Grid, kind: Kind) -> None:
    """Refuse what cannot be drawn, before a figure is made."""
    shape = grid.mean.shape
    if len(shape) == 1 and kind == "heatmap":
        raise ConfigurationError(
            "kind = 'heatmap': it takes two parameters that vary; the sweep has one",
            argument="kind",
        )
    if len(shape) == 2 and kind == "curves" and min(shape) > _MOST_CURVES:
        raise ConfigurationError(
            f"kind = 'curves': {min(shape):,} curves cannot be told apart; one parameter must have "
            f"at most {_MOST_CURVES} values, or use 'heatmap'",
            argument="kind",
        )
