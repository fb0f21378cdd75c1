"""Long runs with provisioned concurrency, and under a limit that was lowered, agree with theory.

As in `test_theory.py`: seeds are fixed, and each comparison is a t test over 30 independent
replications with a false-alarm rate of 1e-4. What it detects is asserted beside it, as a share of
the exact value: twice the deviation at which the test fails, so that a result that is off by as
much escapes with a probability below 1e-4 too. And the exact values of systems of one server more
or fewer are refused.

The model ``shared_pool_with_caps`` (a call needs room below its function's cap and in a pool that
all share) is not what reservations are, since each is a pool of its own and their sum stays within
the limit. It is what they become after the account's limit has fallen below their sum (rules 1.9,
A3b): then each function is held by its reservation, and all together by the limit.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import lambdacore as lc

REPLICATIONS = 30
FALSE_ALARM = 1e-4
CRITICAL = stats.t.ppf(1 - FALSE_ALARM / 2, REPLICATIONS - 1)
PURE = lc.Profile.named("pure-pools")
#: No rate binds: the pools alone decide, and environments are created at will.
WITH_ENVIRONMENTS = lc.Profile.named("pools-2026").replace(scaling="off")
PROVISIONED = lc.Outcome.PROVISIONED


def threshold(samples):
    """How far the mean of replications may be from the exact value."""
    return CRITICAL * stats.sem(samples)


def agree(samples, exact, detects):
    """Whether replications agree with a value; they would not with one off by a share of it."""
    assert 2 * threshold(samples) < detects * exact, 2 * threshold(samples) / exact
    return abs(samples.mean() - exact) < threshold(samples)


def values_of(analytic_reference, model):
    """The rows of a model: parameters, and values by quantity."""
    rows = {}
    for name, params, quantity, value in analytic_reference:
        if name == model:
            rows.setdefault(repr(params), (params, {}))[1][quantity] = value
    assert rows, model
    return list(rows.values())


def poisson_calls(rng, offered, n, durations):
    """Merged Poisson streams of calls of mean 1: arrivals, the stream of each, and durations."""
    at = np.cumsum(rng.exponential(1 / sum(offered), n))
    stream = rng.choice(len(offered), n, p=np.array(offered) / sum(offered))
    return at, stream, durations(rng, n)


def exponential(rng, n):
    return rng.exponential(1.0, n)


def pareto(rng, n):
    return (1 + rng.pareto(2.5, n)) * (1.5 / 2.5)


# What provisioned concurrency spills


def riordan(servers, offered):
    """Mean and variance of what overflows from a group of servers to unlimited others."""
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = offered * blocking / (n + offered * blocking)
    mean = offered * blocking
    return mean, mean * (1 - mean + offered / (servers + 1 - offered + mean))


def test_riordans_formula_gives_every_row_of_the_table(analytic_reference):
    rows = values_of(analytic_reference, "overflow_riordan")
    assert len(rows) == 4
    for params, values in rows:
        exact = values["overflow_mean"], values["overflow_variance"]
        assert riordan(**params) == pytest.approx(exact, rel=1e-12)


def spilled_in_flight(servers, offered, profile, durations, seed, n=200_000):
    """Mean and second moment of what runs on demand, as arrivals find it, of each of 30 runs.

    Poisson arrivals see time averages. A tenth is left out at the start.
    """
    found = []
    for child in np.random.SeedSequence(seed).spawn(REPLICATIONS):
        at, _, duration = poisson_calls(np.random.default_rng(child), [offered], n, durations)
        f = lc.Function("f", provisioned_concurrency=servers)
        account = lc.Account(1_000_000, [f], profile=profile)
        result = lc.simulate(account, lc.Trace(at, "f", duration))
        assert not result.throttled.any()
        spilled = result.outcome != PROVISIONED
        ends = np.sort(result.completions()[spilled])
        started = np.cumsum(spilled) - spilled
        running = started - np.searchsorted(ends, result.trace.arrival, side="right")
        steady = running[n // 10 :].astype(float)
        found.append((steady.mean(), (steady**2).mean()))
    return np.array(found).T


@pytest.mark.parametrize("profile", [PURE, WITH_ENVIRONMENTS], ids=lambda profile: profile.name)
def test_what_spills_over_is_riordans_overflow(analytic_reference, profile):
    """Rules 3.8, 3.9: its mean in flight and its variance, with and without environments.

    Detects 10 % of the mean and 15 % of the second moment.
    """
    for row, (params, values) in enumerate(values_of(analytic_reference, "overflow_riordan")):
        servers, offered = params["servers"], params["offered"]
        mean, square = spilled_in_flight(servers, offered, profile, exponential, [row, 21])
        exact = values["overflow_mean"]
        assert agree(mean, exact, detects=0.1), params
        second = values["overflow_variance"] + exact**2
        assert agree(square, second, detects=0.15), params
        # Power: one environment more or fewer.
        for other in (servers - 1, servers + 1):
            assert abs(mean.mean() - riordan(other, offered)[0]) > threshold(mean), params


def test_the_mean_of_what_spills_over_does_not_depend_on_the_law_of_duration(analytic_reference):
    """Rule 3.9, insensitivity: Erlang's loss times the load, for durations of a heavy tail.

    Detects 10 %.
    """
    for row, (params, values) in enumerate(values_of(analytic_reference, "overflow_riordan")):
        servers, offered = params["servers"], params["offered"]
        mean, _ = spilled_in_flight(servers, offered, PURE, pareto, [row, 22])
        assert agree(mean, values["overflow_mean"], detects=0.1), params


# Two functions: one with provisioned concurrency, which spills into what both share


def spillover_chain(provisioned, shared, first, second):
    """Solve for the loss of a function that spills, and of another that shares the pool.

    States: what of the first runs provisioned, what of it on demand, what of the second.
    """
    states = [
        (p, s, t)
        for p in range(provisioned + 1)
        for s in range(shared + 1)
        for t in range(shared + 1 - s)
    ]
    index = {state: i for i, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for (p, s, t), i in index.items():
        full = s + t == shared
        moves = [((p - 1, s, t), p), ((p, s - 1, t), s), ((p, s, t - 1), t)]
        if p < provisioned:
            moves.append(((p + 1, s, t), first))
        elif not full:
            moves.append(((p, s + 1, t), first))
        if not full:
            moves.append(((p, s, t + 1), second))
        for state, rate in moves:
            if rate:
                rates[i, index[state]] += rate
                rates[i, i] -= rate
    # Balance, and probabilities that add up to 1.
    equations = np.vstack([rates.T, np.ones(len(states))])
    shares = np.linalg.lstsq(equations, np.eye(len(states) + 1)[-1], rcond=None)[0]
    full = np.array([s + t == shared for _, s, t in states])
    spills = np.array([p == provisioned for p, _, _ in states])
    return shares[full & spills].sum(), shares[full].sum()


def test_the_chain_without_provisioned_concurrency_is_erlangs_formula():
    """Then both functions share one pool: 4 erlangs on 3 servers lose 32 / 71."""
    assert spillover_chain(0, 3, 2.0, 2.0) == pytest.approx([32 / 71] * 2, rel=1e-12)


@pytest.mark.parametrize("profile", [PURE, WITH_ENVIRONMENTS], ids=lambda profile: profile.name)
def test_a_function_that_spills_and_one_that_shares_lose_what_their_chain_says(profile):
    """Rules 3.5, 3.9: 2 erlangs each, 2 provisioned for the first, 3 shared by both.

    Detects 4 % of the losses, 0.15212 and 0.31397.
    """
    exact = spillover_chain(2, 3, 2.0, 2.0)
    assert exact == pytest.approx([0.15212, 0.31397], abs=5e-6)
    functions = [lc.Function("first", provisioned_concurrency=2), lc.Function("second")]
    account = lc.Account(5, functions, unreserved_floor=0, profile=profile)
    assert account.unreserved_concurrency == 3
    lost = []
    n = 40_000
    for child in np.random.SeedSequence([2, 3, 23]).spawn(REPLICATIONS):
        rng = np.random.default_rng(child)
        at, stream, duration = poisson_calls(rng, [2.0, 2.0], n, exponential)
        trace = lc.Trace(at, np.array(["first", "second"])[stream], duration)
        throttled = lc.simulate(account, trace).throttled[n // 10 :]
        lost.append([throttled[stream[n // 10 :] == k].mean() for k in (0, 1)])
    for k, ratios in enumerate(np.array(lost).T):
        assert agree(ratios, exact[k], detects=0.04), k
        # Power: one environment, or one unit of the pool, more or fewer.
        for pools in ((1, 3), (3, 3), (2, 2), (2, 4)):
            other = spillover_chain(*pools, 2.0, 2.0)[k]
            assert abs(ratios.mean() - other) > threshold(ratios), (k, pools)


# Reservations under a limit that has fallen below their sum


def capped_pool(pool, functions):
    """Losses of functions of (offered load, cap) that share a pool, by the product form."""
    total, lost = 0.0, np.zeros(len(functions))
    for state in itertools.product(*(range(cap + 1) for _, cap in functions)):
        if sum(state) > pool:
            continue
        terms = (a**n / math.factorial(n) for n, (a, _) in zip(state, functions, strict=True))
        weight = math.prod(terms)
        total += weight
        for k, (n, (_, cap)) in enumerate(zip(state, functions, strict=True)):
            lost[k] += weight * (n == cap or sum(state) == pool)
    return lost / total


def rows_of_capped_pools(analytic_reference):
    for params, values in values_of(analytic_reference, "shared_pool_with_caps"):
        functions = params["functions_offered_cap"]
        exact = [values[f"throttle_prob_fn{k}"] for k in range(len(functions))]
        yield params["pool"], functions, exact


def test_the_product_form_gives_every_row_of_the_table(analytic_reference):
    rows = [*rows_of_capped_pools(analytic_reference)]
    assert len(rows) == 2
    for pool, functions, exact in rows:
        assert capped_pool(pool, functions) == pytest.approx(exact, rel=1e-12)


def test_reservations_under_a_limit_below_their_sum_are_caps_in_a_shared_pool(analytic_reference):
    """Rules 1.9, A3b: the quota falls at the start; the calls lost are those of the product form.

    Detects 8 % of the losses.
    """
    n = 40_000
    for row, (pool, functions, exact) in enumerate(rows_of_capped_pools(analytic_reference)):
        offered, caps = zip(*functions, strict=True)
        names = np.array([f"f{k}" for k in range(len(caps))])
        reserved = [
            lc.Function(str(name), reserved_concurrency=cap)
            for name, cap in zip(names, caps, strict=True)
        ]
        account = lc.Account(sum(caps), reserved, unreserved_floor=0, profile=PURE)
        schedule = lc.Schedule().set_concurrency_limit(0.0, pool)
        lost = []
        for child in np.random.SeedSequence([row, 24]).spawn(REPLICATIONS):
            rng = np.random.default_rng(child)
            at, stream, duration = poisson_calls(rng, offered, n, exponential)
            trace = lc.Trace(at, names[stream], duration)
            throttled = lc.simulate(account, trace, schedule).throttled[n // 10 :]
            lost.append([throttled[stream[n // 10 :] == k].mean() for k in range(len(caps))])
        for k, ratios in enumerate(np.array(lost).T):
            assert agree(ratios, exact[k], detects=0.08), (pool, k)
            # Power: a pool of one more or fewer.
            for other in (pool - 1, pool + 1):
                off = capped_pool(other, functions)[k]
                assert abs(ratios.mean() - off) > threshold(ratios), (pool, k)
