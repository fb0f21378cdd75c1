"""Workloads: streams by name, values by path, samples, and fits to recorded traffic."""

import json
import math
import pickle
import tracemalloc

import numpy as np
import pytest

import lambdacore as lc
from lambdacore._described import described

S = 1_000_000_000
CHECKOUT = lc.Stream(
    lc.Poisson(lc.Rate.steps([0, 10], [100, 50], period=20)) + lc.Every(1, count=5, jitter=0.5),
    lc.Mixture([lc.LogNormal(0.2, 1.5), 0.01], [1, 3]),
    init=lc.Gamma(0.5, 0.3),
)
REPORTS = lc.Stream(lc.OnOff(20.0, on=lc.Exponential(2.0), off=3.0), lc.Exponential(4.0))
WORKLOAD = lc.Workload({"checkout": CHECKOUT, "reports": REPORTS})
RECORD = np.array([0, 5, 9]) * S
#: One of every class, in two variants that differ.
PARTS = [
    (lc.Constant(1.0), lc.Constant(2.0)),
    (lc.Uniform(1.0, 2.0), lc.Uniform(1.0, 3.0)),
    (lc.Exponential(1.0), lc.Exponential(2.0)),
    (lc.LogNormal(1.0, 2.0), lc.LogNormal(1.0, 3.0)),
    (lc.LogNormal(quantiles={0.5: 1, 0.9: 2}), lc.LogNormal(quantiles={0.5: 1, 0.95: 2})),
    (lc.Gamma(1.0, 2.0), lc.Gamma(2.0, 2.0)),
    (lc.Weibull(1.0, 2.0), lc.Weibull(1.0, 1.0)),
    (lc.BoundedPareto(1.0, 1.0, 2.0), lc.BoundedPareto(1.1, 1.0, 2.0)),
    (lc.Empirical([1.0, 2.0, 3.0]), lc.Empirical([1.0, 2.5, 3.0])),
    (lc.Quantiles([0, 1], [1, 2]), lc.Quantiles([0, 1], [1, 3])),
    (lc.Mixture([1.0, 2.0], [1, 2]), lc.Mixture([1.0, 2.0], [1, 3])),
    (lc.Rate.ramp(1, 2, 0, 1), lc.Rate.ramp(1, 2, 0, 2)),
    (lc.Poisson(1.0), lc.Poisson(lc.Rate.constant(1.0) * 2)),
    (lc.Deterministic(1.0), lc.Deterministic(1.0, None)),
    (lc.Renewal(1.0, lc.Gamma(1.0, 2.0)), lc.Renewal(1.0, lc.Gamma(1.0, 3.0))),
    (lc.OnOff(1.0, 2.0, 3.0), lc.OnOff(1.0, 2.0, 3.0, "on")),
    (lc.MarkovModulated([1, 2], [3, 4]), lc.MarkovModulated([1, 2], [3, 4], [[0, 1], [1, 1]])),
    (lc.Batches(1.0, 2), lc.Batches(1.0, 2, 1.0)),
    (lc.Every(1.0), lc.Every(1.0, 0.5)),
    (lc.Poisson(1.0) + lc.Every(1.0), lc.Every(1.0) + lc.Poisson(1.0)),
    (lc.Recorded(RECORD, RECORD), lc.Recorded(RECORD, RECORD + 1)),
    (lc.Counts([1, 2]), lc.Counts([1, 3])),
    (lc.Cron("* * * * *"), lc.Cron("* * * * *", "2026-01-06")),
    (REPORTS, CHECKOUT),
    (WORKLOAD, lc.Workload({"checkout": CHECKOUT})),
]


def test_the_table_of_parts_holds_every_class():
    from lambdacore._described import kinds

    assert {type(one) for one, _ in PARTS} >= set(kinds.values())


