"""Long runs agree with exact theory.

Seeds are fixed, so each test is deterministic. At design time each comparison was a t test
over 30 independent replications with a false-alarm rate of 1e-4; its power is shown by
refusing the answer for one server more and one fewer.
"""

import csv
import json

import numpy as np
import pytest
from scipy import stats

import lambdacore as lc

REPLICATIONS = 30
FALSE_ALARM = 1e-4
PURE = lc.Profile(environments="off")


@pytest.fixture
def analytic_reference(shared_data):
    """Rows of (model, parameters, quantity, value), computed with 40 digits."""
    with (shared_data / "analytic_reference.csv").open(newline="") as file:
        return [
            (row["model"], json.loads(row["params"]), row["quantity"], float(row["value"]))
            for row in csv.DictReader(file)
        ]


def erlang_b(servers, offered):
    """Blocking of `servers` servers at `offered` erlangs, by the stable recursion."""
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = offered * blocking / (n + offered * blocking)
    return blocking


#: Service times of mean 1: the blocking depends on their mean alone.
LAWS = {
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "constant": lambda rng, n: np.ones(n),
    "lognormal": lambda rng, n: rng.lognormal(-0.5 * 1.2**2, 1.2, n),
    "pareto": lambda rng, n: (1 + rng.pareto(2.5, n)) * (1.5 / 2.5),
}


def blocking_of_replications(servers, offered, law, seed, arrivals=40_000):
    """Throttle ratio of each of 30 runs, without the start from empty."""
    ratios = []
    for child in np.random.SeedSequence(seed).spawn(REPLICATIONS):
        rng = np.random.default_rng(child)
        at = np.cumsum(rng.exponential(1 / offered, arrivals))
        trace = lc.Trace(at, "f", LAWS[law](rng, arrivals))
        account = lc.Account.for_trace(trace, servers, profile=PURE, unreserved_floor=0)
        outcome = lc.simulate(account, trace).outcome[arrivals // 10 :]
        ratios.append((outcome >= 16).mean())
    return np.array(ratios)


def deviation(ratios, exact):
    """Distance of the mean from the exact value, in standard errors between replications."""
    return abs(ratios.mean() - exact) / stats.sem(ratios)


CRITICAL = stats.t.ppf(1 - FALSE_ALARM / 2, REPLICATIONS - 1)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("servers", "offered"), [(1, 1.0), (2, 1.6), (5, 4.0), (10, 8.0)])
def test_blocking_of_a_small_pool_is_erlang_b_whatever_the_law_of_duration(servers, offered, law):
    """Erlang's loss formula; insensitive to the law of service. Reliability 3.3, 3.4."""
    ratios = blocking_of_replications(servers, offered, law, seed=[servers, 7])
    assert deviation(ratios, erlang_b(servers, offered)) < CRITICAL
    # Power: one server more or fewer would be noticed.
    for other in (servers - 1, servers + 1):
        assert deviation(ratios, erlang_b(other, offered)) > CRITICAL


def test_the_exact_loss_table_of_the_reference_data_is_reproduced(analytic_reference):
    """Every Erlang B row of up to 20 servers with a blocking that 40,000 arrivals can see."""
    rows = [
        (params["servers"], params["offered"], value)
        for model, params, _, value in analytic_reference
        if model == "erlang_b" and params["servers"] <= 20 and value > 0.01
    ]
    assert len(rows) >= 20
    for servers, offered, value in rows:
        assert erlang_b(servers, offered) == pytest.approx(value, rel=1e-12)
        ratios = blocking_of_replications(servers, offered, "exponential", [servers, 11], 8_000)
        assert deviation(ratios, value) < CRITICAL, (servers, offered)


def test_one_reserved_environment_with_an_idle_timeout_matches_its_closed_form(
    analytic_reference,
):
    """Reserved 1, Poisson arrivals, constant cold and warm times: an exact renewal process."""
    rows = {}
    for model, params, quantity, value in analytic_reference:
        if model == "reserved1_idle_timeout":
            rows.setdefault(tuple(params.items()), {})[quantity] = value
    assert len(rows) == 3
    for i, (params, exact) in enumerate(rows.items()):
        given = dict(params)
        cold, throttle = [], []
        for child in np.random.SeedSequence([1, i]).spawn(REPLICATIONS):
            rng = np.random.default_rng(child)
            at = np.cumsum(rng.exponential(1 / given["lambda"], 20_000))
            trace = lc.Trace(at, "f", float(given["warm_s"]))
            account = lc.Account.for_trace(
                trace,
                reserve={"f": 1},
                init_duration=given["cold_s"] - given["warm_s"],
                idle_timeout=given["idle_timeout_s"],
            )
            region = lc.simulate(account, trace).summary().region
            cold.append(region["cold_start_ratio"])
            throttle.append(region["throttle_ratio"])
        assert deviation(np.array(cold), exact["cold_prob_of_served"]) < CRITICAL
        assert deviation(np.array(throttle), exact["throttle_prob"]) < CRITICAL
