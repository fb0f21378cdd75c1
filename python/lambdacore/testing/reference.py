"""Reference model of Lambda concurrency: a slow, plain oracle to test the real engine against.

For: differential and property tests. Run a trace here and in the engine; every outcome, every
time and every per-bin maximum must be equal. It was written from the rules alone, by someone who
had not seen the engine, so a mistake shared by both is unlikely.

Promises: integers only (nanoseconds), no randomness, no state kept between calls; the verdict on
an invocation depends on the earlier ones and on the configuration (``reference_api``) only. A
comment such as ``# A5b`` or ``# 7.2`` names the rule of the specification that the line carries
out.

Does not do: retries, queues, weighted aliases, the exemption of asynchronous deliveries from
rates, maximum environment age, validation: it trusts that arrivals and calls are sorted, targets
exist, nothing is negative; only misspelt options fail.
"""

from bisect import bisect_right, insort
from collections import Counter, deque
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from lambdacore.testing.reference_api import (
    Answer,
    Call,
    Configuration,
    ReferenceAccount,
    ReferenceFunction,
    reference_answers,
    reference_control,
)

__all__ = [
    "Answer",
    "Call",
    "ReferenceAccount",
    "ReferenceFunction",
    "Verdict",
    "reference_answers",
    "reference_concurrency",
    "reference_simulate",
]

_ADMITTED = ("WARM", "COLD", "PROVISIONED")
_GateKey = tuple[str, int, int]  # (whose, function, version)


class Verdict(NamedTuple):
    """What became of one invocation."""

    outcome: str  # WARM, COLD, PROVISIONED; else the cause: RESERVED_ZERO, ACCOUNT_RATE,
    # ACCOUNT_CONCURRENCY, PROVISIONED_RATE, RESERVED_RATE, (UN)RESERVED_CONCURRENCY, SCALING_RATE
    start: int  # the arrival
    end: int  # when the permit is given back; equal to start for a throttle


class _Meter:
    """Lets through so many in each window of time, or what a bucket, full at first, can give."""

    def __init__(self, kind: str, span: int, refill: int, capacity: int, now: int) -> None:
        self.kind = kind  # tumbling, sliding or bucket
        self.span = span  # ns of a window; for a bucket, the price of one
        self.refill = refill  # of a bucket, each ns
        self.capacity = capacity  # of a bucket; for windows, the most that one lets through
        self.level, self.at = capacity, now  # bucket
        self.counted: deque[int] = deque()  # windows: times, oldest on the left

    def is_open(self, now: int) -> bool:
        if self.kind == "bucket":
            self.level = min(self.capacity, self.level + (now - self.at) * self.refill)
            self.at = now
            return self.level >= self.span
        tumbling = self.kind == "tumbling"  # [k * span, (k + 1) * span), else (now - span, now]
        start = now // self.span * self.span if tumbling else now - self.span + 1
        while self.counted and self.counted[0] < start:
            self.counted.popleft()
        return len(self.counted) < self.capacity

    def count(self, now: int) -> None:
        is_open = self.is_open(now)
        if self.kind != "bucket":
            self.counted.append(now)
        elif is_open:  # a bucket with less than one gives nothing
            self.level -= self.span

    def resize(self, now: int, refill: int, capacity: int) -> None:
        self.is_open(now)  # brings the level up to now at the old refill
        self.refill, self.capacity, self.level = refill, capacity, min(self.level, capacity)


