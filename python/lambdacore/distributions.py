"""Distributions of durations and inits: how long a handler runs, how long an init takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from lambdacore import _check, _columns, _core
from lambdacore._described import Described
from lambdacore._seeds import seed_of
from lambdacore.errors import ConfigurationError

__all__ = [
    "BoundedPareto",
    "Constant",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "LogNormal",
    "Mixture",
    "Quantiles",
    "Uniform",
    "Weibull",
]

#: A drawn length is cut here, at 2^60 ns: 36 years.
_LONGEST = 2.0**60 / 1e9

#: Deeper mixtures of mixtures would be too deep for the stack, more parts too many to draw from.
_MOST_NESTED = 32
_MOST_SIMPLE = 65_536


class Distribution(Described):
    """A distribution of lengths of time, in seconds.

    A stream draws from it once for each invocation, in whole nanoseconds; a length beyond 2^60 ns
    (36 years) is cut there. A draw depends on its key alone: seed, version of the streams,
    replication, function, purpose and number of the invocation.
    """

    #: How deep mixtures are nested in it, and how many distributions it comes to.
    _nested: ClassVar[int] = 0
    _simple: ClassVar[int] = 1

    def _spec(self) -> tuple[Any, ...]:
        """Describe it as the engine has it."""
        raise NotImplementedError

    if TYPE_CHECKING:  # a field of some, and a field that were also a property had a default

        @property
        def mean(self) -> float:
            """Mean in seconds."""

    def sample(self, size: int, rng: Any = None) -> npt.NDArray[np.float64]:
        """Draw some lengths, in seconds.

        Parameters
        ----------
        size : int
            How many.
        rng : None, int, SeedSequence or Generator
            The root of the draws; None takes fresh entropy.

        Returns
        -------
        ndarray of float64, shape (size,)
        """
        count = _check.whole("size", size, 0, 2**31 - 1)
        return _core.draw_law(self._spec(), seed_of(rng), count) / 1e9


def _length(argument: str, value: Any, *, above_zero: bool = False) -> float:
    number = _check.seconds(argument, value)
    if number > _LONGEST or (above_zero and number == 0):
        raise ConfigurationError(
            f"{argument} = {number} s: give seconds {'above' if above_zero else 'from'} 0 "
            f"{'' if above_zero else 'on '}up to 36 years",
            argument=argument,
        )
    return number


@dataclass(frozen=True)
class Constant(Distribution, kind="constant"):
    """Always the same.

    Parameters
    ----------
    value : float
        Seconds.
    """

    value: float

    def __post_init__(self) -> None:
        self._set(value=_length("value", self.value))

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return self.value

    def _spec(self) -> tuple[Any, ...]:
        return "constant", self.value


@dataclass(frozen=True)
class Uniform(Distribution, kind="uniform"):
    """Anything between two lengths, each alike.

    Parameters
    ----------
    low, high : float
        Seconds.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        self._set(low=_length("low", self.low), high=_length("high", self.high))
        _ascend(low=self.low, high=self.high)

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return (self.low + self.high) / 2

    def _spec(self) -> tuple[Any, ...]:
        return "uniform", self.low, self.high


@dataclass(frozen=True)
class Exponential(Distribution, kind="exponential"):
    """Exponential.

    Parameters
    ----------
    mean : float
        Seconds.
    """

    mean: float

    def __post_init__(self) -> None:
        self._set(mean=_length("mean", self.mean))

    def _spec(self) -> tuple[Any, ...]:
        return "exponential", self.mean


