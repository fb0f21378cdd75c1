"""Profiles: as data, what AWS leaves undocumented or has changed over the years."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """The switches of the model that no AWS call sets.

    Parameters
    ----------
    name : str
        Where the values come from; ``*`` is appended where one differs from those of that
        name.
    scaling : {"bucket", "off"}
        How fast a function may create environments. ``"bucket"``: a token bucket for each
        function, full at the start; a cold start takes one token, a warm start none.
        AWS: 1,000 environments every 10 seconds for each function, refilled continuously,
        never more than 1,000 in store.
        https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
    scaling_burst : int
        Capacity of that bucket, in environments.
    scaling_rate : float
        Refill of that bucket, in environments a second; 1e9 divided by it must be a whole
        number of nanoseconds, so that the model stays exact.
    environments : {"on", "off"}
        ``"off"`` leaves execution environments out: an account is then a pure loss system
        in which every admission is WARM, without init and without a scaling rate.
    idle_timeout : float
        Seconds after which an idle environment is gone; ``math.inf`` keeps it for ever.
        AWS documents no value; 5 to 60 minutes were measured over the years.
    init_duration : float
        Seconds that a cold start runs before the handler, and occupies concurrency. Zero,
        so that a trace whose durations include their inits replays as recorded.

    Raises
    ------
    ConfigurationError
        A value that cannot be.
    """

    name: str = "pools-2026"
    scaling: Literal["bucket", "off"] = "bucket"
    scaling_burst: int = 1_000
    scaling_rate: float = 100.0
    environments: Literal["on", "off"] = "on"
    idle_timeout: float = 600.0
    init_duration: float = 0.0

    def __post_init__(self) -> None:
        _check.one_of("scaling", self.scaling, ("bucket", "off"))
        _check.one_of("environments", self.environments, ("on", "off"))
        checked = {
            "scaling_burst": _check.limit("scaling_burst", self.scaling_burst),
            "scaling_rate": _check.rate("scaling_rate", self.scaling_rate),
            "idle_timeout": _check.seconds("idle_timeout", self.idle_timeout, infinite=True),
            "init_duration": _check.seconds("init_duration", self.init_duration),
        }
        for field, value in checked.items():
            object.__setattr__(self, field, value)
        self._scaling_interval()
        base = self.name.removesuffix("*")
        known = {**{f.name: f.default for f in fields(self)}, **_NAMED.get(base, {})}
        changed = any(getattr(self, f.name) != known[f.name] for f in fields(self)[1:])
        object.__setattr__(self, "name", f"{base}*" if changed and base in _NAMED else base)

    @classmethod
    def named(cls, name: str) -> Self:
        """Look a profile up.

        ``"pools-2026"`` holds AWS's rules of 2026 without provisioned concurrency and
        request rates.

        Raises
        ------
        ConfigurationError
            No profile of that name.
        """
        _check.one_of("profile", name, _NAMED)
        return cls(name=name, **_NAMED[name])

    def replace(self, **changes: Any) -> Self:
        """Return a profile with some values changed.

        Raises
        ------
        ConfigurationError
            A field that does not exist, or a value that cannot be.
        """
        known = [field.name for field in fields(self)]
        for field in changes:
            if field not in known:
                raise ConfigurationError(
                    f"a profile has no {field!r}{_text.suggestion(field, known)}; "
                    f"it has: {', '.join(known)}",
                    argument=field,
                )
        return replace(self, **changes)

    def _scaling_interval(self) -> int:
        """Nanoseconds until the scaling bucket gains a token."""
        exact_interval = 1e9 / self.scaling_rate
        if max(self.scaling_burst, 1) * exact_interval >= 2**63:
            raise ConfigurationError(
                f"scaling_rate = {self.scaling_rate} a second takes 292 years or more to fill "
                f"a bucket of {self.scaling_burst:,}",
                argument="scaling_rate",
            )
        interval = round(exact_interval)
        if interval < 1 or 1e9 / interval != self.scaling_rate:
            raise ConfigurationError(
                f"scaling_rate = {self.scaling_rate} a second is one every "
                f"{exact_interval} ns: choose a rate whose interval is a whole number "
                "of nanoseconds, such as 100, or 500 / 60",
                argument="scaling_rate",
            )
        return interval

    def _engine_scaling(self) -> tuple[int, int] | None:
        return None if self.scaling == "off" else (self.scaling_burst, self._scaling_interval())


_NAMED: dict[str, dict[str, Any]] = {"pools-2026": {}}
