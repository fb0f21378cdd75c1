"""Comparisons: what common random numbers are worth, verdicts, tables, refusals."""

import pickle

import numpy as np
import pytest

import lambdacore as lc

WORKLOAD = lc.Workload(
    {
        "checkout": lc.Stream(lc.Poisson(50), lc.LogNormal(0.2, 1.5)),
        "reports": lc.Stream(lc.OnOff(100, on=1, off=9), lc.Exponential(0.5)),
    }
)
ACCOUNT = lc.Account.for_trace(WORKLOAD, 30, unreserved_floor=0)
RESERVED = ACCOUNT.replace("checkout", reserved_concurrency=20)
COMMON = {"horizon": 60, "replications": 40, "rng": 7, "warm_up": 5}


@pytest.fixture(scope="module")
def answer():
    candidates = {"reserved": RESERVED, "larger": ACCOUNT.replace(concurrency_limit=33)}
    return lc.compare(ACCOUNT, candidates, WORKLOAD, **COMMON)


@pytest.mark.parametrize(
    ("rate", "limits", "factor"), [(100, (25, 27), 9), (200, (45, 47), 9), (300, (45, 50), 7)]
)
def test_paired_differences_vary_far_less_than_those_of_separate_runs(rate, limits, factor):
    """Lognormal durations of 0.2 s, cv 1.5. The more the limits have in common, the more it helps.

    Where throttles are rare it helps little, for what is rare at one limit is hardly seen at the
    other: at 100 calls a second (a load of 20) limits of 45 and 50 throttle 3 calls in 10^7. So
    the loads here are those at which one would compare such limits. A ratio of variances from 200
    replications has an error of some 10 %; the bounds leave three such errors.
    """
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(rate), lc.LogNormal(0.2, 1.5))})
    low, high = (
        lc.Account.for_trace(workload, limit, unreserved_floor=0, profile="pure-pools")
        for limit in limits
    )
    common = {"horizon": 120, "replications": 200, "warm_up": 10}
    paired = lc.compare(low, high, workload, rng=7, **common)
    apart = lc.monte_carlo(high, workload, rng=8, **common).values("throttle_ratio", "f")
    base = paired["baseline"].values("throttle_ratio", "f")
    together = paired.difference("throttle_ratio", "f")
    assert together.mean() < 0
    assert (apart - base).var(ddof=1) > factor * together.var(ddof=1)


def test_differences_are_candidate_minus_baseline(answer):
    for name in ("reserved", "larger"):
        for statistic in ("throttle_ratio", "throttles", "peak_concurrency"):
            expected = answer[name].values(statistic).astype(float) - answer["baseline"].values(
                statistic
            ).astype(float)
            found = answer.difference(statistic, candidate=name)
            assert found.dtype == np.float64
            assert found.shape == (40, 2)
            assert found.tolist() == expected.tolist()
    assert answer.difference("throttles", "Region", candidate="larger").max() <= 0


def test_all_accounts_meet_the_same_calls(answer):
    for runs in answer.runs:
        assert runs.arrivals.tolist() == answer.runs[0].arrivals.tolist()
        assert runs.seed == 7


def test_intervals_are_students_of_the_differences(answer):
    values = answer.difference("throttle_ratio", "checkout", candidate="reserved")
    found = answer.interval("throttle_ratio", "checkout", candidate="reserved")
    assert found.method == "paired t"
    assert found.estimate == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(2.0227 * values.std(ddof=1) / 40**0.5, rel=1e-4)
    both = answer.interval("throttle_ratio", candidate="reserved")
    assert both.low[0] == pytest.approx(found.low)
    assert answer.interval("throttle_ratio", "checkout", candidate="reserved",
                           confidence=0.9).half_width < found.half_width  # fmt: skip


def test_what_a_reservation_gives_one_it_takes_from_the_other(answer):
    ends = answer.interval("throttle_ratio", candidate="reserved")
    assert ends.high[0] < 0 < ends.low[1]


def test_verdicts_are_same_different_or_not_known_yet(answer):
    assert answer.verdict("throttle_ratio", 0.5, candidate="reserved") == "equivalent"
    assert answer.verdict("throttle_ratio", 0.001, "reports", candidate="reserved") == "different"
    few = lc.compare(
        ACCOUNT,
        ACCOUNT.replace(concurrency_limit=31),
        WORKLOAD,
        horizon=10,
        replications=3,
        rng=7,
        warm_up=5,
    )
    width = few.interval("throttle_ratio", "Region")
    between = abs(width.estimate)
    assert few.verdict("throttle_ratio", between) == "undecided"


