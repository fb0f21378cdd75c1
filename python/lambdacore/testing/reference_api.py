"""Reference model of Lambda's control plane: settings, calls that change them, and their timing.

For: telling what each configuration call answers, and which configuration holds from when on;
``reference`` simulates the traffic under it. Written from the rules alone, like ``reference``.

Promises: integers only (nanoseconds), no randomness; an answer depends on the configuration and
the earlier calls only, never on traffic; a refused call changes nothing (I15).

Does not do: publishing, creating or deleting anything, failed provisioning, weighted aliases,
delays of the answers. It trusts its input; only misspelt options fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

CHECKS = ("zero", "account_rate", "reserved_rate", "concurrency", "environment", "account_cap")
_OPTIONS = {
    "scaling": ("bucket", "step10", "sliding10", "legacy", "off"),
    "warm_pick": ("mru", "lru"),
    "rps_scope": ("off", "documented", "partitioned"),
    "rps_window": ("tumbling", "sliding", "bucket"),
    "rps_counts": ("admitted", "all"),
    "rps_ramp": ("off", "level"),
    "pc_rps_excess": ("spill", "throttle"),
    "pc_claim": ("requested", "allocated"),
    "overhang": ("keep_and_claim", "ignore"),
}
_LATEST = ("", "$LATEST")


@dataclass(frozen=True)
class ReferenceFunction:
    """Settings of one function."""

    reserved: int | None = None  # reserved concurrency; 0 is a value, None is absence
    init: int = 0  # ns a cold start adds before the handler
    idle_timeout: int | None = None  # ns; None = idle environments never expire
    versions: int = 0  # published versions 1..versions; version 0 stands for $LATEST
    aliases: tuple[tuple[str, int], ...] = ()  # (alias, version it points to)
    provisioned: tuple[tuple[str, int], ...] = ()  # (version as text or alias, size), READY


@dataclass(frozen=True)
class ReferenceAccount:
    """Settings of one account in one Region; ``functions[i]`` is the function with index i."""

    limit: int
    functions: tuple[ReferenceFunction, ...]
    floor: int | None = None  # unreserved concurrency always kept; None = min(100, limit in force)
    environments: bool = True  # False: on-demand is a pure loss pool (all WARM, no init or scaling)
    scaling: str = "bucket"  # or "step10", "sliding10", "legacy", "off"
    burst: int = 1_000  # new environments: capacity of a bucket, or most in a window
    interval: int = 10_000_000  # ns to refill one token of a bucket (100 a second)
    scaling_window: int = 10_000_000_000  # ns, for "step10" and "sliding10"
    warm_pick: str = "mru"  # or "lru": which idle environment is taken, by last release
    check_order: tuple[str, ...] = CHECKS  # A1, A3, A5a, A5b/5c, A6, A3b: picks the cause only
    rps_scope: str = "off"  # or "documented", "partitioned"
    rps_window: str = "tumbling"  # or "sliding", "bucket"
    rps_counts: str = "admitted"  # or "all"
    rps_per_unit: int = 10  # requests a second for each unit of concurrency
    rps_second: int = 1_000_000_000  # ns: the "second" of the request rates
    rps_burst: int = 1_000_000_000  # ns of refill that a rate bucket stores
    rps_ramp: str = "off"  # or "level" (section 4, rate side)
    rps_ramp_burst: int = 10_000  # tokens, each raising the level by one; full at time 0
    rps_ramp_interval: int = 1_000_000  # ns to refill one token
    pc_rps_excess: str = "spill"  # or "throttle" (3.10)
    pc_claim: str = "requested"  # or "allocated" (3.16)
    pc_prep: int = 60_000_000_000  # ns from request to start of the ramp (3.13)
    pc_interval: int = 10_000_000  # ns an environment of the ramp
    pc_burst: int | None = None  # None: ramp of 3.13; else capacity of the Regional bucket of 3.14
    overhang: str = "keep_and_claim"  # or "ignore" (3.18)
    hard_account_cap: bool = True  # A3b
    config_delay: int = 0  # ns from an answer to its effect on traffic

    def __post_init__(self) -> None:
        for name, values in _OPTIONS.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {values}, not {getattr(self, name)!r}")
        if sorted(self.check_order) != sorted(CHECKS):
            raise ValueError(f"check_order is not a permutation of the checks: {self.check_order}")


class Call(NamedTuple):
    """One call of the control plane."""

    at: int
    operation: str
    function: int
    qualifier: str = ""
    value: int = 0  # the limit, the concurrency, or the version an alias shall point to


class Answer(NamedTuple):
    """Error code and message of a refused call; None, None for an accepted one."""

    code: str | None
    message: str | None


@dataclass
class Configuration:
    """What is configured at one instant. Lists go by function."""

    limit: int  # L
    reserved: list[int | None]  # R_f
    qualifiers: list[dict[str, int]]  # "", "$LATEST", version numbers, aliases -> version
    requested: list[dict[int, int]]  # version -> P, for versions that have a config
    available: list[dict[int, int]]  # version -> A, where above zero
    holder: list[dict[int, str]]  # version -> the qualifier its config was put under

    @staticmethod
    def initial(account: ReferenceAccount) -> "Configuration":
        """Read what is declared; all of it is READY."""
        functions = account.functions
        numbers = [{str(v): v for v in range(1, f.versions + 1)} for f in functions]
        latest = dict.fromkeys(_LATEST, 0)
        names = [latest | numbers[i] | dict(f.aliases) for i, f in enumerate(functions)]
        sizes = [{names[i][q]: p for q, p in f.provisioned} for i, f in enumerate(functions)]
        holder = [{names[i][q]: q for q, _ in f.provisioned} for i, f in enumerate(functions)]
        ready = [dict(s) for s in sizes]
        reserved = [f.reserved for f in functions]
        return Configuration(account.limit, reserved, names, sizes, ready, holder)

    def copy(self) -> "Configuration":
        """Copy all of it, to be changed."""
        names, holder = [dict(d) for d in self.qualifiers], [dict(d) for d in self.holder]
        sizes, ready = [dict(d) for d in self.requested], [dict(d) for d in self.available]
        return Configuration(self.limit, list(self.reserved), names, sizes, ready, holder)

    def claim(self, f: int) -> int:
        """Q_f of section 0."""
        reserved = self.reserved[f]
        return sum(self.requested[f].values()) if reserved is None else reserved

    def unclaimed(self, but: int | None = None) -> int:
        """L less the configured claims of every function but one."""
        return self.limit - sum(self.claim(g) for g in range(len(self.reserved)) if g != but)


_ACCEPTED = Answer(None, None)
_NOT_FOUND = Answer("ResourceNotFoundException", None)
_ABOVE_RESERVED = (
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution"
    " for function"
)
_BELOW_FLOOR = (
    "Specified {} for function decreases account's UnreservedConcurrentExecution below its"
    " minimum value of [{}]."
)
_BELOW_ONE = (
    "1 validation error detected: Value '{}' at 'provisionedConcurrentExecutions' failed to"
    " satisfy constraint: Member must have value greater than or equal to 1"
)
_BELOW_PROVISIONED = (
    " ReservedConcurrentExecutions  {} should not be lower than function's total provisioned"
    " concurrency [{}]."
)
_ON_ALIAS = "Version is pointed by a Provisioned Concurrency alias"
_ON_VERSION = (
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned"
    " version"
)
_TOO_MUCH = (
    "Specified ConcurrentExecutions for function is greater than account's unreserved"
    " concurrency [{}]."
)
_UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
_UNQUALIFIED = "The function resource provided must be an alias or a published version."


def _invalid(message: str, *values: object) -> Answer:
    return Answer("InvalidParameterValueException", message.format(*values))


def _conflict(message: str) -> Answer:
    return Answer("ResourceConflictException", message)


def _judge(account: ReferenceAccount, c: Configuration, call: Call) -> Answer:
    """Validate a call against the configuration of that instant; changes nothing."""
    _, operation, f, qualifier, value = call
    if operation in ("SetConcurrencyLimit", "DeleteFunctionConcurrency"):
        return _ACCEPTED
    floor = min(100, c.limit) if account.floor is None else account.floor  # F
    version = c.qualifiers[f].get(qualifier)
    provisioned = sum(c.requested[f].values())  # P_f

    if operation == "PutFunctionConcurrency":  # section 1
        if value < provisioned:
            return _invalid(_BELOW_PROVISIONED, value, provisioned)
        if value > 0 and c.unclaimed(but=f) - value < floor:  # the old R_f is given back first
            return _invalid(_BELOW_FLOOR, "ReservedConcurrentExecutions", floor)

    elif operation == "PutProvisionedConcurrencyConfig":
        if version is None:
            return _NOT_FOUND
        if version == 0:  # 3.1; an alias of $LATEST too
            return _invalid(_UNPUBLISHED)
        if value < 1:  # 3.3
            return Answer("ValidationException", _BELOW_ONE.format(value))
        if c.holder[f].get(version, qualifier) != qualifier:  # 3.2: the version has another config
            return _conflict(_ON_ALIAS if qualifier.isdecimal() else _ON_VERSION)
        others = provisioned - c.requested[f].get(version, 0)
        reserved = c.reserved[f]
        if reserved is not None:  # 3.4
            return _invalid(_ABOVE_RESERVED) if others + value > reserved else _ACCEPTED
        room = c.unclaimed(but=f) - others  # 3.5
        if value > room:
            return _invalid(_TOO_MUCH, room)
        if room - value < floor:
            return _invalid(_BELOW_FLOOR, "ConcurrentExecutions", floor)

    elif operation == "DeleteProvisionedConcurrencyConfig":
        if qualifier in _LATEST:
            return _invalid(_UNQUALIFIED)
        if version is None:
            return _NOT_FOUND

    elif operation == "UpdateAlias":
        if version is None or qualifier in _LATEST or qualifier.isdecimal():  # no such alias
            return _NOT_FOUND
        if not 0 <= value <= account.functions[f].versions:
            return _NOT_FOUND
        if c.holder[f].get(version) == qualifier:  # the alias has a config, to move with it
            if c.holder[f].get(value, qualifier) != qualifier:  # 3.2
                return _conflict(_ON_VERSION)
            if value == 0:  # 3.1
                return _invalid(_UNPUBLISHED)

    else:
        raise ValueError(f"no such operation: {operation}")
    return _ACCEPTED


def reference_control(
    account: ReferenceAccount, calls: Sequence[Call]
) -> tuple[list[Answer], Configuration, list[tuple[int, Configuration]]]:
    """Give the answers, the initial configuration, and each later one with its first instant.

    Changes stand in their order: at one instant, what becomes READY comes before the calls.
    """
    first = c = Configuration.initial(account)
    answers: list[Answer] = []
    changes: list[tuple[int, Configuration]] = []
    pending: dict[tuple[int, int], int] = {}  # (function, version) -> when it becomes READY
    full = 0  # 3.14: when the Regional bucket will be full again

    def settle(until: int | None) -> None:
        """Carry out whatever becomes READY by then (None: ever)."""
        nonlocal c
        for ready, f, v in sorted((ready, f, v) for (f, v), ready in pending.items()):
            if until is None or ready <= until:
                del pending[f, v]
                c = c.copy()
                c.available[f][v] = c.requested[f][v]  # 3.11: all or nothing
                changes.append((ready, c))

    def withdraw(f: int, v: int) -> None:
        for by_version in (c.requested[f], c.available[f], c.holder[f]):
            by_version.pop(v, None)  # 3.18: busy environments become overhang
        pending.pop((f, v), None)

    def provide(now: int, f: int, v: int, qualifier: str, size: int) -> None:
        nonlocal full
        c.requested[f][v], c.holder[f][v] = size, qualifier  # 3.16: claimed at once
        pending.pop((f, v), None)  # 3.17: overwrites
        more = size - c.available[f].get(v, 0)
        if more <= 0:  # 3.18: a decrease acts at once
            c.available[f][v] = size
        elif account.pc_burst is None:  # 3.13
            pending[f, v] = now + account.pc_prep + more * account.pc_interval
        else:  # 3.14: granted as soon as the bucket has given all of them
            full = max(full, now) + more * account.pc_interval
            granted = max(now, full - account.pc_burst * account.pc_interval)
            pending[f, v] = account.pc_prep + granted

    for call in calls:
        settle(call.at)
        answers.append(_judge(account, c, call))
        if answers[-1] != _ACCEPTED:
            continue
        now, operation, f, qualifier, value = call
        c = c.copy()
        if operation == "SetConcurrencyLimit":
            c.limit = value
        elif operation == "PutFunctionConcurrency":
            c.reserved[f] = value
        elif operation == "DeleteFunctionConcurrency":
            c.reserved[f] = None
        elif operation == "PutProvisionedConcurrencyConfig":
            provide(now, f, c.qualifiers[f][qualifier], qualifier, value)
        elif operation == "DeleteProvisionedConcurrencyConfig":
            if c.holder[f].get(c.qualifiers[f][qualifier]) == qualifier:  # else nothing to delete
                withdraw(f, c.qualifiers[f][qualifier])
        elif c.qualifiers[f][qualifier] != value:  # UpdateAlias, to another version: 3.19
            old = c.qualifiers[f][qualifier]
            c.qualifiers[f][qualifier] = value
            if c.holder[f].get(old) == qualifier:
                size = c.requested[f][old]
                withdraw(f, old)
                provide(now, f, value, qualifier, size)
        changes.append((now, c))
    settle(None)
    return answers, first, changes


def reference_answers(account: ReferenceAccount, calls: Sequence[Call]) -> list[Answer]:
    """Answer each call (sorted by time)."""
    return reference_control(account, calls)[0]
