"""Each replication of a Monte Carlo run is one simulation: all its numbers, counted again.

The oracle knows nothing of blocks, bins or threads: it draws the calls as a trace, simulates it,
and walks along its admitted calls with a heap.
"""

import heapq
import random

import numpy as np
import pytest

import lambdacore as lc

QUANTILES = (0.0, 0.25, 0.5, 0.9, 0.99, 1.0)
CODES = [int(code) for code in lc.Outcome]


class Timeline:
    """What ran at once, walked along call by call; ends come before starts of the same instant."""

    def __init__(self, begin, end, edges):
        self.begin, self.end = begin, end
        self.edges = edges
        self.ends = []
        self.last = begin
        self.at_level = {}
        self.maxima = []
        self.maximum = None  # until the counting begins

    def _advance(self, now, level):
        at = min(max(now, self.begin), self.end)
        self.at_level[level] = self.at_level.get(level, 0) + at - self.last
        self.last = at

    def _pop_until(self, now):
        while self.ends and self.ends[0] <= now:
            self._advance(self.ends[0], len(self.ends))
            heapq.heappop(self.ends)

    def until(self, now):
        """Ends of calls up to now, and edges of bins up to now."""
        while self.edges and self.edges[0] <= now:
            self._pop_until(self.edges[0])
            if self.maximum is not None:
                self.maxima.append(self.maximum)
            self.maximum = len(self.ends)
            self.edges = self.edges[1:]
        self._pop_until(now)

    def start(self, now, end):
        self.until(now)
        self._advance(now, len(self.ends))
        heapq.heappush(self.ends, end)
        if self.maximum is not None:
            self.maximum = max(self.maximum, len(self.ends))

    def finish(self):
        self.until(self.end - 1)
        self._pop_until(self.end)
        self._advance(self.end, len(self.ends))
        return [*self.maxima, self.maximum]

    def quantile(self, share):
        total, so_far = sum(self.at_level.values()), 0
        for level in sorted(self.at_level):
            so_far += self.at_level[level]
            if so_far >= share * total and so_far > 0:
                return level
        raise AssertionError


