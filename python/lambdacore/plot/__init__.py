"""Pictures: concurrency against its limits over time, and what many replications say.

>>> import lambdacore as lc
>>> from lambdacore.plot import ConcurrencyDisplay
>>> trace = lc.Trace(arrival=[0.0] * 30, function="checkout", duration=0.2)
>>> result = lc.simulate(lc.Account.for_trace(trace, 20, unreserved_floor=0), trace)
>>> display = ConcurrencyDisplay.from_result(result)        # doctest: +SKIP
>>> display.figure_.savefig("concurrency.png")              # doctest: +SKIP

`ConcurrencyDisplay` and `compare` draw single runs; `BandsDisplay`, `ForestDisplay` and
`SweepDisplay` draw what `monte_carlo`, `lambdacore.compare` and `sweep` return, and keep two
things apart: the spread between replications, and the interval of their mean.

matplotlib is imported when something is drawn, not before: ``pip install
'lambdacore-sim[plot]'``. pyplot is never touched: a figure belongs to its display and is
freed with it. To draw into a figure of pyplot, give one of its axes as ``ax``.
"""

from lambdacore.plot._compare import Comparison, compare
from lambdacore.plot._display import ConcurrencyDisplay
from lambdacore.plot._forest import ForestDisplay
from lambdacore.plot._periods import BandsDisplay
from lambdacore.plot._sweep import SweepDisplay

__all__ = [
    "BandsDisplay",
    "Comparison",
    "ConcurrencyDisplay",
    "ForestDisplay",
    "SweepDisplay",
    "compare",
]
