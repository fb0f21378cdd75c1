"""What once went wrong with drawn traffic: an example of each, by concept."""

import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import lambdacore as lc
from lambdacore._described import described


def arrivals(process, horizon, seed=1, **v):
    return lc.Workload({"f": lc.Stream(process, 0.0)}).sample(horizon, seed, **v).arrival


def test_a_sample_that_fits_in_no_memory_is_refused_and_the_process_lives():
    code = """
import lambdacore as lc
try:
    lc.Constant(1).sample(2**39)
except (MemoryError, lc.LambdacoreError):
    pass
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_even_calls_begin_on_a_ramp_from_zero():
    assert len(arrivals(lc.Deterministic(lc.Rate.ramp(0, 100, 0, 10)), 10)) == 500


def test_stays_of_mixtures_are_independent_between_parts_of_a_sum():
    stay = lc.Mixture([lc.Exponential(1.0)], [1])
    one = lc.OnOff(1000.0, stay, stay, start="on")
    found, _ = np.histogram(arrivals(one + one, 200) / 1e9, np.arange(0, 200, 0.02))
    assert (found == 0).mean() < 0.35  # a quarter; half if both are on together


def test_very_many_users_are_independent():
    at = arrivals(lc.Recorded([0.5], None, 1.0, 1.0, 140_000, "users"), 1.0)
    assert len(at) - len(np.unique(at)) < 40  # 9.8 expected


@pytest.mark.parametrize("end", [60.0, 60.0000001, 0.0])
@pytest.mark.parametrize("how", ["blocks", "rate"])
def test_any_record_can_be_fitted(end, how):
    lc.Workload.fit(lc.Trace([0.0, end], "f", 0.1), how)


def test_a_record_of_a_year_can_be_taken():
    lc.Recorded.from_trace(lc.Trace([0, 31_536_000_000_000_672], "f", 1))


def test_replace_of_an_epoch_record_keeps_its_length():
    lc.Recorded(np.array([1_700_000_000_000_000_001])).replace(block=60.0)


def test_equal_workloads_have_equal_hashes():
    a, b = lc.Stream(1.0, 0.1), lc.Stream(2.0, 0.1)
    one, two = lc.Workload({"a": a, "b": b}), lc.Workload({"b": b, "a": a})
    assert one != two or hash(one) == hash(two)


@pytest.mark.parametrize("size", [lc.Exponential(1.0), lc.Uniform(0, 2)])
def test_expected_calls_of_rounded_sizes(size):
    w = lc.Workload({"f": lc.Stream(lc.Batches(10.0, size), 0.0)})
    assert w.expected_calls(10_000) == pytest.approx(len(w.sample(10_000, 1)), rel=0.05)


def test_expected_calls_of_a_start_on():
    w = lc.Workload({"f": lc.Stream(lc.OnOff(1000, 1, 9, "on"), 0.0)})
    assert w.expected_calls(1.0) == pytest.approx(1000)


def test_a_warm_up_keeps_the_clock_of_a_record():
    assert arrivals(lc.Recorded([1.0], span=10.0), 10, warm_up=3.0).tolist() == [4 * 10**9]


@pytest.mark.parametrize("expression", ["1- * * * *", "1_0 * * * *", "+5 * * * *"])
def test_more_bad_expressions(expression):
    with pytest.raises(lc.ConfigurationError):
        lc.Cron(expression)


def test_a_list_of_all_days_of_the_month_is_a_list():  # POSIX crontab
    assert len(arrivals(lc.Cron("0 0 1-31 * 1"), 14 * 86_400)) == 14


@pytest.mark.parametrize("part", [lc.Empirical([1.0]), lc.Recorded([1.0]), lc.Counts([1])])
def test_arrays_stay_read_only_in_a_pickle(part):
    again = pickle.loads(pickle.dumps(part))
    assert not getattr(again, dataclasses.fields(part)[0].name).flags.writeable


@pytest.mark.parametrize("part", [lc.Every(np.int64(60)), lc.Batches(1.0, np.int64(5))])
def test_described_values_are_plain(part):
    json.dumps(described(part))


def test_replace_with_nothing_is_the_same():
    law = lc.LogNormal(quantiles={0.5: 1, 0.9: 2})
    assert law.replace() == law


BAD = [
    (lambda: lc.LogNormal(quantiles={0.5: 2.0, 0.9: 1.0}), "quantiles"),
    (lambda: lc.LogNormal(1.0, 1e200), "cv"),
    (lambda: lc.LogNormal(quantiles=5), "quantiles"),
    (lambda: lc.LogNormal(quantiles={"a": 1, "b": 2}), "quantiles"),
    (lambda: lc.LogNormal(quantiles={0.5: 1e-9, 0.500001: 1e8}), "quantiles"),
    (lambda: lc.LogNormal(3.0, 1.0, {0.5: 1.0, 0.9: 2.0}), "quantiles"),
    (lambda: lc.Weibull(0.001, 1.0).mean, "shape"),
    (lambda: lc.Gamma(1.0, 1e200).sample(1), "cv"),
    (lambda: lc.Mixture(5, [1]), "parts"),
    (lambda: lc.Quantiles(5, [1]), "probabilities"),
    (lambda: lc.MarkovModulated(5, [1]), "rates"),
    (lambda: lc.Rate.steps(5, [1]), "times"),
    (lambda: lc.Batches(1.0, 2, 2e9), "spread"),
    (lambda: arrivals(lc.Batches(lc.Recorded([0.0])), 1), "of"),
    (lambda: arrivals(lc.Counts([1] * 40, 1e8), 1), "counts"),
    (lambda: arrivals(lc.Recorded([0.0], span=3e9), 1), "span"),
    (lambda: arrivals(lc.Recorded([0.5], span=1.0, block=1e-6), 1_000), "block"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_more_is_refused(case):
    make, argument = BAD[case]
    with pytest.raises(lc.ConfigurationError) as caught:
        make()
    assert caught.value.argument == argument