@pytest.mark.parametrize("one, other", PARTS)  # noqa: PT006
def test_parts_are_values(one, other):
    """Equal where their fields are, to themselves through a pickle; and never changed."""
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert hash(again) == hash(one)
    assert repr(again) == repr(one)
    assert one != other
    field = next(iter(one.__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(one, field, 1)


@pytest.mark.parametrize("one, other", PARTS)  # noqa: PT006
def test_equal_parts_are_described_alike_and_others_are_not(one, other):
    plain = described(one)
    assert plain == described(pickle.loads(pickle.dumps(one)))
    assert plain != described(other)
    assert plain["kind"] == type(one).kind
    assert json.loads(json.dumps(plain)) == plain


def test_a_pickled_workload_draws_the_same():
    again = pickle.loads(pickle.dumps(WORKLOAD))
    assert again.sample(20, 3).digest() == WORKLOAD.sample(20, 3).digest()


def test_a_workload_of_many_streams_has_a_short_repr():
    streams = {f"f{i:02}": lc.Stream(lc.Poisson(1.0), lc.Constant(0.1)) for i in range(100)}
    text = repr(lc.Workload(streams))
    assert len(text) < 300
    assert "f00" in text
    assert "97 more" in text
    assert len(repr(lc.Empirical(np.arange(10**5)))) < 100
    assert len(repr(lc.Recorded(np.arange(10**5)))) < 100
    assert len(repr(lc.Counts(np.arange(10**5)))) < 100
    assert len(repr(lc.Rate.weekly([1.0] * 168))) < 200


# Streams


def test_numbers_stand_for_poisson_calls_and_constant_lengths():
    short = lc.Stream(120, 0.2, init=1)
    assert short == lc.Stream(lc.Poisson(120.0), lc.Constant(0.2), init=lc.Constant(1.0))
    assert lc.Stream(lc.Rate.constant(5), 1) == lc.Stream(lc.Poisson(lc.Rate.constant(5)), 1)


REFUSED = [
    *((lambda bad=bad: lc.Stream(bad, 0.1), "arrivals")
      for bad in (None, "x", True, -1.0, math.nan, lc.Exponential(1.0))),
    (lambda: lc.Stream(1.0), "duration"),
    (lambda: lc.Stream(lc.Recorded(RECORD) + lc.Recorded(RECORD, RECORD)), "duration"),
    *((lambda bad=bad: lc.Stream(1.0, bad), "duration")
      for bad in ("x", -1.0, math.nan, True, lc.Poisson(1.0))),
    (lambda: lc.Stream(1.0, 0.1, -1.0), "init"),
    *((lambda bad=bad: lc.Workload(bad), "streams") for bad in ({}, [], None, [REPORTS])),
    (lambda: lc.Workload({"": REPORTS}), "streams"),
    (lambda: lc.Workload({5: REPORTS}), "streams"),
    (lambda: lc.Workload({"f": 5.0}), "streams['f']"),
    *((lambda bad=bad: WORKLOAD.sample(bad, 1), "horizon")
      for bad in (0, -1, math.nan, math.inf, "x", 80 * 366 * 86_400)),
    (lambda: WORKLOAD.sample(1, 1, warm_up=-1), "warm_up"),
    (lambda: WORKLOAD.sample(1, 1, replication=-1), "replication"),
    (lambda: WORKLOAD.sample(1, 1, replication=2**63), "replication"),
    (lambda: WORKLOAD.sample(1, 1.5), "rng"),
    (lambda: WORKLOAD.replace("checkout", durations=1), "field"),
    (lambda: WORKLOAD["check"], "stream"),
    (lambda: lc.Workload.fit("trace"), "trace"),
    (lambda: lc.Workload.fit(lc.Trace([], [], [])), "trace"),
    (lambda: lc.Workload.fit(lc.Trace([0.0, 5.0], "f", 1.0), "weeks"), "how"),
    (lambda: lc.Workload.fit(lc.Trace([0.0, 5.0], "f", 1.0), block=9.0), "block"),
    (lambda: lc.Workload.fit(lc.Trace([0.0, 5.0], "f", 1.0), scale=2.0), "scale_as"),
    (lambda: lc.Workload.fit(lc.Trace([0.0, 5.0], "f", 1.0), "rate", period=0), "period"),
    (lambda: lc.Workload.fit(lc.Trace([0.0, 5.0], "f", 1.0), "rate", scale=2.0), "scale_as"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_no_workload_can_have_is_refused_by_name(case):
    make, argument = REFUSED[case]
    with pytest.raises(lc.ConfigurationError) as caught:
        make()
    assert caught.value.argument == argument


def test_a_workload_is_a_mapping_of_streams_that_stays_as_it_is():
    assert WORKLOAD.functions == tuple(WORKLOAD) == ("checkout", "reports")
    assert len(WORKLOAD) == 2
    assert WORKLOAD["reports"] is REPORTS
    streams = {"f": REPORTS}
    workload = lc.Workload(streams)
    streams["g"] = CHECKOUT
    assert len(workload) == 1
    with pytest.raises(TypeError):
        workload.streams["g"] = CHECKOUT


# Values by path


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("reports.arrivals.rate", 5, lambda w: w["reports"].arrivals.rate),
        ("reports.arrivals.on.mean", 7.0, lambda w: w["reports"].arrivals.on.mean),
        ("reports.duration", lc.Constant(1.0), lambda w: w["reports"].duration),
        ("checkout.arrivals.parts.1.count", 50, lambda w: w["checkout"].arrivals.parts[1].count),
        ("checkout.arrivals.parts.0.rate.period", 30.0,
         lambda w: w["checkout"].arrivals.parts[0].rate.period),
        ("checkout.arrivals.parts.0.rate.pieces.1.2", 60.0,
         lambda w: w["checkout"].arrivals.parts[0].rate.pieces[1][2]),
        ("checkout.duration.parts.0.cv", 2.0, lambda w: w["checkout"].duration.parts[0].cv),
        ("checkout.duration.weights.1", 5.0, lambda w: w["checkout"].duration.weights[1]),
        ("checkout.init", None, lambda w: w["checkout"].init),
    ],
)  # fmt: skip
def test_a_path_names_one_value_and_nothing_else_changes(path, value, found):
    before = described(WORKLOAD)
    changed = WORKLOAD.with_value(path, value)
    assert found(changed) == value
    assert found(WORKLOAD) != value
    assert described(WORKLOAD) == before
    other = "reports" if path.startswith("checkout") else "checkout"
    assert changed[other] is WORKLOAD[other]
    assert changed.with_value(path, found(WORKLOAD)) == WORKLOAD


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("reports.arrivals.rat", 5, "did you mean 'rate'"),
        ("reports.durations.mean", 5, "did you mean 'duration'"),
        ("report.arrivals.rate", 5, "did you mean 'reports'"),
        ("reports.arrivals.rate.mean", 5, "leads nowhere"),
        ("reports.arrivals.rate", -5, "rate from 0"),
        ("reports.duration.mean", "x", "no number"),
        ("checkout.arrivals.parts.2.count", 5, "leads nowhere"),
        ("checkout.arrivals.parts.-1.count", 5, "leads nowhere"),
        ("checkout.arrivals.parts.1.count", 0, "out of range"),
        ("checkout.duration.parts.0.mean", 0, "above 0"),
        ("reports", REPORTS, "which field of the stream"),
        ("", 5, "is not known"),
        ("reports.", 5, ""),
    ],
)
def test_a_path_that_leads_nowhere_is_named_and_the_next_one_suggested(path, value, says):
    with pytest.raises(lc.ConfigurationError) as caught:
        WORKLOAD.with_value(path, value)
    assert says in str(caught.value)
    assert f"workload.{path}" in str(caught.value)


