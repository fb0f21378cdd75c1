"""Intervals hold what they say, and means are those of queueing theory.

Seeds are fixed, so nothing here fails by chance from run to run. Each test says at what rate it
would fail at another seed although all is well, and what it would find.
"""

import math

import numpy as np
import pytest

import lambdacore as lc

LIMIT, LOAD = 10, 8.0
EXACT = lc.theory.erlang_b(LIMIT, LOAD)
LAWS = {"exponential": lc.Exponential(1.0), "lognormal": lc.LogNormal(1.0, 1.5)}
STARTS = {
    "warm": {"horizon": 120, "warm_up": 20},
    "deletion": {"horizon": 140, "warm_up": 20, "start": "deletion"},
}
SIX = 6.0  # standard errors: twice in 10^9 by chance


def account_for(workload, limit, **values):
    values = {"profile": "pure-pools", "unreserved_floor": 0} | values
    return lc.Account.for_trace(workload, limit, **values)


def assert_mean(values, expected):
    """The mean of replications is the expected one, to six standard errors."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - expected) < SIX * error, (values.mean(), expected, error)


def assert_ratio(runs, function, expected):
    """All throttles over all arrivals is the expected ratio, to six standard errors."""
    found = runs.interval("throttle_ratio", function, method="ratio t", confidence=0.95)
    error = found.half_width / 1.96
    assert abs(found.estimate - expected) < SIX * error, (found, expected)
    assert error < 0.01 * expected, "a test that sees nothing would pass too"


@pytest.fixture(scope="module", params=[(law, start) for law in LAWS for start in STARTS], ids=str)
def experiments(request):
    """A thousand experiments of twenty replications each, all in one run."""
    law, start = request.param
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(LOAD), LAWS[law])})
    account = account_for(workload, LIMIT)
    return lc.monte_carlo(account, workload, replications=20_000, rng=2026, **STARTS[start])


def test_95_of_100_intervals_hold_the_exact_answer(experiments):
    """Erlang's loss formula, for any law of durations (Sevastyanov 1957).

    Of 1,000 intervals 93 to 97 % have to hold it: by chance 4 in 1,000 seeds fail. Intervals of
    which only 90 % held it would be found in 999 cases of 1,000.
    """
    ratios = experiments.values("throttle_ratio", "f").reshape(1000, 20)
    hits = 0
    for values in ratios:
        found = lc._intervals.mean_t(values, 0.95)
        hits += EXACT in found
    assert 930 <= hits <= 970


def test_the_pooled_ratio_is_erlangs(experiments):
    """At another seed it fails twice in 10^9; it finds 2 % of the ratio, and limits of 9 or 11."""
    assert_ratio(experiments, "f", EXACT)
    for other in (LIMIT - 1, LIMIT + 1):
        with pytest.raises(AssertionError):
            assert_ratio(experiments, "f", lc.theory.erlang_b(other, LOAD))


def test_the_mean_concurrency_is_the_load_that_is_carried(experiments):
    """Little's law: load x (1 - throttle ratio). At another seed it fails twice in 10^9."""
    assert_mean(experiments.values("mean_concurrency", "f"), LOAD * (1 - EXACT))
    assert_mean(experiments.region("utilisation"), LOAD * (1 - EXACT) / LIMIT)
    assert_mean(experiments.values("arrivals", "f"), LOAD * 120)


def test_from_an_empty_start_less_is_throttled():
    """What the warm start is for: twenty seconds from empty are no sample of the long run."""
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(LOAD), LAWS["exponential"])})
    runs = lc.monte_carlo(
        account_for(workload, LIMIT), workload, horizon=10, replications=2_000, rng=1
    )
    assert runs.interval("throttle_ratio", "f", confidence=0.999999).high < 0.95 * EXACT