def test_an_account_compared_with_itself_differs_by_nothing():
    same = lc.compare(ACCOUNT, ACCOUNT, WORKLOAD, **COMMON)
    assert not same.difference("throttles").any()
    assert same.verdict("throttle_ratio", 0.0) == "equivalent"
    assert [row[3] for row in same.rows()[1]] == ["", "+0"] * 3


def test_ways_to_give_candidates():
    one = lc.compare(ACCOUNT, RESERVED, WORKLOAD, horizon=5, replications=2, rng=1)
    assert one.names == ("baseline", "candidate")
    two = lc.compare(ACCOUNT, [RESERVED, ACCOUNT], WORKLOAD, horizon=5, replications=2, rng=1)
    assert two.names == ("baseline", "candidate 1", "candidate 2")
    assert two["candidate 1"].digest() == one["candidate"].digest()
    assert one.difference("throttles").shape == (2, 2)
    with pytest.raises(lc.ConfigurationError, match="candidate: which one"):
        two.difference("throttles")
    with pytest.raises(lc.ConfigurationError, match=r"'candidate 3'.*known: baseline"):
        two["candidate 3"]
    with pytest.raises(lc.ConfigurationError, match="which one"):
        two.verdict("throttle_ratio", 0.1)


BAD = {
    "none": ([], "at least one"),
    "the baseline's name": ({"baseline": ACCOUNT}, "none is named 'baseline'"),
    "an empty name": ({"": ACCOUNT}, "candidate"),
    "no account": ({"x": 12}, "12 is not an Account"),
    "a number": (12, "candidate"),
    "other functions": (lc.Account(30, [lc.Function("checkout")]), "reports"),
    "another order": (
        lc.Account(30, [lc.Function("reports"), lc.Function("checkout")], unreserved_floor=0),
        "in another order",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_candidates_are_refused_before_anything_runs(name):
    def told(*_):
        raise AssertionError("it ran")

    candidate, said = BAD[name]
    with pytest.raises(lc.ConfigurationError, match=said):
        lc.compare(ACCOUNT, candidate, WORKLOAD, **COMMON, progress=told)


def test_the_table_tells_the_whole_story(answer):
    heads, rows, note = answer.rows()
    assert heads == ["function", "account", "throttled", "difference", "cold", "peak"]
    assert [row[:2] for row in rows] == [
        [function, name] for function in ("checkout", "reports", "Region") for name in answer.names
    ]
    assert rows[0][3] == ""
    assert rows[1][3].startswith("-")
    assert rows[4][3].startswith("+")
    assert "common random numbers, seed 7" in note
    text = repr(answer)
    assert max(map(len, text.splitlines())) <= 100
    assert "percentage points" in " ".join(text.split())
    assert answer._repr_html_().count("<tr") == 10


def test_of_many_functions_those_that_differ_most_are_shown():
    streams = {f"f{i:02}": lc.Stream(lc.Poisson(3), lc.Exponential(0.3)) for i in range(30)}
    many = lc.Workload(streams)
    account = lc.Account.for_trace(many, 60, unreserved_floor=0, reserve={"f29": 10, "f17": 10})
    smaller = account.replace("f29", reserved_concurrency=0)
    found = lc.compare(account, smaller, many, horizon=10, replications=4, rng=1)
    _, rows, note = found.rows(shown=3)
    assert rows[0][0] == "f29"
    assert len(rows) == 2 * 4
    assert "27 more functions" in note


def test_comparisons_survive_pickling(answer):
    again = pickle.loads(pickle.dumps(answer))
    assert [r.digest() for r in again.runs] == [r.digest() for r in answer.runs]
    assert repr(again) == repr(answer)


def test_precision_looks_at_the_baseline():
    wanted = lc.Precision(0.1, function="checkout", least=5)
    found = lc.compare(ACCOUNT, RESERVED, WORKLOAD, horizon=10, replications=wanted, rng=1)
    interval = found["baseline"].interval("throttle_ratio", "checkout")
    assert interval.half_width <= 0.1 * interval.estimate
    assert len({len(runs) for runs in found.runs}) == 1