def test_a_mean_given_by_path_takes_the_place_of_quantiles():
    stream = lc.Stream(1.0, lc.LogNormal(quantiles={0.5: 0.1, 0.99: 2.0}))
    changed = lc.Workload({"f": stream}).with_value("f.duration.mean", 0.5)["f"].duration
    assert changed == lc.LogNormal(0.5, stream.duration.cv)


def test_a_stream_is_replaced_field_by_field():
    changed = WORKLOAD.replace("reports", duration=1.5, init=2.0)
    assert changed["reports"] == lc.Stream(REPORTS.arrivals, 1.5, init=2.0)
    assert changed["checkout"] is CHECKOUT
    assert WORKLOAD.replace(streams={"f": REPORTS}) == lc.Workload({"f": REPORTS})


# Samples


def test_as_many_calls_come_as_are_expected():
    """Of both streams in 40 s: 3,000 Poisson and 200 timed calls, and 20 a second for 2 of 5 s."""
    expected = WORKLOAD.expected_calls(40)
    assert expected == pytest.approx(3_000 + 200 + 320, rel=1e-12)
    found = np.array([len(WORKLOAD.sample(40, 1, replication=r)) for r in range(300)])
    assert abs(found.mean() - expected) < 5 * found.std() / math.sqrt(300)


def test_a_sample_is_a_trace_of_all_streams_in_order_of_arrival():
    trace = WORKLOAD.sample(20, 1)
    assert trace.functions == ("checkout", "reports")
    assert (np.diff(trace.arrival) >= 0).all()
    assert trace.span[1] < 20 * S
    assert trace.quality is None
    # Inits where a stream gives them, else what the account says.
    checkout = trace.function == 0
    assert (trace.init[checkout] > 0).all()
    assert (trace.init[~checkout] == -1).all()
    assert lc.Workload({"f": REPORTS}).sample(20, 1).init is None
    silent = lc.Workload({"f": lc.Stream(0.0, 1.0), "g": lc.Stream(1.0, 1.0)}).sample(9, 1)
    assert silent.functions == ("f", "g")


