"""X-Ray's view: sampled traces with HasThrottle and Initialization (section 10)."""

import json

import numpy as np
import pytest

import lambdacore as lc
from lambdacore import xray


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(5)
    n = 40_000
    trace = lc.Trace(
        rng.uniform(0, 100, n), rng.integers(0, 3, n), 0.5, ["a:live", "a", "b"]
    )  # fmt: skip
    functions = [
        lc.Function("a", versions=1, aliases={"live": 1}, reserved_concurrency=60),
        lc.Function("b"),
    ]
    return lc.simulate(lc.Account(1_000, functions, init_duration=0.25), trace)


def test_the_first_request_of_a_second_and_five_per_cent_of_the_others_are_sampled(result):
    """5 % of 40,000: a standard deviation of 44, so 6 of them are 260."""
    rows = xray.sampled_rows(result)
    function = np.array([0, 0, 1])[result.trace.function]
    second = result.trace.arrival // 10**9
    firsts = {}
    for row in range(len(result)):
        firsts.setdefault((function[row], second[row]), row)
    assert set(firsts.values()) <= set(rows.tolist())
    others = len(rows) - len(firsts)
    assert abs(others - 0.05 * (len(result) - len(firsts))) < 260
    assert (np.diff(rows) > 0).all()
    # The same rows on another account: the sample is the traffic's.
    other = lc.simulate(result.account.replace(concurrency_limit=500), result.trace)
    assert xray.sampled_rows(other).tolist() == rows.tolist()


def test_summaries_say_who_was_throttled(result):
    summaries = xray.trace_summaries(result, sampled=False)
    throttled = int((result.outcome >= 16).sum())
    cold = int((result.outcome == lc.Outcome.COLD).sum())
    assert throttled > 100
    assert cold > 100
    assert sum(summary["HasThrottle"] for summary in summaries) == throttled
    assert len(summaries) == throttled + cold
    for summary in summaries:
        assert summary["Http"]["HttpStatus"] == (429 if summary["HasThrottle"] else 200)
        assert summary["HasError"] == summary["HasThrottle"]
        assert not summary["HasFault"]
    assert len({summary["Id"] for summary in summaries}) == len(summaries)
    json.dumps(summaries, allow_nan=False)
    assert len(xray.trace_summaries(result)) < len(summaries) / 4
    of_alias = xray.trace_summaries(result, function="a:live", sampled=False)
    assert {s["ResourceARNs"][0]["ARN"].split("function:")[1] for s in of_alias} == {"a:live"}


def test_segments_of_a_cold_start_begin_with_initialization(result):
    traces = xray.batch_get_traces(result, sampled=False)["Traces"]
    kinds = set()
    for trace in traces:
        documents = [json.loads(segment["Document"]) for segment in trace["Segments"]]
        service = documents[0]
        assert service["trace_id"] == trace["Id"]
        if service.get("throttle"):
            assert len(documents) == 1
            assert service["error"]
            assert service["http"]["response"]["status"] == 429
            kinds.add("throttle")
            continue
        first, second = documents[1]["subsegments"]
        assert documents[1]["parent_id"] == service["id"]
        assert (first["name"], second["name"]) == ("Initialization", "Invocation")
        assert first["end_time"] - first["start_time"] == pytest.approx(0.25, abs=1e-6)
        assert second["end_time"] - second["start_time"] == pytest.approx(0.5, abs=1e-6)
        kinds.add("cold")
    assert kinds == {"throttle", "cold"}


def test_a_warm_invocation_has_no_initialization(result):
    row = int(np.flatnonzero(result.outcome == lc.Outcome.WARM)[0])
    traces = xray.batch_get_traces(result, notable=False, sampled=False)["Traces"]
    document = json.loads(traces[row]["Segments"][1]["Document"])
    assert [step["name"] for step in document["subsegments"]] == ["Invocation"]


def test_bad_arguments_are_typed_errors(result):
    for bad in ({"function": "c"}, {"notable": 1}, {"sampled": None}):
        with pytest.raises(lc.ConfigurationError):
            xray.trace_summaries(result, **bad)
    with pytest.raises(lc.ConfigurationError):
        xray.trace_summaries(None)
    empty = lc.simulate(lc.Account(functions=[lc.Function("f")]), lc.Trace([], [], [], ["f"]))
    assert xray.trace_summaries(empty) == []
