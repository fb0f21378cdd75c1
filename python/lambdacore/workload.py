"""Workloads: what calls the functions of an account, as distributions instead of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from lambdacore import _check, _core, _text
from lambdacore._described import Described
from lambdacore._seeds import seed_of
from lambdacore.arrivals import Arrivals, Poisson, Span, arrivals
from lambdacore.distributions import Distribution, Empirical, distribution
from lambdacore.errors import ConfigurationError, SeriesSizeError
from lambdacore.function import FixedDict
from lambdacore.rate import Rate
from lambdacore.recorded import Recorded
from lambdacore.trace import Trace

if TYPE_CHECKING:
    from lambdacore.readers.quality import WorkloadQuality

__all__ = ["Stream", "Workload"]

#: Nanoseconds that a horizon may have: 73 years.
_LONGEST = 2**61 - 1
#: Calls of a sample, unless more are allowed.
_MOST_SAMPLED = 200_000_000


@dataclass(frozen=True)
class Stream(Described, kind="stream"):
    """The calls of one function: when they come, how long each runs.

    Parameters
    ----------
    arrivals : Arrivals or float
        When calls come; a number is a Poisson rate a second.
    duration : Distribution, float or None
        How long the handler runs, without init; a number of seconds is a constant. None where the
        arrivals bring durations along (`Recorded`).
    init : Distribution, float or None, keyword
        How long the init takes of a call that starts cold. None leaves it to the account
        (`Function.init_duration`).
    """

    arrivals: Arrivals
    duration: Distribution | None = None
    init: Distribution | None = None

    def __post_init__(self) -> None:
        self._set(arrivals=arrivals("arrivals", self.arrivals))
        for name in ("duration", "init"):
            value = getattr(self, name)
            self._set(**{name: None if value is None else distribution(name, value)})
        if self.duration is None and not self.arrivals.brings_durations:
            raise ConfigurationError(
                "duration is missing: give a distribution or seconds", argument="duration"
            )

    def _spec(self, name: str, span: Span) -> tuple[Any, ...]:
        parts = [part._spec(span) for part in self.arrivals._parts()]
        lengths = [None if law is None else law._spec() for law in (self.duration, self.init)]
        return name, parts, *lengths


@dataclass(frozen=True, eq=False)
class Workload(Described, kind="workload"):
    """Streams of calls, one for each function (or version, or alias).

    Parameters
    ----------
    streams : mapping of str to Stream
        By what is invoked: ``"checkout"``, ``"checkout:live"``.

    Notes
    -----
    Every draw has a key of its own: seed, version of the streams, replication, name of the
    function, purpose and number of the call. So another function, another limit, another number of
    threads changes nobody's draws: two accounts meet the same calls.

    Examples
    --------
    >>> import lambdacore as lc
    >>> workload = lc.Workload({
    ...     "checkout": lc.Stream(lc.Poisson(rate=120), duration=lc.LogNormal(mean=0.2, cv=1.5)),
    ...     "reports": lc.Stream(lc.Every(60, count=50), duration=lc.Exponential(4.0)),
    ... })
    >>> workload.sample(horizon=60, rng=7)
    <Trace: 7,102 invocations of 2 functions in 0 s .. 59.996845187 s>
    """

    streams: Mapping[str, Stream]

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        if not isinstance(streams, Mapping) or not streams:
            raise ConfigurationError(
                "streams: a mapping of names to lc.Stream is needed, with one at least",
                argument="streams",
            )
        for name, stream in streams.items():
            _check.name("streams", name)
            _check.instance(f"streams[{name!r}]", stream, "a Stream", isinstance(stream, Stream))
        self._set(streams=FixedDict(streams))

    @property
    def quality(self) -> WorkloadQuality | None:
        """What `read_azure2019` read and left out; None for a workload made otherwise.

        It is no part of the workload's value: `replace` and `with_value` give one without it.
        """
        quality: WorkloadQuality | None = self.__dict__.get("_quality")
        return quality

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the streams, in order; a trace that is drawn lists them so."""
        return tuple(self.streams)

    def __getitem__(self, name: str) -> Stream:
        _check.one_of("stream", name, self.streams)
        return self.streams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.streams)

    def __len__(self) -> int:
        return len(self.streams)

    def __eq__(self, other: object) -> bool:
        # The order counts: traces list functions by it, and ties at one instant follow it.
        return isinstance(other, Workload) and [*self.streams.items()] == [*other.streams.items()]

    def __hash__(self) -> int:
        return hash(tuple(self.streams))

    def replace(self, name: str | None = None, /, **changes: Any) -> Self:
        """Give the same with some of a stream changed.

        Parameters
        ----------
        name : str, positional
            The stream.
        **changes
            Fields of the stream: ``workload.replace("checkout", duration=lc.Constant(0.3))``. For
            fields further in, see `with_value`.
        """
        if name is None:
            return super().replace(**changes)
        return type(self)({**self.streams, name: self[name].replace(**changes)})

    def with_value(self, path: str, value: Any) -> Self:
        """Give the same with one value changed, named by its path.

        Parameters
        ----------
        path : str
            The stream, and fields from there on, with dots: ``"checkout.arrivals.rate"``,
            ``"checkout.duration.mean"``, ``"checkout.arrivals.parts.1.count"``.
        value
            The new value.

        Raises
        ------
        ConfigurationError
            There is no such stream or field, or it cannot have that value.
        """
        name, _, rest = path.partition(".")
        _check.one_of(f"workload.{path}: stream", name, self.streams)
        if not rest:
            raise ConfigurationError(
                f"workload.{path}: which field of the stream? {_fields(self[name])}", argument=path
            )
        changed = _with_value(self[name], rest.split("."), value, f"workload.{path}")
        return type(self)({**self.streams, name: changed})

    def expected_calls(self, horizon: float) -> float:
        """Give the number of calls to expect in the first `horizon` seconds, about.

        States that a process begins in, and calls that come late (`spread`, `jitter`), are
        reckoned with roughly: in a horizon that is long beside them they do not matter.
        """
        span = span_of(horizon)
        return float(self._engine(span).expected(span.horizon))

    def sample(
        self,
        horizon: float,
        rng: Any = None,
        *,
        replication: int = 0,
        warm_up: float = 0.0,
        most: int = _MOST_SAMPLED,
        progress: Callable[[int], object] | None = None,
    ) -> Trace:
        """Draw the calls of one replication as a trace.

        Parameters
        ----------
        horizon : float
            Seconds of traffic: calls that arrive in ``[0, horizon)``.
        rng : None, int, SeedSequence or Generator
            The root of the draws; None takes fresh entropy.
        replication : int
            Which replication: `monte_carlo` with the same seed runs these very calls.
        warm_up : float
            Seconds of traffic before time zero; they stand first, and the trace begins with them.
        most : int
            What would probably be more calls is refused.
        progress : callable, optional
            Called now and then with the calls drawn so far.

        Returns
        -------
        Trace
            With a column `init` where a stream gives inits.

        Raises
        ------
        SeriesSizeError
            About more calls than `most` are to be expected.
        """
        span = span_of(horizon, warm_up)
        _check.whole("replication", replication, 0, 2**63 - 1)
        engine = self._engine(span)
        expected = engine.expected(span.lead + span.horizon)
        if expected > most:
            raise SeriesSizeError(
                f"about {expected:,.3g} calls are to be expected, more than most={most:,}: shorten "
                "the horizon, raise most=, or run monte_carlo, which keeps no calls"
            )
        arrival, function, duration, init = engine.sample(
            seed_of(rng), replication, *span, progress=progress
        )
        return Trace._from_columns(
            arrival.view(np.int64),
            function,
            duration.view(np.int64),
            self.functions,
            init=None if init is None else init.view(np.int64),
        )

    @classmethod
    def fit(
        cls,
        trace: Trace,
        how: Literal["blocks", "rate"] = "blocks",
        *,
        block: float | None = None,
        period: float = 60.0,
        scale: float = 1.0,
        scale_as: Literal["users", "faster", "stretched"] | None = None,
    ) -> Self:
        """Make a workload of recorded traffic, a stream for each function.

        Parameters
        ----------
        trace : Trace
            The record.
        how : {"blocks", "rate"}
            ``"blocks"`` plays blocks of the record, drawn at random, with their durations: what
            lies within a block stays as it was; the time of day goes, a burst that is longer than
            a block is torn, and functions draw their blocks apart from each other. ``"rate"``
            takes the rate of each `period` and draws calls independently at that rate, with
            durations from the measured ones: the pattern of the day stays, bursts within a period
            go.
        block : float, optional
            Seconds of a block; without it the twentieth part of the record, and a second at least.
        period : float
            For ``"rate"``: seconds in which the rate is constant. The pattern repeats after the
            record.
        scale, scale_as
            More traffic than was recorded, and what that means: see `Recorded`. For ``"rate"``
            only ``"users"`` has a meaning.

        Returns
        -------
        Workload
        """
        _check.instance("trace", trace, "a Trace", isinstance(trace, Trace))
        _check.one_of("how", how, ("blocks", "rate"))
        if not len(trace):
            raise ConfigurationError("trace: it holds no call to fit", argument="trace")
        first, last = trace.span
        # A record of one instant is taken to last a second.
        length = max(last - first + 1, 10**9 if last == first else 1_000_000)
        span = length / 1e9
        bin_length = _check.to_nanoseconds(_check.length("period", period))
        if bin_length < 1_000:
            raise ConfigurationError("period: a microsecond or more", argument="period")
        # What is left over at the end is a bin of its own if it is not next to nothing.
        bins = max(length // bin_length + (length % bin_length > bin_length // 1_000), 1)
        starts = [i * bin_length / 1e9 for i in range(bins)]
        lengths = np.diff([*starts, span])
        streams = {}
        for index, name in enumerate(trace.functions):
            rows = trace.function == index
            if not rows.any():
                continue
            if how == "blocks":
                taken = min(max(span / 20, 1.0), span) if block is None else block
                streams[name] = Stream(
                    Recorded(
                        trace.arrival[rows] - first, trace.duration[rows], span, taken,
                        scale, scale_as,
                    )
                )  # fmt: skip
                continue
            if scale != 1 and scale_as != "users":
                raise ConfigurationError(
                    "scale_as: of a rate, only 'users' has a meaning", argument="scale_as"
                )
            places = np.minimum((trace.arrival[rows] - first) // bin_length, bins - 1)
            rates = scale * np.bincount(places, minlength=bins) / lengths
            pattern = Rate.steps(starts, rates.tolist(), span)
            streams[name] = Stream(Poisson(pattern), Empirical(trace.duration[rows]))
        return cls(streams)

    def _engine(self, span: Span) -> _core.Workload:
        """Give the engine's form, which is kept: thousands of streams take a while."""
        kept: tuple[Span, _core.Workload] | None = self.__dict__.get("_kept")
        if kept is None or kept[0] != span:
            specs = [stream._spec(name, span) for name, stream in self.streams.items()]
            kept = (span, _core.Workload(specs))
            self._set(_kept=kept)
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def __repr__(self) -> str:
        shown = [f"{name!r}: {stream!r}" for name, stream in list(self.streams.items())[:3]]
        more = len(self) - len(shown)
        return f"Workload({{{', '.join(shown)}{f', … {more:,} more' if more else ''}}})"


def span_of(horizon: Any, lead: Any = 0.0) -> Span:
    """Check the time for which traffic is drawn, in seconds, and give it in nanoseconds."""
    after = _check.to_nanoseconds(_check.length("horizon", horizon))
    before = _check.to_nanoseconds(_check.seconds("warm_up", lead))
    for argument, value in (("horizon", after), ("warm_up", before)):
        if value > _LONGEST:
            raise ConfigurationError(
                f"{argument} is {_text.seconds(value)}: at most 2^61 ns (73 years)",
                argument=argument,
            )
    return Span(before, after)


def _fields(part: Any) -> str:
    return ", ".join(field.name for field in fields(part))


def _with_value(part: Any, path: list[str], value: Any, whole: str) -> Any:
    name, *rest = path
    if isinstance(part, tuple) and name.isdecimal() and int(name) < len(part):
        inner = part[int(name)]
        changed = _with_value(inner, rest, value, whole) if rest else value
        return (*part[: int(name)], changed, *part[int(name) + 1 :])
    if not isinstance(part, Described):
        raise ConfigurationError(f"{whole}: {name!r} leads nowhere, at {part!r}", argument=whole)
    known = [field.name for field in fields(part)]
    if name not in known:
        raise ConfigurationError(
            f"{whole}: no field {name!r}{_text.suggestion(name, known)}; {type(part).__name__} has "
            f"{', '.join(known)}",
            argument=whole,
        )
    changed = _with_value(getattr(part, name), rest, value, whole) if rest else value
    try:
        return part.replace(**{name: changed})
    except ConfigurationError as error:
        raise ConfigurationError(f"{whole}: {error}", argument=whole) from None