def test_a_sample_that_is_too_large_is_refused_before_anything_is_allocated():
    huge = lc.Workload({"f": lc.Stream(1e9, 0.1)})
    tracemalloc.start()
    try:
        with pytest.raises(lc.SeriesSizeError, match="monte_carlo"):
            huge.sample(1e6, 1)
        with pytest.raises(lc.SeriesSizeError, match="most=100"):
            WORKLOAD.sample(40, 1, most=100)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()
    assert len(WORKLOAD.sample(40, 1, most=5_000)) > 3_000


def test_a_warm_up_comes_before_the_horizon():
    """Poisson calls are as many in the whole; a period is where it would have been."""
    stream = lc.Stream(lc.Poisson(lc.Rate.steps([0, 10], [0, 100], period=20)), 0.1)
    trace = lc.Workload({"f": stream}).sample(20, 1, warm_up=15)
    seconds = trace.arrival / 1e9 - 15
    assert ((seconds % 20 >= 10) | (seconds % 20 < 0)).all()
    assert abs(len(trace) - 2_000) < 5 * math.sqrt(2_000)
    assert seconds.min() < -9


def test_progress_is_told_up_to_the_last_call():
    told = []
    trace = lc.Workload({"f": lc.Stream(10_000.0, 0.1)}).sample(1_000, 1, progress=told.append)
    assert told == sorted(told)
    assert told
    assert told[-1] <= len(trace)


# Fits


@pytest.fixture(scope="module")
def record():
    """Half an hour: a rate that doubles, bursts of one function, regular calls of another."""
    streams = {
        "busy": lc.Stream(lc.Poisson(lc.Rate.step(10, 20, at=900)), lc.LogNormal(0.2, 1.0)),
        "burst": lc.Stream(lc.Batches(0.1, size=30, spread=0.5), lc.Exponential(2.0)),
    }
    return lc.Workload(streams).sample(1800, 4)


@pytest.mark.parametrize("how", ["blocks", "rate"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_fit_keeps_the_mean_rate_and_draws_its_durations_from_the_record(record, how, scale):
    fitted = lc.Workload.fit(record, how, scale=scale, scale_as="users")
    assert fitted.functions == record.functions
    assert fitted.expected_calls(1800) == pytest.approx(scale * len(record), rel=1e-3)
    drawn = [fitted.sample(1800, 5, replication=r) for r in range(40)]
    for index in range(2):
        count = (record.function == index).sum()
        found = np.array([(trace.function == index).sum() for trace in drawn])
        assert abs(found.mean() - scale * count) < 5 * found.std() / math.sqrt(40) + 1
        assert found.mean() == pytest.approx(scale * count, rel=0.06)
        lengths = set(record.duration[record.function == index].tolist())
        assert set(drawn[0].duration[drawn[0].function == index].tolist()) <= lengths


def test_a_fit_of_the_rate_keeps_the_pattern_and_evens_bursts_out(record):
    fitted = lc.Workload.fit(record, "rate", period=60.0)
    drawn = fitted.sample(3600, 6)

    def in_bins(trace, name, period):
        at = trace.arrival[trace.function == trace.functions.index(name)]
        return np.bincount(at // (period * S), minlength=-(-trace.span[1] // (period * S)))

    halves = in_bins(drawn, "busy", 900)
    # Twice as many in the second half, and so in the next turn.
    assert halves[:4] / halves[:4].sum() == pytest.approx([1 / 6, 1 / 3, 1 / 6, 1 / 3], abs=0.01)

    def dispersion(trace):
        found = in_bins(trace, "burst", 1)
        return found.var() / found.mean()

    assert dispersion(record) > 5
    assert dispersion(drawn) < 2
    assert dispersion(lc.Workload.fit(record, "blocks").sample(3600, 6)) > 5


def test_a_fit_plays_functions_of_few_calls_in_blocks_too():
    trace = lc.Trace([0.0, 30.0, 100.0], ["a", "b", "a"], [1.0, 2.0, 3.0], ["a", "b", "never"])
    fitted = lc.Workload.fit(trace)
    assert fitted.functions == ("a", "b")
    assert fitted["a"].arrivals.block == pytest.approx(5.0)
    assert lc.Workload.fit(trace, block=50.0)["a"].arrivals.block == 50.0
    assert fitted.expected_calls(1000) == pytest.approx(30)