def test_functions_that_share_a_pool_lose_alike_and_a_reservation_stands_apart():
    """Kaufman (1981) for the shared pool; Erlang for the reserved one. Fails twice in 10^9."""
    workload = lc.Workload(
        {
            "a": lc.Stream(lc.Poisson(2.0), lc.Exponential(1.0)),
            "b": lc.Stream(lc.Poisson(12.0), lc.LogNormal(0.25, 2.0)),
            "c": lc.Stream(lc.Poisson(4.0), lc.Constant(0.5)),
        }
    )
    account = account_for(workload, 8, reserve={"c": 3})
    runs = lc.monte_carlo(account, workload, horizon=1_000, warm_up=20, replications=400, rng=2026)
    of_a, of_b = lc.theory.shared_pool([2.0, 3.0], [None, None], 5)
    assert_ratio(runs, "a", of_a)
    assert_ratio(runs, "b", of_b)
    assert_ratio(runs, "c", lc.theory.erlang_b(3, 2.0))
    assert_mean(runs.values("mean_concurrency", "a"), 2.0 * (1 - of_a))
    assert_mean(runs.values("mean_concurrency", "b"), 3.0 * (1 - of_b))


def test_provisioned_environments_spill_into_the_shared_pool():
    """The Markov chain of loads 2 and 2, 2 provisioned and 3 shared, solved as linear equations.

    States are (provisioned in use, f on the shared pool, g). Fails twice in 10^9.
    """
    states = [(p, f, g) for p in range(3) for f in range(4) for g in range(4 - f)]
    index = {state: i for i, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for (p, f, g), i in index.items():
        moves = {
            (p + 1, f, g): 2.0 if p < 2 else 0.0,
            (p, f + 1, g): 2.0 if p == 2 else 0.0,
            (p, f, g + 1): 2.0,
            (p - 1, f, g): p,
            (p, f - 1, g): f,
            (p, f, g - 1): g,
        }
        for to, rate in moves.items():
            if rate and to in index:
                rates[i, index[to]] += rate
    rates -= np.diag(rates.sum(axis=1))
    system = np.vstack([rates.T, np.ones(len(states))])
    share = np.linalg.lstsq(system, np.append(np.zeros(len(states)), 1.0), rcond=None)[0]
    loses_g = sum(share[i] for (_, f, g), i in index.items() if f + g == 3)
    loses_f = sum(share[i] for (p, f, g), i in index.items() if p == 2 and f + g == 3)
    assert (round(loses_f, 5), round(loses_g, 5)) == (0.15212, 0.31397)
    workload = lc.Workload(
        {name: lc.Stream(lc.Poisson(2.0), lc.Exponential(1.0)) for name in ("f:live", "g")}
    )
    account = account_for(workload, 5, provision={"f:live": 2})
    runs = lc.monte_carlo(account, workload, horizon=1_000, warm_up=20, replications=400, rng=2026)
    assert_ratio(runs, "f", loses_f)
    assert_ratio(runs, "g", loses_g)


@pytest.mark.parametrize("law", LAWS)
def test_quantiles_over_time_without_a_limit_are_those_of_poisson(law):
    """M/G/inf: what runs at once is Poisson, whatever the law of durations.

    The shares lie between two steps of the distribution, so that by chance a replication would
    miss a quantile once in 10^6.
    """
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(LOAD), LAWS[law])})
    shares = (0.05, 0.52, 0.95)
    runs = lc.monte_carlo(
        account_for(workload, 1000),
        workload,
        horizon=100_000,
        warm_up=50,
        replications=10,
        rng=2026,
        quantiles=shares,
    )
    expected = [int(lc.theory.in_flight_quantile(LOAD, share)) for share in shares]
    assert runs.concurrency_quantiles("f").tolist() == [expected] * 10
    assert runs.throttles.sum() == 0


def test_a_load_that_varies_has_the_mean_of_rate_times_survival():
    """M(t)/M/inf from empty: a step of the rate, integrated in closed form. Fails twice in 10^9."""
    before, after, at, horizon, mean = 5.0, 20.0, 6.0, 15.0, 2.0

    def held(rate, begin, end):
        """Seconds held within the horizon by what arrives from begin to end."""
        tail = mean * (math.exp(-(horizon - end) / mean) - math.exp(-(horizon - begin) / mean))
        return rate * mean * (end - begin - tail)

    expected = (held(before, 0, at) + held(after, at, horizon)) / horizon
    workload = lc.Workload(
        {"f": lc.Stream(lc.Poisson(lc.Rate.step(before, after, at)), lc.Exponential(mean))}
    )
    account = account_for(workload, 1000)
    runs = lc.monte_carlo(account, workload, horizon=horizon, replications=5_000, rng=2026)
    assert_mean(runs.values("mean_concurrency", "f"), expected)
    assert_mean(runs.values("arrivals", "f"), before * at + after * (horizon - at))
