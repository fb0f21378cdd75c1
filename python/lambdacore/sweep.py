"""Sweeps: an answer over a grid of configurations, all on the same calls."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _text
from lambdacore._described import described
from lambdacore._intervals import Interval
from lambdacore._optional import needs
from lambdacore._runs_text import REGION, UNSEEN, share
from lambdacore.account import Account
from lambdacore.ensemble import recipe as recipes
from lambdacore.ensemble.driver import run_recipes
from lambdacore.ensemble.progress import Progress
from lambdacore.ensemble.tasks import How
from lambdacore.errors import ConfigurationError
from lambdacore.function import Function
from lambdacore.precision import Precision
from lambdacore.runs import STATISTICS, Runs
from lambdacore.workload import Workload

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Sweep", "sweep"]

#: Points of a sweep: more are refused before any is made.
_MOST_POINTS = 100_000
_FUNCTION_FIELDS = tuple(f.name for f in fields(Function) if f.name != "name")
_ACCOUNT_FIELDS = tuple(f.name for f in fields(Account) if f.init and f.name != "functions")


@dataclass(frozen=True)
class Sweep:
    """The runs of a grid (or list) of configurations. Prints as a table.

    Attributes
    ----------
    parameters : dict of str to tuple
        The values of each parameter; for a list of points, those of each point in turn.
    shape : tuple of int
        Points along each parameter; of a list, their number.
    runs : list of Runs
        Of each point, the last parameter running fastest.
    """

    parameters: dict[str, tuple[Any, ...]]
    shape: tuple[int, ...]
    runs: list[Runs] = field(repr=False)

    @property
    def is_grid(self) -> bool:
        """Whether every value of a parameter meets every value of the others."""
        return len(self.shape) == len(self.parameters)

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions."""
        return self.runs[0].functions

    def __len__(self) -> int:
        return len(self.runs)

    def values(self, statistic: str, function: str | None = None) -> npt.NDArray[Any]:
        """Give a statistic of every point.

        Returns
        -------
        ndarray, shape (*shape, replications, functions), or (*shape, replications) of one function
            or ``"Region"``
        """
        stacked = np.stack([runs.values(statistic, function) for runs in self.runs])
        return stacked.reshape(*self.shape, *stacked.shape[1:])

    @property
    def throttle_ratio(self) -> npt.NDArray[np.float64]:
        """Throttles / arrivals, shape (*shape, replications, functions)."""
        return self.values("throttle_ratio")

    def mean(self, statistic: str, function: str = REGION) -> npt.NDArray[np.float64]:
        """Give the mean over replications at every point, in the shape of the grid.

        As for intervals, replications without a value (no arrivals, no ratio) are left out.
        """
        means = [
            float(runs.interval(statistic, function, method="t").estimate) for runs in self.runs
        ]
        return np.array(means).reshape(self.shape)

    def interval(
        self, statistic: str, function: str = REGION, *, confidence: float = 0.95
    ) -> Interval:
        """Give the mean over replications with its interval, at every point."""
        found = [runs.interval(statistic, function, confidence=confidence) for runs in self.runs]

        def grid(name: str) -> npt.NDArray[np.float64]:
            return np.array([float(getattr(one, name)) for one in found]).reshape(self.shape)

        methods = " or ".join(dict.fromkeys(one.method for one in found))
        return Interval(
            grid("estimate"), grid("low"), grid("high"), confidence, methods, len(self.runs[0])
        )

    def at(self, **point: Any) -> Runs:
        """Give the runs of one point, by the values of its parameters.

        A parameter is named as in `parameters`, with its dots, through a mapping:
        ``sweep.at(**{"checkout.reserved_concurrency": 200})``.
        """
        for name in point:
            _check.one_of("parameter", name, self.parameters)
        found = [
            index
            for index, given in enumerate(self.points())
            if all(given[name] == value for name, value in point.items())
        ]
        if len(found) != 1:
            missing = ", ".join(name for name in self.parameters if name not in point)
            what = f"{len(found):,} have it: give {missing} too" if found else "the sweep has none"
            raise ConfigurationError(f"point: with {point}, {what}", argument="point")
        return self.runs[found[0]]

    def points(self) -> list[dict[str, Any]]:
        """Give the values of the parameters at every point, in the order of `runs`."""
        names = list(self.parameters)
        combine = itertools.product if self.is_grid else _in_turn
        return [
            dict(zip(names, values, strict=True)) for values in combine(*self.parameters.values())
        ]

    def smallest(
        self,
        parameter: str,
        statistic: str = "throttle_ratio",
        at_most: float = 0.001,
        function: str = REGION,
    ) -> Any:
        """Give the smallest value of the only parameter at which the mean is small enough.

        Returns
        -------
        The value, or None where it is not among them.
        """  # fmt: skip
        _check.one_of("parameter", parameter, self.parameters)
        if len(self.parameters) != 1:
            raise ConfigurationError(
                "parameter: there are several; choose points with at()", argument="parameter"
            )
        means = self.mean(statistic, function)
        good = [v for v, m in zip(self.parameters[parameter], means, strict=True) if m <= at_most]
        return min(good) if good else None

    def plot(self, statistic: str = "throttle_ratio", **values: Any) -> Any:
        """Draw curves with bands, or a heat map: see `lambdacore.plot.SweepDisplay`."""
        from lambdacore.plot import SweepDisplay

        return SweepDisplay.from_sweep(self, statistic, **values)

    def to_xarray(self) -> xr.Dataset:
        """Convert to an xarray dataset over the parameters, replication and function.

        A list of points has one dimension, ``point``, along which the parameters lie.
        """
        with needs("xarray", "frames"):
            import xarray as xr

        names = list(self.parameters) if self.is_grid else ["point"]
        dims = (*names, "replication", "function")
        coords: dict[str, Any] = {
            "replication": self.runs[0].replications,
            "function": [*self.functions, REGION],
        }
        for name, values in self.parameters.items():
            labels = [value if isinstance(value, int | float) else str(value) for value in values]
            coords[name] = (name if self.is_grid else "point", labels)
        data = {}
        for statistic in STATISTICS:
            both = [self.values(statistic), self.values(statistic, REGION)[..., None]]
            data[statistic] = (dims, np.concatenate(both, axis=-1))
        return xr.Dataset(data, coords=coords, attrs=self.runs[0]._attributes())

    def to_pandas(self) -> pd.DataFrame:
        """Convert to a pandas frame: a row for each point, replication and function."""
        with needs("pandas", "frames"):
            import pandas as pd

        frames = [runs.to_pandas().reset_index() for runs in self.runs]
        for frame, point in zip(frames, self.points(), strict=True):
            for i, (name, value) in enumerate(point.items()):
                frame.insert(i, name, value if isinstance(value, int | float) else str(value))
        return pd.concat(frames, ignore_index=True)

    def table(self, function: str = REGION, shown: int = 40) -> _text.Table:
        """Give the table of one function: print it with rich, or `str` it."""
        return _text.Table(*self.rows(shown, function), spare=("peak", "cold"), total=False)

    def rows(
        self, shown: int = 40, function: str = REGION
    ) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows and a note."""
        names = list(self.parameters)
        points = self.points()
        body = [
            [
                *(_text.label(_said(point[name])) for name in names),
                share(runs.interval("throttle_ratio", function)),
                share(runs.interval("cold_start_ratio", function)),
                f"{np.quantile(runs.values('peak_concurrency', function), 0.5):,.0f}",
            ]
            for point, runs in itertools.islice(zip(points, self.runs, strict=True), shown)
        ]
        notes = []
        if len(points) > shown:
            notes.append(f"… and {_text.count(len(points) - shown, 'more point')}")
        first = self.runs[0]
        whose = "the Region" if function == REGION else _text.label(function)
        notes.append(
            f"{whose}, {_text.count(len(first), 'replication')} of {first.horizon:g} s at each "
            f"point, on common random numbers, seed {first.seed}; 95 % intervals of the mean"
        )
        if any(cell.startswith("<") for row in body for cell in row):
            notes.append(UNSEEN)
        return [*names, "throttled", "cold", "peak"], body, "\n".join(notes)

    def __rich__(self) -> _text.Table:
        return self.table()

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows(), total=False)

    def __repr__(self) -> str:
        return _text.plain(self)


def _said(value: Any) -> str:
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _in_turn(*values: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    return zip(*values, strict=True)


def sweep(
    account: Account,
    workload: Workload,
    parameters: Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]],
    *,
    horizon: float,
    replications: int | Precision = 200,
    rng: Any = None,
    warm_up: float = 0.0,
    start: Literal["empty", "warm", "deletion"] | None = None,
    period: float | None = None,
    quantiles: Sequence[float] = (),
    threads: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    retries: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool | Progress | None = None,
) -> Sweep:
    """Run a workload on a grid of configurations.

    Parameters
    ----------
    account, workload
        Where it begins from.
    parameters : mapping of str to values, or sequence of mappings
        What is varied: every value of each with every value of the others; or a list of points,
        each giving the same parameters. A name is a field of the account (``"concurrency_limit"``),
        of a function (``"checkout.reserved_concurrency"``), or of the workload
        (``"workload.checkout.arrivals.rate"``, ``"workload.checkout.duration.mean"``).
    horizon, replications, rng, warm_up, start, period, quantiles
        As for `monte_carlo`.
    threads, executor, chunk, checkpoint, retries, on_error, progress
        As for `monte_carlo`.

    Returns
    -------
    Sweep

    Raises
    ------
    ConfigurationError
        An unknown parameter, or a point at which the account cannot be (it is named), before
        anything is run.

    Notes
    -----
    All points meet common random numbers: the calls of a replication are drawn and ordered once,
    and every account runs over them. Where the workload varies, its draws stay the same.

    Examples
    --------
    >>> import lambdacore as lc
    >>> workload = lc.Workload({"f": lc.Stream(lc.Poisson(100), lc.LogNormal(0.2, 1.5))})
    >>> account = lc.Account.for_trace(workload, 50, unreserved_floor=0)
    >>> limits = lc.sweep(
    ...     account, workload, {"concurrency_limit": range(20, 61, 5)},
    ...     horizon=600, replications=20, rng=7,
    ... )
    >>> limits.smallest("concurrency_limit", at_most=0.01)
    30
    """
    checked, shape = _checked(parameters)
    _check.instance("account", account, "an Account", isinstance(account, Account))
    _check.instance("workload", workload, "a Workload", isinstance(workload, Workload))
    points = Sweep(checked, shape, []).points()
    # Points that share a workload share its calls.
    groups: dict[str, tuple[Workload, list[int], list[Account]]] = {}
    for index, point in enumerate(points):
        at, traffic = _applied(account, workload, point)
        key = str(described(traffic)) if traffic is not workload else ""
        groups.setdefault(key, (traffic, [], []))
        groups[key][1].append(index)
        groups[key][2].append(at)
    made = [
        recipes.make(
            tuple(accounts),
            traffic,
            horizon=horizon,
            warm_up=warm_up,
            start=start,
            seed=0,
            period=period,
            quantiles=quantiles,
        )
        for traffic, _, accounts in groups.values()
    ]
    how = How(threads, executor, chunk, checkpoint, retries, on_error).checked()
    results = run_recipes(made, replications, rng, how, progress, "sweeping")
    runs: list[Any] = [None] * len(points)
    for (_, indices, _), of_group in zip(groups.values(), results, strict=True):
        for index, result in zip(indices, of_group, strict=True):
            runs[index] = result
    return Sweep(checked, shape, runs)


def _checked(
    parameters: Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]],
) -> tuple[dict[str, tuple[Any, ...]], tuple[int, ...]]:
    """Read a grid or a list of points: the values by parameter, and the shape."""
    if isinstance(parameters, Mapping):
        for name, values in parameters.items():
            several = isinstance(values, Iterable) and not isinstance(values, str)
            _check.instance(f"parameters[{name!r}]", values, "several values", several)
        # A range of limits is read value by value, up to a bound.
        checked = {
            _check.name("parameters", name): tuple(itertools.islice(values, _MOST_POINTS + 1))
            for name, values in parameters.items()
        }
        shape = tuple(len(values) for values in checked.values())
    else:
        several = isinstance(parameters, Iterable) and not isinstance(parameters, str)
        _check.instance("parameters", parameters, "a mapping, or a list of them", several)
        points = list(itertools.islice(parameters, _MOST_POINTS + 1))
        for i, point in enumerate(points):
            good = isinstance(point, Mapping)
            _check.instance(f"parameters[{i}]", point, "a mapping of names to values", good)
        names = list(points[0]) if points else []
        for i, point in enumerate(points):
            if set(point) != set(names):
                raise ConfigurationError(
                    f"parameters[{i}] gives {', '.join(point)}; the first gives {', '.join(names)}",
                    argument="parameters",
                )
        checked = {name: tuple(point[name] for point in points) for name in names}
        shape = (len(points),) if names else ()
    total = int(np.prod([float(n) for n in shape])) if shape else 0
    if not total:
        raise ConfigurationError(
            "parameters: at least one, with a value, is needed", argument="parameters"
        )
    if total > _MOST_POINTS:
        raise ConfigurationError(
            f"parameters make {total:,} points; at most {_MOST_POINTS:,} are run",
            argument="parameters",
        )
    return checked, shape


def _applied(
    account: Account, workload: Workload, point: dict[str, Any]
) -> tuple[Account, Workload]:
    """Give account and workload at a point."""
    whole: dict[str, Any] = {}
    functions: dict[str, dict[str, Any]] = {}
    for name, value in point.items():
        function, dot, last = name.rpartition(".")
        if name.startswith("workload."):
            workload = workload.with_value(name.removeprefix("workload."), value)
        elif dot:
            account.index(function)
            _check.one_of(f"parameter {name!r}: field", last, _FUNCTION_FIELDS)
            functions.setdefault(function, {})[last] = value
        else:
            if name in _FUNCTION_FIELDS and name not in _ACCOUNT_FIELDS:
                raise ConfigurationError(
                    f"parameter = {name!r}: of which function? such as "
                    f"{account.functions[0].name + '.' + name!r}",
                    argument="parameter",
                )
            _check.one_of("parameter", name, _ACCOUNT_FIELDS)
            whole[name] = value
    if not (whole or functions):
        return account, workload
    try:
        # In one step: the claims of functions may need the new limit.
        changed = tuple(
            each.replace(**functions[each.name]) if each.name in functions else each
            for each in account
        )
        return account.replace(functions=changed, **whole), workload
    except ConfigurationError as error:
        said = ", ".join(f"{name} = {value!r}" for name, value in point.items())
        raise ConfigurationError(
            f"at {said}: {error}",
            argument=error.argument,
            aws_code=error.aws_code,
            aws_message=error.aws_message,
        ) from None
