"""Required concurrency: the smallest limit that is enough, against trying them all."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lambdacore as lc
from lambdacore.testing import traces

PURE = lc.Profile.named("pure-pools")


def throttles_at(trace, limit):
    account = lc.Account.for_trace(trace, limit, profile=PURE, unreserved_floor=0)
    return int((lc.simulate(account, trace).outcome >= 16).sum())


def only(trace, function):
    rows = trace.function == function
    return lc.Trace(
        trace.arrival[rows], trace.function[rows], trace.duration[rows], trace.functions
    )


@given(traces(), st.sampled_from([0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.99, 1]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_answer_is_enough_and_one_less_is_not(trace, ratio):
    """T1: sets are nested, so there is a smallest limit; here it is checked."""
    answer = lc.required_concurrency(trace, ratio)
    alone = [only(trace, i) for i in range(len(trace.functions))]
    cases = [*zip(alone, answer.required.tolist(), strict=True), (trace, answer.account_required)]
    for traffic, limit in cases:
        assert throttles_at(traffic, limit) <= ratio * len(traffic) + 1e-9
        if limit > 0:
            assert throttles_at(traffic, limit - 1) > ratio * len(traffic) - 1e-9


@given(traces())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_without_any_throttle_the_answer_is_the_peak_of_the_unlimited_run(trace):
    answer = lc.required_concurrency(trace)
    assert answer.required.tolist() == answer.peak.tolist()
    assert answer.account_required == answer.account_peak
    account = lc.Account.for_trace(trace, 10_000, profile=PURE)
    summary = lc.simulate(account, trace).summary()
    assert answer.peak.tolist() == summary["peak_concurrency"].tolist()
    assert answer.account_peak == summary.region["peak_concurrency"]


def test_the_usual_formula_stands_beside_it():
    """Rate x duration: 100 a second of 200 ms say 20, even and in batches of 50 alike."""
    even = np.arange(10_001) / 100
    batches = np.repeat(np.arange(201) / 2, 50)
    for arrival, required in ((even, 20), (batches, 50)):
        answer = lc.required_concurrency(lc.Trace(arrival, "f", 0.2))
        assert answer.account_required == required
        assert answer.account_formula == pytest.approx(20, rel=0.01)


def test_a_ratio_is_read_as_the_decimal_that_was_written():
    """29 of 100 may be throttled at 0.29, though the float product is below 29."""
    trace = lc.Trace([0] * 100, "f", 10)
    assert lc.required_concurrency(trace, 0.29)["f"] == 71


def test_arrivals_that_span_no_time_have_no_rate():
    answer = lc.required_concurrency(lc.Trace([5.0, 5.0], "f", 1.0))
    assert np.isnan(answer.formula[0])
    assert np.isnan(answer.account_formula)
    assert answer.to_dict()["account"] == {"required": 2, "formula": None, "peak": 2}


@pytest.mark.parametrize("ratio", [-0.1, 1.1, np.nan, "0.1", True, None])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.required_concurrency(lc.Trace([0], "f", 1), ratio)
    assert caught.value.argument == "throttle_ratio"


def test_the_table_fits_a_terminal_and_names_what_stands_in_it():
    trace = lc.Trace(
        np.arange(3_000) // 10, np.arange(3_000) % 30, 25, [f"f{i}" for i in range(30)]
    )
    answer = lc.required_concurrency(trace)
    text = repr(answer)
    assert "one shared pool" in text
    assert "10 more functions; these need the most" in text
    assert max(map(len, text.split("\n"))) <= 100
    assert "<table>" in answer._repr_html_()
    assert "pure pools" in text


def test_an_answer_becomes_a_frame_and_a_dict():
    pytest.importorskip("pandas", reason="the extra frames is not installed")
    pytest.importorskip("polars", reason="the extra frames is not installed")
    answer = lc.required_concurrency(lc.Trace([0, 0, 1], ["a", "a", "b"], 1))
    assert answer.to_pandas().loc["a", "required"] == 2
    assert answer.to_polars()["function"].to_list() == ["a", "b"]
    assert dict(answer) == {"a": 2, "b": 1}
    assert [*answer] == ["a", "b"]
    assert len(answer) == 2
    assert "a" in answer
    assert "c" not in answer


def test_a_missing_pandas_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(lc.LambdacoreError, match=r"lambdacore-sim\[frames\]"):
        lc.required_concurrency(lc.Trace([0], "a", 1)).to_pandas()


def test_the_formula_is_shown_as_the_factor_takes_it():
    """10 of 2.2 are 4.5 times as many; beside a formula rounded up to 3 that would be wrong."""
    trace = lc.Trace(np.repeat([0.0, 5.0], 11)[:21], "f", 0.52)
    _, body, _ = lc.required_concurrency(trace).rows()
    required, formula, factor = body[0][1:4]
    assert formula == "2.2"
    assert float(factor.rstrip("x")) == pytest.approx(float(required) / float(formula), rel=0.02)


def test_an_unknown_function_is_refused_with_a_suggestion():
    answer = lc.required_concurrency(lc.Trace([0], "checkout", 1))
    with pytest.raises(lc.ConfigurationError, match="did you mean 'checkout'"):
        answer["chekout"]


def test_versions_and_aliases_of_a_function_need_one_limit():
    """Rule 1.8: concurrency is reserved for a whole function."""
    trace = lc.Trace([0.0, 0.0, 0.0], ["f:live", "g", "f:1"], 1.0)
    answer = lc.required_concurrency(trace)
    assert dict(answer) == {"f": 2, "g": 1}
    assert answer.account_required == 3