@dataclass(frozen=True)
class LogNormal(Distribution, kind="lognormal"):
    """Lognormal, the usual shape of durations: by mean and spread, or through two quantiles.

    Parameters
    ----------
    mean : float
        Seconds.
    cv : float
        Coefficient of variation, the standard deviation over the mean: 0 is constant, 1 spreads as
        an exponential does.
    quantiles : mapping of float to float, keyword
        Instead of the two: two probabilities and the seconds below which so much lies, such as
        ``{0.5: 0.1, 0.99: 2.0}``.

    Examples
    --------
    >>> import lambdacore as lc
    >>> round(lc.LogNormal(quantiles={0.5: 0.1, 0.99: 2.0}).mean, 3)
    0.229
    """

    mean: float = None  # type: ignore[assignment]
    cv: float = None  # type: ignore[assignment]
    quantiles: Any = None

    def __post_init__(self) -> None:
        if self.quantiles is None:
            if self.mean is None or self.cv is None:
                raise ConfigurationError(
                    "LogNormal: give mean= and cv=, or quantiles={0.5: ..., 0.99: ...}",
                    argument="mean" if self.mean is None else "cv",
                )
            _spread("cv", self.cv, zero=True)
            self._set(mean=_length("mean", self.mean, above_zero=True), cv=float(self.cv))
            return
        given = self.quantiles
        try:
            pairs = [
                # A table of TOML has words as its keys.
                (_check.ratio("quantiles", float(p) if isinstance(p, str) else p), q)
                for p, q in (given.items() if isinstance(given, Mapping) else given)
            ]
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"quantiles = {given!r}: two probabilities with their seconds are needed, such as "
                "{0.5: 0.1, 0.99: 2.0}",
                argument="quantiles",
            ) from None
        if len(pairs) != 2:
            raise ConfigurationError(
                f"quantiles: give two, not {len(pairs)}; through more of them: lc.Quantiles",
                argument="quantiles",
            )
        (p, low), (q, high) = sorted(pairs)
        if not 0 < p < q < 1:
            raise ConfigurationError(
                f"quantiles: probabilities {p:g} and {q:g}: two between 0 and 1 are needed",
                argument="quantiles",
            )
        low = _length("quantiles", low, above_zero=True)
        high = _length("quantiles", high, above_zero=True)
        if low > high:
            raise ConfigurationError(
                f"quantiles: {high:g} s at {q:g} is below {low:g} s at {p:g}", argument="quantiles"
            )
        self._set(quantiles=((p, low), (q, high)))
        from statistics import NormalDist

        at_p, at_q = NormalDist().inv_cdf(p), NormalDist().inv_cdf(q)
        sigma = math.log(high / low) / (at_q - at_p)
        mu = math.log(low) - sigma * at_p
        if sigma > 5:
            raise ConfigurationError(
                f"quantiles: a factor of {high / low:g} between {p:g} and {q:g} is no lognormal "
                "spread (its cv would be above 10^5)",
                argument="quantiles",
            )
        mean, cv = math.exp(mu + sigma**2 / 2), math.sqrt(math.expm1(sigma**2))
        for name, derived in (("mean", mean), ("cv", cv)):
            if getattr(self, name) not in (None, derived):
                raise ConfigurationError(
                    f"quantiles: they give the {name} ({derived:g}); leave {name}= out",
                    argument="quantiles",
                )
        self._set(mean=mean, cv=cv)

    def replace(self, **changes: Any) -> LogNormal:
        """Give the same with some fields changed; a mean or a cv takes the quantiles' place."""
        if self.quantiles is not None and changes and "quantiles" not in changes:
            changes = {"mean": self.mean, "cv": self.cv, "quantiles": None, **changes}
        return super().replace(**changes)

    def _spec(self) -> tuple[Any, ...]:
        if self.quantiles is not None:
            return "lognormal-through", *self.quantiles
        return "lognormal", self.mean, self.cv


@dataclass(frozen=True)
class Gamma(Distribution, kind="gamma"):
    """Gamma.

    Parameters
    ----------
    mean : float
        Seconds.
    cv : float
        Coefficient of variation: below 1 more even than exponential, above 1 less.
    """

    mean: float
    cv: float

    def __post_init__(self) -> None:
        self._set(mean=_length("mean", self.mean, above_zero=True), cv=_spread("cv", self.cv))

    def _spec(self) -> tuple[Any, ...]:
        return "gamma", self.mean, self.cv