def recounted(account, trace, begin, end, period):
    """Count a simulation of the trace again, within [begin, end): all arrays of one replication."""
    result = lc.simulate(account, trace)
    rows = np.array([account.resolve(label)[1] for label in trace.functions])[trace.function]
    count = len(account)
    edges = list(range(begin, end, period))
    counted = (trace.arrival >= begin) & (trace.arrival < end)
    ends = result.completions()
    outcomes = np.zeros((count, len(CODES)), dtype=np.uint64)
    series = {name: np.zeros((count + 1, len(edges)), np.int64) for name in ("all", "throttles")}
    for row, code, at in zip(
        rows[counted].tolist(),
        result.outcome[counted].tolist(),
        trace.arrival[counted].tolist(),
        strict=True,
    ):
        outcomes[row, CODES.index(code)] += 1
        for of in (row, count):
            series["all"][of, (at - begin) // period] += 1
            series["throttles"][of, (at - begin) // period] += lc.Outcome(code).throttled
    lines = [Timeline(begin, end, edges) for _ in range(count + 1)]
    busy = [0] * count
    for row, at, stop, code in zip(
        rows.tolist(), trace.arrival.tolist(), ends.tolist(), result.outcome.tolist(), strict=True
    ):
        if not lc.Outcome(code).throttled:
            lines[row].start(at, stop)
            lines[count].start(at, stop)
            busy[row] += min(max(stop, begin), end) - min(max(at, begin), end)
    maxima = np.array([line.finish() for line in lines])
    quantiles = np.array([[line.quantile(share) for share in QUANTILES] for line in lines])
    return outcomes, np.array(busy), maxima, quantiles, series


def any_law(pick):
    """Some distribution of durations, on a coarse clock so that ties are common, or smooth."""
    return pick.choice(
        [
            lc.Constant(0.0),
            lc.Constant(0.5),
            lc.Exponential(pick.choice([0.1, 0.7, 3.0])),
            lc.LogNormal(pick.choice([0.2, 1.0]), 1.5),
            lc.Gamma(0.4, 0.8),
            lc.Uniform(0.0, 1.0),
            lc.Empirical([0.0, 0.25, 0.25, 2.0]),
            lc.Mixture([lc.Constant(0.05), lc.Exponential(2.0)], [3, 1]),
        ]
    )


def any_process(pick):
    """Some arrivals."""
    rate = pick.choice([0.5, 3.0, 8.0])
    return pick.choice(
        [
            lc.Poisson(rate),
            lc.Poisson(lc.Rate.ramp(0.5, 2 * rate, start=1.0, end=9.0)),
            lc.Deterministic(4.0, phase=pick.choice([0.0, None])),
            lc.Renewal(rate, lc.Gamma(1.0, 2.0)),
            lc.OnOff(4 * rate, on=1.0, off=lc.Exponential(2.0)),
            lc.MarkovModulated([0.5, 3 * rate], [2.0, 1.0]),
            lc.Batches(0.5, size=lc.Uniform(1, 9), spread=pick.choice([0.0, 0.5])),
            lc.Every(2.0, count=5, jitter=pick.choice([0.0, 0.3])),
            lc.Poisson(rate) + lc.Every(3.0, count=4),
            lc.Counts(np.array([3, 0, 12, 1]), 2.5, "start"),
        ]
    )


def any_case(number):
    """Some workload on some account: both small, and everything that accounts can have."""
    pick = random.Random(f"replications {number}")
    labels = pick.choice([["f"], ["f", "g"], ["f:live", "g", "f:2"], ["g", "f:live", "h"]])
    streams = {}
    for label in labels:
        init = pick.choice([None, None, lc.Exponential(0.4), lc.Constant(0.3)])
        streams[label] = lc.Stream(any_process(pick), any_law(pick), init)
    workload = lc.Workload(streams)
    names = list(dict.fromkeys(label.partition(":")[0] for label in labels))
    functions = []
    for name in ("idle", *names):
        values = {"versions": 2, "aliases": {"live": pick.choice([1, 2])}} if name == "f" else {}
        if pick.random() < 0.4:
            values["reserved_concurrency"] = pick.choice([0, 1, 3, 6])
        if name == "f" and pick.random() < 0.5 and values.get("reserved_concurrency", 9) >= 3:
            values["provisioned_concurrency"] = {pick.choice(["live", "1", "2"]): 2}
        functions.append(
            lc.Function(
                name,
                init_duration=pick.choice([None, 0.0, 0.4]),
                idle_timeout=pick.choice([None, 0.0, 1.5]),
                **values,
            )
        )
    account = lc.Account(
        40 if pick.random() < 0.2 else 21 + pick.choice([0, 3, 8]),
        functions,
        unreserved_floor=0,
        profile=pick.choice(["aws-2026", "pure-pools"]),
    )
    if pick.random() < 0.5:  # small enough that the pool that is shared is what throttles
        claimed = sum(f.reserved_concurrency or 0 for f in functions)
        account = account.replace(concurrency_limit=max(claimed + 2, claimed))
    start = ("empty", "warm", "deletion")[number % 3]
    return account, workload, start, pick


@pytest.mark.parametrize("number", range(120))
def test_a_replication_is_the_simulation_of_its_sample(number):
    account, workload, start, pick = any_case(number)
    horizon, period = pick.choice([7.0, 12.5]), pick.choice([0.5, 1.0, 5.0, 40.0])
    warm_up = 0.0 if start == "empty" else pick.choice([0.75, 4.0])
    first, count = (5, 3) if number % 5 else (0, 4)
    seed = 1000 + number
    runs = lc.monte_carlo(
        account,
        workload,
        horizon=horizon,
        replications=first + count,
        rng=seed,
        warm_up=warm_up,
        start=start,
        period=period,
        quantiles=QUANTILES,
        threads=2,
    )
    lead = warm_up if start == "warm" else 0.0
    begin = round(1e9 * warm_up)
    end = round(1e9 * (lead + horizon))
    for r in range(first, first + count):
        trace = workload.sample(horizon, seed, replication=r, warm_up=lead)
        outcomes, busy, maxima, quantiles, series = recounted(
            account, trace, begin, end, round(1e9 * period)
        )
        for code in lc.Outcome:
            of_code = outcomes[:, CODES.index(code)]
            assert runs.outcomes(code)[r].tolist() == of_code.tolist(), code
        arrivals = outcomes.sum(axis=1)
        throttled = sum(outcomes[:, CODES.index(c)] for c in lc.Outcome if c.throttled)
        assert runs.arrivals[r].tolist() == arrivals.tolist()
        assert runs.throttles[r].tolist() == throttled.tolist()
        assert runs.cold_starts[r].tolist() == outcomes[:, CODES.index(lc.Outcome.COLD)].tolist()
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(runs.throttle_ratio[r], throttled / arrivals)
            cold = outcomes[:, CODES.index(lc.Outcome.COLD)] / (arrivals - throttled)
            np.testing.assert_array_equal(runs.cold_start_ratio[r], cold)
            ready = outcomes[:, CODES.index(lc.Outcome.PROVISIONED)] / (arrivals - throttled)
            np.testing.assert_array_equal(runs.provisioned_ratio[r], ready)
            region = throttled.sum() / arrivals.sum()
        np.testing.assert_array_equal(runs.region("throttle_ratio")[r], region)
        assert runs.peak_concurrency[r].tolist() == maxima[:-1].max(axis=1).tolist()
        assert runs.region("peak_concurrency")[r] == maxima[-1].max()
        np.testing.assert_array_equal(runs.mean_concurrency[r], busy / (end - begin))
        assert runs.region("mean_concurrency")[r] == busy.sum() / (end - begin)
        assert runs.concurrency_quantiles()[r].tolist() == quantiles[:-1].tolist()
        assert runs.concurrency_quantiles("Region")[r].tolist() == quantiles[-1].tolist()
        for row, name in enumerate((*runs.functions, "Region")):
            for statistic, of in (("arrivals", "all"), ("throttles", "throttles")):
                found = runs.series(statistic, name)[r]
                assert found.tolist() == series[of][row].tolist(), (statistic, name)
            assert runs.series("peak_concurrency", name)[r].tolist() == maxima[row].tolist(), name


@pytest.mark.parametrize("number", range(0, 120, 4))
def test_from_an_empty_start_series_are_those_of_the_result(number):
    """The bins of both begin at time zero: result.throttles and result.concurrency, bin by bin."""
    account, workload, _, _ = any_case(number)
    runs = lc.monte_carlo(account, workload, horizon=10, replications=3, rng=number, period=1.0)
    for r in range(3):
        trace = workload.sample(10, number, replication=r)
        if not len(trace):
            continue
        result = lc.simulate(account, trace)
        bins = result.bin_starts(1.0) // 10**9
        kept = bins < 10
        for index, name in enumerate((*runs.functions, "Region")):
            which = {"account": True} if name == "Region" else {"function": name}
            throttles = result.throttles(1.0, **which)[kept]
            peaks = result.concurrency(1.0, **which)[kept]
            assert runs.series("throttles", name)[r][bins[kept]].tolist() == throttles.tolist()
            assert runs.series("peak_concurrency", name)[r][bins[kept]].tolist() == peaks.tolist()
            peak = runs.values("peak_concurrency", name)[r]
            assert peak == max(peaks, default=0), (index, name)
        assert runs.throttles[r].sum() == result.throttled.sum()


def test_the_random_cases_hold_what_they_are_meant_to():
    """Throttles by the pool and by reservations, cold starts, provisioned starts, no arrivals."""
    seen = dict.fromkeys(lc.Outcome, 0)
    quiet = 0
    for number in range(120):
        account, workload, *_ = any_case(number)
        runs = lc.monte_carlo(account, workload, horizon=10, replications=3, rng=1)
        for code in lc.Outcome:
            seen[code] += int(runs.outcomes(code).sum())
        quiet += int((runs.arrivals == 0).sum())
    for code in ("COLD", "WARM", "PROVISIONED", "RESERVED_CONCURRENCY"):
        assert seen[lc.Outcome[code]] > 50, code
    assert sum(seen[code] for code in lc.Outcome if code.throttled) > 500
    assert quiet > 30