class _Ramp:
    """Section 4, rate side: the most that one window served; to exceed it takes a token."""

    def __init__(self, account: ReferenceAccount, timeout: int | None) -> None:
        self.second, self.timeout, price = account.rps_second, timeout, account.rps_ramp_interval
        self.tokens = _Meter("bucket", price, 1, account.rps_ramp_burst * price, 0)
        self.served: Counter[int] = Counter()  # by window k, [k * second, (k + 1) * second)

    def rises(self, now: int) -> bool:
        kept = 0 if self.timeout is None else (now - self.timeout) // self.second  # and later ones
        self.served = Counter({k: n for k, n in self.served.items() if k >= kept})
        return self.served[now // self.second] + 1 > max(self.served.values(), default=0)

    def is_open(self, now: int) -> bool:
        return not self.rises(now) or self.tokens.is_open(now)

    def count(self, now: int) -> None:
        if self.rises(now):
            self.tokens.count(now)
        self.served[now // self.second] += 1


def _scaling_meters(account: ReferenceAccount) -> list[_Meter]:
    """Section 4: by function, what meters its new environments."""
    kind = {"step10": "tumbling", "sliding10": "sliding"}.get(account.scaling, "bucket")
    span, capacity = account.scaling_window, account.burst
    if kind == "bucket":  # the level is held in ns of refill
        span, capacity = account.interval, account.burst * account.interval
    meters = [_Meter(kind, span, 1, capacity, 0) for _ in account.functions]
    return meters[:1] * len(meters) if account.scaling == "legacy" else meters  # one for all


def _rate_gates(
    account: ReferenceAccount, c: Configuration, now: int, old: dict[_GateKey, _Meter]
) -> dict[_GateKey, _Meter]:
    """Section 5: the gates under a new configuration; those there already keep their counts."""
    units: dict[_GateKey, int] = {}
    if account.rps_scope == "documented":
        units["account", 0, 0] = c.limit
    elif account.rps_scope == "partitioned":
        units["unreserved", 0, 0] = max(0, c.unclaimed())
    for f, reserved in enumerate(c.reserved if account.rps_scope != "off" else ()):
        if reserved is not None:
            units["reserved", f, 0] = reserved
        units |= {("version", f, v): size for v, size in c.available[f].items()}

    gates = {}
    for key, size in units.items():
        refill = capacity = account.rps_per_unit * size
        if account.rps_window == "bucket":  # so a request costs `rps_second`
            capacity *= account.rps_burst
        if key in old:
            old[key].resize(now, refill, capacity)
        new = _Meter(account.rps_window, account.rps_second, refill, capacity, now)
        gates[key] = old.get(key, new)
    return gates


def reference_simulate(
    account: ReferenceAccount,
    invocations: Sequence[tuple[int, int, int] | tuple[int, int, int, int | None]],
    targets: Sequence[tuple[int, str]] | None = None,
    calls: Sequence[Call] = (),
) -> list[Verdict]:
    """Judge each invocation (arrival ns, target index, duration ns), sorted by arrival.

    A row may have a fourth value: what its own init takes, or None, as the function's is.
    ``targets[i]`` is (function index, qualifier); without targets, target i is $LATEST of i.
    """
    every = range(len(account.functions))
    _, config, changes = reference_control(account, calls)
    upcoming = deque(changes)
    gates = _rate_gates(account, config, 0, {})
    scaling = _scaling_meters(account)
    ramps = [_Ramp(account, f.idle_timeout) for f in account.functions]
    od = [0 for _ in every]  # od_f
    pc: list[Counter[int]] = [Counter() for _ in every]  # pc_{f,v}, by version
    departures: list[tuple[int, int, int, bool]] = []  # heap of (end, f, v, provisioned)
    idle: dict[tuple[int, int], deque[int]] = {}  # (f, v) -> release times, oldest on the left
    verdicts: list[Verdict] = []

    def promised(f: int) -> int:
        """P_f, or what stands for it (3.16)."""
        by_requested = account.pc_claim == "requested"
        return sum((config.requested if by_requested else config.available)[f].values())

    def claim(f: int) -> int:
        """K_f of section 0."""
        reserved, available = config.reserved[f], config.available[f]
        if account.overhang == "ignore":
            return promised(f) if reserved is None else reserved
        if reserved is not None:
            return max(reserved, od[f] + sum(pc[f].values()))
        return promised(f) + sum(max(0, n - available.get(v, 0)) for v, n in pc[f].items())  # 3.18

    def is_open(gate: _Meter | None) -> bool:
        return gate is None or gate.is_open(now)

    for now, target, duration, *own_init in invocations:
        # Section 0: completions, then changes of configuration, then arrivals. Completions and
        # changes touch different things, so each kind can be caught up with on its own.
        while departures and departures[0][0] <= now:
            end, f, v, provisioned = heappop(departures)
            if provisioned:
                pc[f][v] -= 1  # back in its place, or overhang that vanishes (3.18)
                continue
            od[f] -= 1
            idle[f, v].append(end)  # A7: idle and warm from the very instant of release
        while upcoming and upcoming[0][0] + account.config_delay <= now:
            at, config = upcoming.popleft()
            gates = _rate_gates(account, config, at + account.config_delay, gates)

        f, qualifier = (target, "") if targets is None else targets[target]
        v = config.qualifiers[f][qualifier]  # A0
        function, reserved = account.functions[f], config.reserved[f]
        warm_ones, timeout = idle.setdefault((f, v), deque()), function.idle_timeout
        while timeout is not None and warm_ones and now - warm_ones[0] >= timeout:
            warm_ones.popleft()  # section 7: idle for its timeout means gone

        account_gate = gates.get(("account", 0, 0))
        own = ("unreserved", 0, 0) if reserved is None else ("reserved", f, 0)
        own_gate = gates.get(own)  # A5a; for functions without R there is one if partitioned
        pc_gate = gates.get(("version", f, v))
        pc_free = pc[f][v] < config.available[f].get(v, 0)
        warm = not account.environments or len(warm_ones) > 0  # 7.3: reuse before creating
        needs_token = not warm and account.scaling != "off"  # section 4: reuse is free

        # A: each check is a pure question; nothing is taken until all of them have passed.
        over_cap = account.hard_account_cap and len(departures) >= config.limit
        checks = {
            "zero": (reserved == 0, "RESERVED_ZERO"),  # A1
            "account_rate": (not is_open(account_gate), "ACCOUNT_RATE"),  # A3
            "account_cap": (over_cap, "ACCOUNT_CONCURRENCY"),  # A3b
        }
        passed = not any(failed for failed, _ in checks.values())
        pc_open, own_open = is_open(pc_gate), is_open(own_gate)
        if passed and pc_free and pc_open and (reserved is None or own_open):
            outcome = "PROVISIONED"  # A4, 3.8
        elif passed and pc_free and not pc_open and account.pc_rps_excess == "throttle":
            outcome = "PROVISIONED_RATE"  # 3.10
        else:
            if reserved is None:  # A5c: W + 1 <= U
                using = sum(od[g] for g in every if config.reserved[g] is None)
                short = using + 1 > config.limit - sum(claim(g) for g in every)
                causes = "ACCOUNT_RATE", "UNRESERVED_CONCURRENCY"
            else:  # A5b, 2.6
                short = od[f] + 1 > reserved - promised(f)
                causes = "RESERVED_RATE", "RESERVED_CONCURRENCY"
            checks["reserved_rate"] = not own_open, causes[0]  # A5a
            checks["concurrency"] = short, causes[1]
            no_token = needs_token and not scaling[f].is_open(now)
            too_steep = account.rps_ramp != "off" and not ramps[f].is_open(now)
            checks["environment"] = no_token or too_steep, "SCALING_RATE"  # A6
            outcome = "WARM" if warm else "COLD"
            for name in reversed(account.check_order):  # A: the order only picks the cause
                failed, cause = checks[name]
                outcome = cause if failed else outcome

        admitted, on_pc = outcome in _ADMITTED, outcome == "PROVISIONED"
        everything = account.rps_counts == "all"
        if admitted or everything:  # section 5
            if account_gate:
                account_gate.count(now)
            if own_gate and (reserved is not None or not on_pc):
                own_gate.count(now)
            if pc_gate and (everything or on_pc):
                pc_gate.count(now)

        end = now
        if admitted:  # A7
            init = next((ns for ns in own_init if ns is not None), function.init)
            end += duration + (init if outcome == "COLD" else 0)  # 7.2: init is busy too
            heappush(departures, (end, f, v, on_pc))
            if on_pc:
                pc[f][v] += 1
            else:
                od[f] += 1
                if account.rps_ramp != "off":
                    ramps[f].count(now)
                if needs_token:
                    scaling[f].count(now)  # section 4: one token for one new environment
                if outcome == "WARM" and account.environments:
                    _ = warm_ones.pop() if account.warm_pick == "mru" else warm_ones.popleft()
        verdicts.append(Verdict(outcome, now, end))
    return verdicts


def reference_concurrency(
    verdicts: Sequence[Verdict], functions_of: Sequence[int], n_functions: int, period: int
) -> tuple[list[list[int]], list[int]]:
    """Maximum concurrency in each bin: (by function [f][bin], Region [bin]).

    Bin k is [k * period, (k + 1) * period); the first is that of the first arrival (throttled
    or not), the last that of the last completion or arrival. The Region's figure is the maximum
    of the sum over all functions, not the sum of their maxima (section 10).
    """
    if not verdicts:
        return [[] for _ in range(n_functions)], []
    bins = range(verdicts[0].start // period, max(v.end for v in verdicts) // period + 1)

    def maxima(admitted: list[Verdict]) -> list[int]:
        ends: list[int] = []  # of the invocations so far, kept sorted
        result = [0] * len(bins)
        for i, k in enumerate(bins):
            result[i] = len(ends) - bisect_right(ends, k * period)  # carried in; section 0
            while len(ends) < len(admitted) and admitted[len(ends)].start < (k + 1) * period:
                verdict = admitted[len(ends)]  # in flight now: the earlier ones not ended, and it
                result[i] = max(result[i], len(ends) - bisect_right(ends, verdict.start) + 1)
                insort(ends, verdict.end)
        return result

    pairs = zip(functions_of, verdicts, strict=True)
    admitted = [(f, v) for f, v in pairs if v.outcome in _ADMITTED]
    by_function = [maxima([v for g, v in admitted if g == f]) for f in range(n_functions)]
    return by_function, maxima([v for _, v in admitted])
