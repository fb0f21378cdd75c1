"""Profiles: as data, what AWS leaves undocumented or has changed over the years."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from lambdacore import _check
from lambdacore.errors import ConfigurationError
from lambdacore.function import FixedDict, refuse_unknown, repr_without_defaults
from lambdacore.outcome import Outcome

__all__ = ["DEFAULT_PROFILE", "Profile"]


@dataclass(frozen=True, repr=False)
class Profile:
    """The switches of the model that no AWS call sets.

    Parameters
    ----------
    name : str
        Where the values come from; ``*`` is appended where one differs from those of that
        name.
    concurrency_limit : int
        The limit of an account that gives none of its own.
    scaling : {"bucket", "step10", "sliding10", "legacy", "off"}
        How fast environments may be created. ``"bucket"``: a token bucket for each function,
        full at the start; a cold start takes one token, a warm start none. AWS: 1,000
        environments every 10 seconds for each function, refilled continuously, never more
        than 1,000 in store. ``"step10"`` and ``"sliding10"``: no more than `scaling_burst` of
        a function in each 10 seconds from time zero, or in any 10 seconds. ``"legacy"``: one
        bucket for all functions of the account, as before November 2023.
        https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
    scaling_burst : int
        Capacity of that bucket, or of a window, in environments.
    scaling_rate : float
        Refill of that bucket, in environments a second; 1e9 divided by it must be a whole
        number of nanoseconds, so that the model stays exact.
    scaling_window : float
        Seconds of the window of ``"step10"`` and ``"sliding10"``.
    environments : {"on", "off"}
        ``"off"`` leaves execution environments out: an account is then a pure loss system
        in which every admission is WARM, without init and without a scaling rate.
    idle_timeout : float
        Seconds after which an idle environment is gone; ``math.inf`` keeps it for ever.
        AWS documents no value; 5 to 60 minutes were measured over the years.
    init_duration : float
        Seconds that a cold start runs before the handler, and occupies concurrency. Zero,
        so that a trace whose durations include their inits replays as recorded.

    rps_scope : {"documented", "partitioned", "off"}
        Whom request rates bind: ``"documented"``: the account in all, each function with a
        reservation, and each version with provisioned concurrency (whose excess spills over).
        ``"partitioned"``: the account's share falls to the functions without a reservation,
        so that nobody meets the requests of a reserved function but itself.
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    rps_per_concurrency : int
        Requests a second for each unit of concurrency; AWS: 10.
    rps_window : {"tumbling", "sliding", "bucket"}
        How a second is counted: whole seconds from time zero, the second that ends at the
        request, or a token bucket that holds `rps_burst` seconds of refill. AWS says nothing.
    rps_counts : {"admitted", "all"}
        Whether throttled attempts count as well. AWS says nothing.
    rps_window_length, rps_burst : float
        Seconds.
    rps_ramp : {"off", "level"}
        ``"level"``: a function's requests on demand in a second may only exceed the most that it
        served in any second since its environments would have expired by one for each token of
        a bucket: AWS's "10,000 requests a second every 10 seconds", whose own examples ignore it.
    rps_ramp_burst : int
        Capacity of that bucket, in requests a second.
    rps_ramp_rate : float
        Refill of that bucket, a second.
    pc_rps_excess : {"spill", "throttle"}
        What becomes of requests beyond the rate of provisioned concurrency.
    pc_claim : {"requested", "allocated"}
        Whether provisioned concurrency takes from the account when it is requested, or when
        it is allocated.
    pc_prep_s : float
        Seconds before allocation begins; AWS: "a minute or two".
    pc_ramp_rate : float
        Environments allocated a second; AWS: 6,000 a minute. Nothing can be used before all
        of a request is there.
    pc_ramp_burst : int or None
        None: every request has that rate for itself. A number: all requests of the Region
        share a bucket of so many environments, as before November 2023.
    overhang : {"keep_and_claim", "ignore"}
        Whether what runs above a limit that was lowered keeps its claim on the account.
    hard_account_cap : {"on", "off"}
        Whether, after a change in mid-run, the account's limit holds for all that run together
        even where a pool has room.
    config_delay : float
        Seconds until a changed configuration reaches invocations.
    metric_sampling : {"true_max", "at_invoke"}
        Whether metrics of concurrency are maxima over all time, or are read only when
        something is invoked, as AWS emits them.
    unreserved_metric : {"excludes_pc", "includes_pc"}
        Whether ``UnreservedConcurrentExecutions`` holds what runs on provisioned environments
        of functions without a reservation.
    api_unreserved : {"minus_R_and_PC", "minus_R_only"}
        What GetAccountSettings shows as unreserved.
    reason_map : mapping of str to str
        AWS's ``Reason`` by the name of an `Outcome`, where it is to differ from the model's.

    Raises
    ------
    ConfigurationError
        A value that cannot be.

    Notes
    -----
    Named profiles: ``"aws-2026"`` (the default), the rules of today; ``"pools-2026"``, the same
    without request rates; ``"aws-2022"``, with the scaling of before November 2023 in a large
    Region; ``"new-account"``, today's rules at the limit of 10 that new accounts have been
    seen with; ``"pure-pools"``, a loss system: pools and nothing else, as queueing theory has it.
    """

    name: str = "aws-2026"
    concurrency_limit: int = 1_000
    scaling: Literal["bucket", "step10", "sliding10", "legacy", "off"] = "bucket"
    scaling_burst: int = 1_000
    scaling_rate: float = 100.0
    scaling_window: float = 10.0
    environments: Literal["on", "off"] = "on"
    idle_timeout: float = 600.0
    init_duration: float = 0.0
    rps_scope: Literal["documented", "partitioned", "off"] = "documented"
    rps_per_concurrency: int = 10
    rps_window: Literal["tumbling", "sliding", "bucket"] = "tumbling"
    rps_counts: Literal["admitted", "all"] = "admitted"
    rps_window_length: float = 1.0
    rps_burst: float = 1.0
    rps_ramp: Literal["off", "level"] = "off"
    rps_ramp_burst: int = 10_000
    rps_ramp_rate: float = 1_000.0
    pc_rps_excess: Literal["spill", "throttle"] = "spill"
    pc_claim: Literal["requested", "allocated"] = "requested"
    pc_prep_s: float = 60.0
    pc_ramp_rate: float = 100.0
    pc_ramp_burst: int | None = None
    overhang: Literal["keep_and_claim", "ignore"] = "keep_and_claim"
    hard_account_cap: Literal["on", "off"] = "on"
    config_delay: float = 0.0
    metric_sampling: Literal["true_max", "at_invoke"] = "true_max"
    unreserved_metric: Literal["excludes_pc", "includes_pc"] = "excludes_pc"
    api_unreserved: Literal["minus_R_and_PC", "minus_R_only"] = "minus_R_and_PC"
    reason_map: Mapping[str, str] = field(default_factory=FixedDict)

    def __post_init__(self) -> None:
        _check.name("name", self.name)
        for switch, options in _SWITCHES.items():
            _check.one_of(switch, getattr(self, switch), options)
        checked: dict[str, Any] = {
            name: _check.limit(name, getattr(self, name))
            for name in (
                "concurrency_limit",
                "scaling_burst",
                "rps_per_concurrency",
                "rps_ramp_burst",
            )
        }
        for name in ("init_duration", "config_delay", "pc_prep_s", "rps_burst"):
            checked[name] = _check.seconds(name, getattr(self, name))
        for name in ("rps_window_length", "scaling_window"):
            checked[name] = _check.length(name, getattr(self, name))
        for name in ("scaling_rate", "pc_ramp_rate", "rps_ramp_rate"):
            checked[name] = _check.rate(name, getattr(self, name))
        checked["idle_timeout"] = _check.seconds("idle_timeout", self.idle_timeout, infinite=True)
        if self.pc_ramp_burst is not None:
            checked["pc_ramp_burst"] = _check.limit("pc_ramp_burst", self.pc_ramp_burst)
        checked["reason_map"] = _checked_reasons(self.reason_map)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._interval("scaling_rate", self.scaling_burst)
        self._interval("pc_ramp_rate", self.pc_ramp_burst or 0)
        self._interval("rps_ramp_rate", self.rps_ramp_burst)
        base = self.name.removesuffix("*")
        known = {**_DEFAULTS, **_NAMED.get(base, {})}
        changed = any(getattr(self, f.name) != known[f.name] for f in fields(self)[1:])
        if changed and self.name in _NAMED and self._is_default():
            raise ConfigurationError(
                f"name = {self.name!r} names a profile without its values: look it up with "
                f"lc.Profile.named({self.name!r})",
                argument="name",
            )
        object.__setattr__(self, "name", f"{base}*" if changed and base in _NAMED else base)

    def _is_default(self) -> bool:
        return all(getattr(self, f.name) == _DEFAULTS[f.name] for f in fields(self)[1:])

    def __repr__(self) -> str:
        return repr_without_defaults(self, Profile(), positional="name")

    def __hash__(self) -> int:
        return hash((self.name, self.scaling, self.scaling_burst, self.rps_scope))

    @classmethod
    def named(cls, name: str, *, region: str | None = None) -> Self:
        """Look a profile up.

        Parameters
        ----------
        name : str
            One of those under Notes of the class.
        region : str, optional
            With ``"aws-2022"``: whose burst is taken: 3,000 in us-west-2, us-east-1 and
            eu-west-1, 1,000 in ap-northeast-1, eu-central-1 and us-east-2, 500 elsewhere.

        Raises
        ------
        ConfigurationError
            No profile of that name, or a region where it makes no difference.
        """
        _check.one_of("profile", name, _NAMED)
        profile = cls(**{"name": name, **_NAMED[name]})
        if region is None:
            return profile
        if profile.scaling != "legacy":
            raise ConfigurationError(
                f"region = {region!r}: the profile {name!r} is the same in all Regions",
                argument="region",
            )
        burst = _LEGACY_BURST.get(_check.name("region", region), 500)
        return profile.replace(scaling_burst=burst, pc_ramp_burst=burst)

    def replace(self, **changes: Any) -> Self:
        """Return a profile with some values changed.

        Raises
        ------
        ConfigurationError
            A field that does not exist, or a value that cannot be.
        """
        refuse_unknown("a profile", changes, self)
        # The star says that values may differ from those of the name; it falls off if none do.
        return replace(self, **{"name": f"{self.name.removesuffix('*')}*", **changes})

    def reason(self, outcome: Outcome, *, reserved: bool) -> str | None:
        """``Reason`` in AWS's 429 response for a function with or without a reservation."""
        return self.reason_map.get(outcome.name, outcome.aws_reason_for(reserved=reserved))

    def _interval(self, name: str, burst: int) -> int:
        """Nanoseconds until a bucket gains a token, from its rate a second."""
        rate: float = getattr(self, name)
        exact_interval = 1e9 / rate
        if max(burst, 1) * exact_interval >= 2**63:
            raise ConfigurationError(
                f"{name} = {rate} a second takes 292 years or more to fill a bucket of {burst:,}",
                argument=name,
            )
        interval = round(exact_interval)
        if interval < 1 or 1e9 / interval != rate:
            raise ConfigurationError(
                f"{name} = {rate} a second is one every {exact_interval} ns: choose a rate whose "
                "interval is a whole number of nanoseconds, such as 100, or 500 / 60",
                argument=name,
            )
        return interval

    def _engine_row(self) -> dict[str, Any]:
        """Give the profile as the engine takes it: times in nanoseconds."""
        nanoseconds = _check.to_nanoseconds
        return {
            "environments": self.environments == "on",
            "scaling": self.scaling,
            "scaling_burst": self.scaling_burst,
            "scaling_interval": self._interval("scaling_rate", self.scaling_burst),
            "scaling_window": nanoseconds(self.scaling_window),
            "rps_scope": self.rps_scope,
            "rps_window": self.rps_window,
            "rps_count_all": self.rps_counts == "all",
            "rps_per_concurrency": self.rps_per_concurrency,
            "rps_window_length": nanoseconds(self.rps_window_length),
            "rps_burst": nanoseconds(self.rps_burst),
            "rps_ramp": self.rps_ramp == "level",
            "rps_ramp_burst": self.rps_ramp_burst,
            "rps_ramp_interval": self._interval("rps_ramp_rate", self.rps_ramp_burst),
            "pc_prep": nanoseconds(self.pc_prep_s),
            "pc_interval": self._interval("pc_ramp_rate", self.pc_ramp_burst or 0),
            "pc_burst": self.pc_ramp_burst,
            "pc_claim_allocated": self.pc_claim == "allocated",
            "pc_throttle_excess": self.pc_rps_excess == "throttle",
            "keep_overhang": self.overhang == "keep_and_claim",
            "hard_account_cap": self.hard_account_cap == "on",
            "config_delay": nanoseconds(self.config_delay),
        }