@dataclass(frozen=True)
class Weibull(Distribution, kind="weibull"):
    """Weibull: the share that lasts longer than x is exp(-(x / scale)^shape).

    Parameters
    ----------
    shape : float
        Below 1 the tail is heavier than an exponential's.
    scale : float
        Seconds.
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        self._set(
            shape=_spread("shape", self.shape, least=0.01),
            scale=_length("scale", self.scale, above_zero=True),
        )

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return self.scale * math.gamma(1 + 1 / self.shape)

    def _spec(self) -> tuple[Any, ...]:
        return "weibull", self.shape, self.scale


@dataclass(frozen=True)
class BoundedPareto(Distribution, kind="bounded-pareto"):
    """Pareto between two bounds: heavy tails as they are measured, cut at the timeout.

    Parameters
    ----------
    alpha : float
        The exponent of the tail; at 2 or below, its spread is the bounds' alone.
    low, high : float
        Seconds.
    """

    alpha: float
    low: float
    high: float

    def __post_init__(self) -> None:
        low = _length("low", self.low, above_zero=True)
        high = _length("high", self.high, above_zero=True)
        self._set(alpha=_positive("alpha", self.alpha), low=low, high=high)
        _ascend(strictly=True, low=low, high=high)

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        tail = (self.low / self.high) ** self.alpha
        if math.isclose(self.alpha, 1):
            return float(self.low * math.log(self.high / self.low) / (1 - tail))
        below = self.low - tail * self.high
        return float(self.alpha / (self.alpha - 1) * below / (1 - tail))

    def _spec(self) -> tuple[Any, ...]:
        return "bounded-pareto", self.alpha, self.low, self.high


@dataclass(frozen=True, eq=False)
class Empirical(Distribution, kind="empirical"):
    """Any of some measured lengths, each alike.

    Parameters
    ----------
    samples : array_like, shape (n,)
        Float seconds, integer nanoseconds or ``timedelta64``, as the durations of a trace.

    Attributes
    ----------
    samples : ndarray of int64, shape (n,)
        Nanoseconds; read-only.
    """

    samples: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        array = _columns.as_array("samples", self.samples)
        samples = np.array(_columns.nanoseconds("samples", array, "m"), dtype=np.int64)
        if not len(samples):
            raise ConfigurationError("samples: at least one is needed", argument="samples")
        if (samples > 2**60).any():
            at = int((samples > 2**60).argmax())
            raise ConfigurationError(f"samples[{at}] is longer than 36 years", argument="samples")
        samples.flags.writeable = False
        self._set(samples=samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash((len(self.samples), int(self.samples[0]), int(self.samples[-1])))

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return float(self.samples.mean()) / 1e9

    def _spec(self) -> tuple[Any, ...]:
        return "empirical", self.samples.view(np.uint64)

    def __repr__(self) -> str:
        return f"Empirical(<{len(self.samples):,} samples, mean {self.mean:.4g} s>)"


@dataclass(frozen=True)
class Quantiles(Distribution, kind="quantiles"):
    """Through given quantiles, straight in between: what is published instead of samples.

    Parameters
    ----------
    probabilities : sequence of float
        Ascending from 0 to 1.
    values : sequence of float
        The seconds that go with them, ascending.
    """

    probabilities: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        chances = tuple(
            _check.ratio(f"probabilities[{i}]", p)
            for i, p in enumerate(sequence("probabilities", self.probabilities))
        )
        lengths = tuple(
            _length(f"values[{i}]", value)
            for i, value in enumerate(sequence("values", self.values))
        )
        if len(chances) != len(lengths) or len(chances) < 2:
            raise ConfigurationError(
                f"{len(chances)} probabilities and {len(lengths)} values: as many of each are "
                "needed, two at least",
                argument="values",
            )
        if chances[0] != 0 or chances[-1] != 1:
            raise ConfigurationError(
                "probabilities: the first is 0 and the last 1", argument="probabilities"
            )
        for argument, numbers, equal in (
            ("probabilities", chances, False),
            ("values", lengths, True),
        ):
            for i in range(1, len(numbers)):
                if numbers[i] < numbers[i - 1] or (numbers[i] == numbers[i - 1] and not equal):
                    raise ConfigurationError(
                        f"{argument}[{i}] = {numbers[i]:g} comes after {numbers[i - 1]:g}: they "
                        "ascend",
                        argument=argument,
                    )
        self._set(probabilities=chances, values=lengths)

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        middle = (np.array(self.values[1:]) + np.array(self.values[:-1])) / 2
        return float((np.diff(self.probabilities) * middle).sum())

    def _spec(self) -> tuple[Any, ...]:
        return "quantiles", list(self.probabilities), list(self.values)


@dataclass(frozen=True)
class Mixture(Distribution, kind="mixture"):
    """Now one distribution, now another: a cache hit or a miss.

    Parameters
    ----------
    parts : sequence of Distribution or float
        A number is a constant.
    weights : sequence of float
        How often each is drawn from, in proportion.

    Raises
    ------
    ConfigurationError
        Without parts or weights, where a weight is negative, all are 0, or their number is not
        that of the parts; where mixtures are nested more than 32 deep, or come to more than
        65,536 distributions.

    Examples
    --------
    >>> import lambdacore as lc
    >>> round(lc.Mixture([0.01, lc.Exponential(1.0)], weights=[9, 1]).mean, 6)
    0.109
    """

    parts: Sequence[Distribution]
    weights: Sequence[float]

    def __post_init__(self) -> None:
        parts = tuple(
            distribution(f"parts[{i}]", part)
            for i, part in enumerate(sequence("parts", self.parts))
        )
        weights = tuple(
            _positive(f"weights[{i}]", weight, zero=True)
            for i, weight in enumerate(sequence("weights", self.weights))
        )
        if not parts or len(parts) != len(weights) or not sum(weights):
            raise ConfigurationError(
                f"{len(parts)} parts and {len(weights)} weights: as many of each are needed, and "
                "a weight above 0",
                argument="weights",
            )
        nested = 1 + max(part._nested for part in parts)
        simple = sum(part._simple for part in parts)
        if nested > _MOST_NESTED or simple > _MOST_SIMPLE:
            raise ConfigurationError(
                f"parts: {simple:,} distributions, mixtures in mixtures {nested} deep; at most "
                f"{_MOST_SIMPLE:,} and {_MOST_NESTED} deep are taken. A mixture of the innermost "
                "parts, with the products of their weights, is the same",
                argument="parts",
            )
        self._set(parts=parts, weights=weights, _nested=nested, _simple=simple)

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        means = (weight * part.mean for weight, part in zip(self.weights, self.parts, strict=True))
        return sum(means) / sum(self.weights)

    def _spec(self) -> tuple[Any, ...]:
        return "mixture", list(self.weights), [part._spec() for part in self.parts]


def distribution(argument: str, value: Any) -> Distribution:
    """Read a distribution; a number is a constant."""
    if isinstance(value, Distribution):
        return value
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        try:
            return Constant(float(value))
        except ConfigurationError as error:
            text = str(error).replace("value", argument, 1)
            raise ConfigurationError(text, argument=argument) from None
    raise ConfigurationError(
        f"{argument} = {value!r}: a distribution such as lc.LogNormal(mean=0.2, cv=1.5), or "
        "seconds, is needed",
        argument=argument,
    )


def _positive(argument: str, value: Any, *, zero: bool = False) -> float:
    number = _check._number(argument, value)
    if not (number > 0 or (zero and number == 0)) or math.isinf(number):
        raise ConfigurationError(
            f"{argument} = {number}: a number {'from 0 on' if zero else 'above 0'} is needed",
            argument=argument,
        )
    return number


def _spread(argument: str, value: Any, *, zero: bool = False, least: float = 1e-6) -> float:
    """Check a shape or a cv: beyond some bounds there is nothing left to draw."""
    number = _positive(argument, value, zero=zero)
    if number > 1e5 or 0 < number < least:
        raise ConfigurationError(
            f"{argument} = {number:g}: a number from {least:g} to 100,000 is needed",
            argument=argument,
        )
    return number


def sequence(argument: str, values: Any) -> list[Any]:
    """Read a sequence; a single value is none."""
    try:
        return list(values)
    except TypeError:
        raise ConfigurationError(
            f"{argument} = {values!r}: several values are needed", argument=argument
        ) from None


def _ascend(*, strictly: bool = False, **values: float) -> None:
    (name, low), (above, high) = values.items()
    if low > high or (strictly and low == high):
        raise ConfigurationError(
            f"{above} = {high:g} is not above {name} = {low:g}", argument=above
        )
