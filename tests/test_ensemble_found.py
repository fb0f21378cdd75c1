"""What once went wrong with ensembles: an example of each."""

import gc
import os
import signal
import threading
import time

import numpy as np
import pytest

import lambdacore as lc
from lambdacore import _core
from lambdacore.workload import span_of


def one(process, duration=0.1):
    return lc.Workload({"f": lc.Stream(process, duration)})


SMALL = {"replications": 4, "rng": 1, "progress": False}


def test_a_provisioned_pool_counts_in_what_a_function_may_use():
    account = lc.Account(1000, [lc.Function("f", provisioned_concurrency=900)])
    runs = lc.monte_carlo(account, one(lc.Poisson(950), 1.0), horizon=20, warm_up=10, **SMALL)
    assert 0.9 < runs.utilisation.mean() < 1


def test_further_users_of_a_whole_record_come_at_times_of_their_own():
    process = lc.Recorded([0.0, 1.0, 1.5], span=10.0, scale=3, scale_as="users")
    arrival = one(process).sample(10, 1).arrival
    assert len(arrival) == 9
    assert len(np.unique(arrival)) == 9
    assert {0, 10**9, 15 * 10**8} <= set(arrival.tolist())


@pytest.mark.parametrize(
    "off",
    [lc.LogNormal(10, 5), lc.BoundedPareto(1.1, 0.5, 5000), lc.Gamma(10, 3), lc.Weibull(0.5, 5),
     lc.Mixture([0.1, lc.Exponential(30)], [1, 1]), lc.Uniform(0, 20), lc.Empirical([0.1, 40.0])],
    ids=lambda off: off.kind,
)  # fmt: skip
def test_states_begin_as_they_are_found_at_any_time(off):
    """The mean count of a stationary process is rate x share x time, from the first second on.

    20,000 replications; six standard errors.
    """
    workload = one(lc.OnOff(10, lc.Exponential(1), off))
    account = lc.Account.for_trace(workload, 10, unreserved_floor=0)
    runs = lc.monte_carlo(account, workload, horizon=5, replications=20_000, rng=3, progress=False)
    found = runs.arrivals[:, 0]
    expected = 10 * 5 * 1 / (1 + off.mean)
    assert abs(found.mean() - expected) < 6 * found.std() / 20_000**0.5


def test_an_offset_of_a_period_or_more_is_a_start_with_or_without_a_warm_up():
    workload = one(lc.Every(60, offset=600))
    assert workload.expected_calls(600) == 0
    assert len(workload.sample(601, 1)) == 1
    assert len(workload.sample(601, 1, warm_up=130)) == 1
    phase = one(lc.Every(60, offset=30))
    assert len(phase.sample(60, 1, warm_up=60)) == 2


def test_a_ramp_of_centuries_has_its_slope_within_any_horizon():
    workload = one(lc.Deterministic(lc.Rate.ramp(0, 1e6, 0, 9e9)))
    assert len(workload.sample(1e4, 1)) == pytest.approx(workload.expected_calls(1e4), rel=1e-3)


def test_precision_is_that_of_every_point():
    workload = one(lc.Poisson(20), lc.Exponential(0.5))
    account = lc.Account.for_trace(workload, 10, unreserved_floor=0)
    wanted = lc.Precision(0.1, least=5, most=400)
    found = lc.sweep(
        account, workload, {"concurrency_limit": [5, 20]}, horizon=30, replications=wanted,
        rng=1, progress=False,
    )  # fmt: skip
    hard = found.runs[1].interval("throttle_ratio", "f")
    assert float(hard.half_width) <= 0.1 * float(hard.estimate) or len(found.runs[1]) == 400
    assert len(found.runs[0]) > 5


def test_part_of_a_point_is_no_point():
    workload = one(lc.Poisson(5))
    account = lc.Account.for_trace(workload, 10, unreserved_floor=0)
    grid = {"concurrency_limit": [8, 9], "f.reserved_concurrency": [1, 2]}
    found = lc.sweep(account, workload, grid, horizon=1, **SMALL)
    with pytest.raises(lc.ConfigurationError, match=r"give f\.reserved_concurrency too"):
        found.at(concurrency_limit=8)
    with pytest.raises(lc.ConfigurationError, match="the sweep has none"):
        found.at(concurrency_limit=7)
    with pytest.raises(lc.ConfigurationError, match="of which function"):
        lc.sweep(account, workload, {"reserved_concurrency": [1]}, horizon=1, **SMALL)


def test_the_size_of_all_results_together_is_looked_at_before_any_is_made():
    workload = one(lc.Poisson(5))
    account = lc.Account.for_trace(workload, 10, unreserved_floor=0)
    with pytest.raises(lc.SeriesSizeError, match="1,000 accounts"):
        lc.sweep(
            account, workload, {"workload.f.arrivals.rate": range(1, 1001)}, horizon=1,
            replications=100_000,
        )  # fmt: skip
    with pytest.raises(lc.SeriesSizeError):
        lc.required_concurrency(workload, 0.1, horizon=1, replications=10**7)


def test_an_init_of_centuries_is_refused_by_name():
    account = lc.Account(10, [lc.Function("f", init_duration=8e9)], unreserved_floor=0)
    with pytest.raises(lc.ConfigurationError, match="init_duration of 'f'"):
        lc.monte_carlo(account, one(lc.Poisson(1)), horizon=1, **SMALL)


def test_ctrl_c_is_heard_in_traffic_that_says_nothing():
    silent = one(lc.MarkovModulated([0.0, 0.0], [1e-3, 1e-3]))
    account = lc.Account.for_trace(silent, 10, unreserved_floor=0)
    for call in (
        lambda: silent.sample(9e4, 1),
        lambda: lc.monte_carlo(account, silent, horizon=9e4, **SMALL),
    ):
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            call()
        # Promised within 100 ms; the machine may be busy.
        assert time.monotonic() - began < 3
        timer.join()


def test_thousands_of_functions_are_taken_in_at_once():
    """Names are looked up, not compared with each other: ten times as many take ten times as long,
    where comparing would take a hundred times. In turn, the shortest of three, without the
    collector of garbage.
    """
    span = span_of(1.0)
    specs = {
        count: [lc.Stream(lc.Poisson(0.01), 0.1)._spec(f"f{i}", span) for i in range(count)]
        for count in (3_000, 30_000)
    }
    took = {count: [] for count in specs}
    gc.disable()
    try:
        for _ in range(3):
            for count, streams in specs.items():
                began = time.process_time()
                _core.Workload(streams)
                took[count].append(time.process_time() - began)
    finally:
        gc.enable()
    # Tables that outgrow the caches make it some twenty times.
    assert min(took[30_000]) < 60 * min(took[3_000])