def _checked_reasons(given: Any) -> FixedDict:
    _check.instance("reason_map", given, "a mapping", isinstance(given, Mapping))
    for key, reason in given.items():
        _check.one_of("reason_map key", key, [code.name for code in Outcome if code.throttled])
        _check.name(f"reason_map[{key!r}]", reason)
    return FixedDict(given)


DEFAULT_PROFILE = "aws-2026"

_NAMED: dict[str, dict[str, Any]] = {
    "aws-2026": {},
    "pools-2026": {"rps_scope": "off"},
    "aws-2022": {
        "scaling": "legacy",
        "scaling_burst": 3_000,
        "scaling_rate": 500 / 60,
        "pc_ramp_burst": 3_000,
        "pc_ramp_rate": 500 / 60,
    },
    "new-account": {"concurrency_limit": 10},
    "pure-pools": {"environments": "off", "scaling": "off", "rps_scope": "off"},
}
#: Of the legacy regime; 500 in all other Regions.
_LEGACY_BURST = {
    **dict.fromkeys(("us-west-2", "us-east-1", "eu-west-1"), 3_000),
    **dict.fromkeys(("ap-northeast-1", "eu-central-1", "us-east-2"), 1_000),
}
_DEFAULTS = {f.name: FixedDict() if f.name == "reason_map" else f.default for f in fields(Profile)}
#: The words that each switch knows.
_SWITCHES: dict[str, tuple[str, ...]] = {
    name: get_args(hint)
    for name, hint in get_type_hints(Profile).items()
    if get_origin(hint) is Literal
}
