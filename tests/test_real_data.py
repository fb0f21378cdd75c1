"""Real traffic: counts that a small independent replay found in the shared data."""

import csv
import json

import numpy as np
import pytest

import lambdacore as lc


@pytest.fixture
def azure(shared_data):
    return lc.read_trace(shared_data / "azure2021_rows1-199.csv")


@pytest.fixture
def expected(shared_data):
    return json.loads((shared_data / "expected.json").read_text("utf-8"))


def test_the_azure_slice_has_the_shape_and_work_that_were_counted(azure, expected):
    facts = expected["azure2021_rows1-199.csv"]
    assert len(azure) == facts["rows"]
    assert len(azure.functions) == facts["functions"]
    assert int((azure.duration == 0).sum()) == facts["zero_durations"]
    assert azure.duration.sum() / 1e9 == pytest.approx(facts["busy_seconds"], abs=0.01)
    assert azure.quality.rows_skipped == 0
    assert azure.quality.shifted_ns == 0


def test_the_azure_slice_peaks_where_it_was_counted(azure, expected):
    peak = expected["azure2021_rows1-199.csv"]["peak_concurrency_all"]
    assert lc.required_concurrency(azure).account_peak == peak
    result = lc.simulate(lc.Account.for_trace(azure), azure)
    assert result.summary().region["peak_concurrency"] == peak


def test_the_azure_slice_loses_what_was_counted_at_every_limit(azure, expected):
    """Shared pool, no retry; +-1 where an ulp in end - duration can flip a tie."""
    counted = expected["azure2021_rows1-199.csv"]["lost_calls_shared_pool_no_retry"]
    assert len(counted) == 10
    profile = lc.Profile.named("pure-pools")
    for limit, lost in counted.items():
        account = lc.Account.for_trace(azure, int(limit), profile=profile, unreserved_floor=0)
        throttles = lc.simulate(account, azure).summary().region["throttles"]
        assert abs(throttles - lost) <= 1, limit


def test_the_azure_slice_starts_cold_as_often_as_was_counted(azure, expected):
    """Environments by function, most recently used first, gone when idle for the timeout."""
    counted = expected["azure2021_rows1-199.csv"]["cold_starts_per_function_envs_idle_timeout"]
    for timeout, cold in counted.items():
        account = lc.Account.for_trace(azure, idle_timeout=float(timeout))
        found = lc.simulate(account, azure).summary().region["cold_starts"]
        assert abs(found - cold) <= 1, timeout


def test_the_aws_runs_of_2020_replay_to_the_counts_of_the_independent_replay(shared_data, expected):
    """Most recently used first on measured arrivals and times; the error against AWS itself
    is a report (make report), not a gate.
    """
    for name, facts in expected["aws_coldwarm_2020"].items():
        with (shared_data / "aws_coldwarm_2020" / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        start = np.array([float(row["client_start_time"]) for row in rows])
        end = np.array([float(row["client_end_time"]) for row in rows])
        trace = lc.Trace(start - start.min(), "f", end - start)
        for timeout in (600, 640):
            account = lc.Account.for_trace(trace, idle_timeout=float(timeout))
            region = lc.simulate(account, trace).summary().region
            assert abs(region["cold_starts"] - facts[f"replay_cold_idle{timeout}"]) <= 1, name
            assert region["peak_concurrency"] == facts["peak_concurrency"]
