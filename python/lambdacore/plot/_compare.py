"""The picture of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdacore.errors import ConfigurationError
from lambdacore.plot import _bands, _style, _words
from lambdacore.plot._display import ConcurrencyDisplay, _with_focus
from lambdacore.plot._rows import check_result, choose_period, rank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lambdacore.result import Result

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, as `compare` drew them.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure; ``figure_.savefig(path)`` writes it.
    displays_ : dict of str to ConcurrencyDisplay
        The panels by title, from left to right.
    """

    figure_: Figure
    displays_: dict[str, ConcurrencyDisplay]

    def _repr_png_(self) -> bytes | None:
        return next(iter(self.displays_.values()))._repr_png_()


def compare(
    results: Mapping[str, Result],
    *others: object,
    period: float | None = None,
    top: int = 6,
    colors: Mapping[str, str] | None = None,
    focus: str | None = None,
    title: str | None = None,
    **style: Any,
) -> Comparison:
    """Draw runs side by side: the same scales, and one colour for one function.

    Parameters
    ----------
    results : mapping of str to Result
        What `simulate` returned, by title, from left to right.
    period : float, optional
        Length of a bin in seconds; None takes a round one that gives 1,000 bins at most.
    top : int
        So many functions have a colour of their own: those that matter most in any run, by
        their share of the occupied concurrency or of the throttles.
    colors : mapping of str to str, optional
        Colours by function; they count over the palette.
    focus : str, optional
        The function of the headlines; None takes the one whose throttles fall most from
        the first run to the last (or rise most, if none falls).
    title : str, optional
        A title above all.
    **style
        What `ConcurrencyDisplay.plot` takes.

    Returns
    -------
    Comparison
        ``figure_`` and ``displays_``.

    Raises
    ------
    LambdacoreError
        matplotlib is not installed.
    ConfigurationError
        No result, or a `focus` that an account does not have.

    Examples
    --------
    >>> picture = compare({"default": before, "reserved": after})   # doctest: +SKIP
    >>> picture.figure_.savefig("comparison.png")                   # doctest: +SKIP
    """
    if others or not isinstance(results, Mapping) or not results:
        raise ConfigurationError(
            'results: give runs by title, as in compare({"before": one, "after": other})',
            argument="results",
        )
    for name in style:
        if name in ("legend", "height", "throttle_height"):
            raise ConfigurationError(
                f"{name} is the same for all panels and set by compare", argument=name
            )
    runs = [*results.values()]
    for name, run in results.items():
        check_result(f"results[{name!r}]", run)
    focus = _most_changed(runs[0], runs[-1]) if focus is None else focus
    names = _with_focus(rank(runs, top), focus, *runs)
    period = choose_period(runs) if period is None else period
    displays = {
        name: ConcurrencyDisplay._of(run, names, period, colors, focus)
        for name, run in results.items()
    }
    shown = [*displays.values()]
    height = max(map(_bands.natural_height, shown))
    throttle_height = max(map(_bands.natural_throttle_height, shown))
    figure = _style.new_figure()
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for (name, display), ax in zip(displays.items(), panels, strict=True):
        display.plot(
            ax, title=name, legend=False, height=height, throttle_height=throttle_height, **style
        )
        if ax is not panels[0]:
            ax.set_ylabel("")
            for quiet in (ax, display.throttle_ax_):
                quiet.tick_params(labelleft=False)
    _words.draw_legend(figure, shown, 105, loc="outside lower center")
    if title is not None:
        figure.suptitle(title, x=0.012, ha="left", fontsize=20, fontweight="bold", color=_style.INK)
    return Comparison(figure, displays)


def _most_changed(first: Result, last: Result) -> str | None:
    """Name the function with the largest fall in throttles, or else the largest rise."""
    was, now = first.summary(), last.summary()
    after = dict(zip(now.functions, now["throttles"].tolist(), strict=True))
    falls = {
        name: before - after[name]
        for name, before in zip(was.functions, was["throttles"].tolist(), strict=True)
        if name in after
    }
    if not any(falls.values()):
        return None
    best = max(falls, key=lambda name: falls[name])
    return best if falls[best] > 0 else min(falls, key=lambda name: falls[name])
