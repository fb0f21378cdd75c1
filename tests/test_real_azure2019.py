"""The slice of Azure Functions of 2019: counts that a small independent script found in it."""

import csv
import json
from collections import Counter

import numpy as np
import pytest

import lambdacore as lc


@pytest.fixture
def folder(shared_data):
    folder = shared_data / "azure2019_100fn_min480-959"
    if not folder.is_dir():
        pytest.skip(f"no slice of Azure Functions 2019 at {folder}")
    return folder


@pytest.fixture
def facts(shared_data, folder):
    return json.loads((shared_data / "expected.json").read_text("utf-8"))[folder.name]


def read_slice(folder, **options):
    return lc.read_azure2019(folder / "invocations.csv", folder / "durations.csv", **options)


def test_the_slice_is_what_was_counted(folder, facts):
    workload = read_slice(folder)
    quality = workload.quality
    assert len(workload) == facts["functions"] == 100
    assert quality.calls == facts["invocations"] == 339_657
    assert list(quality.minutes) == facts["minutes"]
    assert workload.expected_calls(quality.seconds) == 339_657
    assert Counter(quality.triggers.values()) == facts["triggers"]
    assert (quality.idle, quality.duplicates) == (
        facts["functions_all_zero"],
        facts["duplicate_hashfunction"],
    )
    assert quality.contradictory == facts["functions_with_avg_zero"]
    assert quality.repaired == quality.left_out == 0
    totals = sorted(int(stream.arrivals.counts.sum()) for stream in workload.streams.values())
    assert totals[-1] / sum(totals) == pytest.approx(facts["top_function_share"], rel=1e-12)


def test_the_load_is_what_was_counted(folder, facts):
    workload = read_slice(folder, duration="average")
    quality = workload.quality
    load = facts["offered_load_erlang_mean"]
    assert quality.offered_load == pytest.approx(load, rel=1e-9)
    assert quality.offered_load_drawn == pytest.approx(load, rel=1e-9)
    minutes = sum(s.arrivals.counts * s.duration.mean / 60 for s in workload.streams.values())
    assert minutes.max() == pytest.approx(facts["offered_load_erlang_peak_minute"], rel=1e-9)
    assert minutes.argmax() + quality.minutes[0] == facts["peak_minute"]
    trace = workload.sample(quality.seconds, rng=1)
    assert trace.duration.sum() / 1e9 / quality.seconds == pytest.approx(load, rel=1e-9)
    # Seven quantiles do not pin the mean: the load drawn is another, and the block says which.
    quality = read_slice(folder).quality
    assert quality.offered_load == pytest.approx(load, rel=1e-9)
    assert load < quality.offered_load_drawn < 2 * load


@pytest.mark.parametrize("within", ["uniform", "even", "start"])
def test_a_sample_has_the_counts_of_the_file_and_runs(folder, within):
    workload = read_slice(folder, within=within)
    trace = workload.sample(workload.quality.seconds, rng=7)
    assert len(trace) == 339_657
    cell = trace.function.astype(np.int64) * 480 + trace.arrival // (60 * 10**9)
    found = np.bincount(cell, minlength=100 * 480).reshape(100, 480)
    with (folder / "invocations.csv").open(newline="") as file:
        rows = {row["HashFunction"]: row for row in csv.DictReader(file)}
    for name, row in zip(trace.functions, found, strict=True):
        assert row.tolist() == [int(rows[name][str(minute)]) for minute in range(480, 960)]
    result = lc.simulate(lc.Account.for_trace(trace, 1_000), trace)
    assert result.summary().region["arrivals"] == 339_657


def test_the_same_seed_draws_the_same_and_less_changes_nobody_else(folder):
    workload = read_slice(folder)
    horizon = workload.quality.seconds
    trace = workload.sample(horizon, rng=5)
    assert trace.digest() == read_slice(folder).sample(horizon, rng=5).digest()
    assert trace.digest() != workload.sample(horizon, rng=6).digest()
    few = read_slice(folder, functions=3)
    alone = few.sample(horizon, rng=5)
    for index, name in enumerate(few.functions):
        rows = trace.function == trace.functions.index(name)
        assert (trace.arrival[rows] == alone.arrival[alone.function == index]).all()
        assert (trace.duration[rows] == alone.duration[alone.function == index]).all()
