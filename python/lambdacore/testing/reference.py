"""Reference model of Lambda concurrency: a slow, plain oracle to test the real engine against.

For: differential and property tests. Run a trace here and in the engine; every outcome, every
time and every per-bin maximum must be equal. It was written from the rules alone, by someone who
had not seen the engine, so a mistake shared by both is unlikely.

Promises: integers only (nanoseconds), no randomness, no state kept between calls; the verdict on
an invocation depends on the earlier ones only. A comment such as ``# A5b`` or ``# 7.2`` names
the rule of the specification that the line carries out.

Does not do: provisioned concurrency, request-rate quotas, retries, queues, configuration changes
during a run, scaling other than ``bucket`` and ``off``, maximum environment age, validation: it
trusts that arrivals are sorted, indexes in range, nothing negative; only misspelt options fail.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

_ADMITTED = ("WARM", "COLD")
_UNRESERVED = -1  # key of the pool shared by every function that has no reservation


@dataclass(frozen=True)
class ReferenceFunction:
    """Settings of one function."""

    reserved: int | None = None  # reserved concurrency; 0 is a value, None is absence
    init: int = 0  # ns a cold start adds before the handler
    idle_timeout: int | None = None  # ns; None = idle environments never expire


@dataclass(frozen=True)
class ReferenceAccount:
    """Settings of one account in one Region; ``functions[i]`` is the function with index i."""

    limit: int
    functions: tuple[ReferenceFunction, ...]
    environments: bool = True  # False: pure loss pool (every admission WARM, no init, no scaling)
    scaling: str = "bucket"  # or "off"
    burst: int = 1_000  # capacity of each function's scaling bucket, in tokens; full at the start
    interval: int = 10_000_000  # ns to refill one token (100 a second)
    warm_pick: str = "mru"  # or "lru": which idle environment is taken, by last release
    check_order: tuple[str, ...] = ("zero", "concurrency", "environment")  # A1, A5b/5c, A6

    def __post_init__(self) -> None:
        if self.scaling not in ("bucket", "off"):
            raise ValueError(f"scaling must be 'bucket' or 'off', not {self.scaling!r}")
        if self.warm_pick not in ("mru", "lru"):
            raise ValueError(f"warm_pick must be 'mru' or 'lru', not {self.warm_pick!r}")
        if sorted(self.check_order) != ["concurrency", "environment", "zero"]:
            raise ValueError(f"check_order is not a permutation of the checks: {self.check_order}")


class Verdict(NamedTuple):
    """What became of one invocation."""

    outcome: str  # WARM, COLD, RESERVED_ZERO, (UN)RESERVED_CONCURRENCY or SCALING_RATE
    start: int  # the arrival
    end: int  # when the permit is given back; equal to start for a throttle


def reference_simulate(
    account: ReferenceAccount, invocations: Sequence[tuple[int, int, int]]
) -> list[Verdict]:
    """Judge each invocation (arrival ns, function index, duration ns), sorted by arrival."""
    functions = account.functions
    reservations = {i: f.reserved for i, f in enumerate(functions) if f.reserved is not None}
    room = reservations | {_UNRESERVED: account.limit - sum(reservations.values())}  # 2.1, 2.4
    in_flight = dict.fromkeys(room, 0)  # by pool: a reserved function is a pool of its own
    departures: list[tuple[int, int]] = []  # heap of (end, function index)
    idle: list[deque[int]] = [deque() for _ in functions]  # release times, oldest on the left
    bucket_size = account.burst * account.interval  # section 4: the level is held in ns of refill
    level = [bucket_size] * len(functions)
    level_at = [invocations[0][0] if invocations else 0] * len(functions)
    verdicts: list[Verdict] = []

    for now, f, duration in invocations:
        function = functions[f]
        pool = f if f in reservations else _UNRESERVED

        while departures and departures[0][0] <= now:  # section 0: completions before arrivals
            end, g = heappop(departures)
            in_flight[g if g in reservations else _UNRESERVED] -= 1
            idle[g].append(end)  # A7: idle and warm from the very instant of release

        timeout = function.idle_timeout
        while timeout is not None and idle[f] and now - idle[f][0] >= timeout:
            idle[f].popleft()  # section 7: idle for its timeout means gone

        level[f] = min(bucket_size, level[f] + now - level_at[f])  # section 4: refill, then cap
        level_at[f] = now
        warm = not account.environments or len(idle[f]) > 0  # 7.3: reuse before creating
        needs_token = not warm and account.scaling == "bucket"  # section 4: reuse is free

        # A: each check is a pure question; nothing is taken until all of them have passed.
        shortage = "UNRESERVED_CONCURRENCY" if pool == _UNRESERVED else "RESERVED_CONCURRENCY"
        checks = {
            "zero": (function.reserved == 0, "RESERVED_ZERO"),  # A1
            "concurrency": (in_flight[pool] + 1 > room[pool], shortage),  # A5b, A5c
            "environment": (needs_token and level[f] < account.interval, "SCALING_RATE"),  # A6
        }
        causes = [checks[name][1] for name in account.check_order if checks[name][0]]
        if causes:
            verdicts.append(Verdict(causes[0], now, now))  # A: the order only picks the cause
            continue

        if needs_token:
            level[f] -= account.interval  # section 4: one token for one new environment
        if warm and account.environments:
            _ = idle[f].pop() if account.warm_pick == "mru" else idle[f].popleft()  # 7.10
        end = now + duration + (0 if warm else function.init)  # 7.2: init holds the permit too
        in_flight[pool] += 1  # A7
        heappush(departures, (end, f))
        verdicts.append(Verdict("WARM" if warm else "COLD", now, end))
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
