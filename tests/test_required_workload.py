"""Required concurrency of a workload: against trying all limits, against Erlang, and confirmed."""

import numpy as np
import pytest

import lambdacore as lc

WORKLOAD = lc.Workload(
    {
        "f": lc.Stream(lc.Poisson(20), lc.LogNormal(0.3, 1.5)),
        "g:live": lc.Stream(lc.OnOff(40, on=1, off=4), lc.Exponential(0.4)),
        "g:2": lc.Stream(lc.Every(5, count=6, jitter=0.5), lc.Constant(0.8)),
    }
)
COMMON = {"horizon": 60, "replications": 12, "rng": 5}


def pools(workload, limit, **reserved):
    return lc.Account.for_trace(
        workload, limit, reserve=reserved, unreserved_floor=0, profile="pure-pools"
    )


def runs_at(limit, function=None, replications=12):
    """Replications with one pool for all, or with one for the function."""
    account = pools(WORKLOAD, limit)
    if function is not None:
        account = pools(WORKLOAD, 1000 + limit, **{function: limit})
    return lc.monte_carlo(account, WORKLOAD, **{**COMMON, "replications": replications})


@pytest.fixture(scope="module", params=[0.2, 0.05, 0.004])
def answer(request):
    return lc.required_concurrency(WORKLOAD, request.param, **COMMON)


def rows(answer):
    """Of each function, and of the pool of all: required, low, high, name."""
    for i, name in enumerate(answer.functions):
        yield int(answer.required[i]), answer.low[i], answer.high[i], name
    yield answer.account_required, answer.account_low, answer.account_high, None


def test_the_answer_is_enough_and_one_less_is_not(answer):
    """Brute force: every limit up to the peak, one run each."""
    assert answer.functions == ("f", "g")
    for required, _, _, function in rows(answer):
        of = function or "Region"
        means = [
            runs_at(limit, function).values("throttle_ratio", of).mean()
            for limit in range(required + 4)
        ]
        good = [limit for limit, mean in enumerate(means) if mean <= answer.throttle_ratio]
        assert good[0] == required
        assert answer[function] == required if function else True


def test_the_interval_ends_where_the_ratios_interval_leaves_the_goal(answer):
    goal = answer.throttle_ratio
    for required, low, high, function in rows(answer):
        of = function or "Region"
        assert low <= required <= high
        at_low = runs_at(int(low), function).interval("throttle_ratio", of)
        assert at_low.low <= goal
        if low > 0:
            below = runs_at(int(low) - 1, function).interval("throttle_ratio", of)
            assert below.low > goal
        if np.isfinite(high):
            at_high = runs_at(int(high), function).interval("throttle_ratio", of)
            assert at_high.high <= goal


def test_fresh_replications_confirm_it(answer):
    """Those that come after the ones that were searched: nothing was fitted to them."""
    for required, _, _, function in rows(answer):
        of = function or "Region"
        ratios = runs_at(required, function, replications=24).values("throttle_ratio", of)[12:]
        expected = lc._intervals.mean_t(ratios, 0.95)
        found = answer.confirmed[of]
        assert found.estimate == pytest.approx(expected.estimate, abs=1e-12)
        if found.method == "t":
            assert found.low == pytest.approx(max(expected.low, 0), abs=1e-12)
        assert answer.is_confirmed(of) == (found.low <= answer.throttle_ratio)


def test_formula_and_peak_are_those_without_a_limit(answer):
    free = runs_at(1000)
    for i, name in enumerate(answer.functions):
        assert answer.formula[i] == pytest.approx(free.values("mean_concurrency", name).mean())
        assert answer.peak[i] == np.median(free.values("peak_concurrency", name))
    assert answer.account_formula == pytest.approx(free.region("mean_concurrency").mean())
    assert answer.account_peak == np.median(free.region("peak_concurrency"))


@pytest.mark.parametrize(("load", "goal"), [(3.0, 0.05), (8.0, 0.001), (20.0, 0.01)])
def test_for_poisson_calls_it_is_erlangs_limit(load, goal):
    """2 million calls: the limit of theory, or one more where the goal is all but met.

    The ratios at the limits of theory and below stand many standard errors from the goals.
    """
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(load / 0.2), lc.LogNormal(0.2, 1.5))})
    horizon = 2e6 * 0.2 / load / 40
    found = lc.required_concurrency(
        workload, goal, horizon=horizon, warm_up=5, replications=40, rng=1
    )
    exact = int(lc.theory.erlang_b_limit(load, goal))
    assert 0 <= found["f"] - exact <= 1
    assert found.low[0] <= exact <= found.high[0]
    assert found.account_required == found["f"]
    assert found.formula[0] == pytest.approx(load, rel=0.01)


def test_where_calls_are_too_few_to_show_so_little_the_interval_is_open():
    """Some 300 calls without a throttle do not show that one in 10,000 is not throttled."""
    quiet = lc.Workload({"f": lc.Stream(lc.Poisson(1), lc.Exponential(0.5))})
    found = lc.required_concurrency(quiet, 1e-4, horizon=30, replications=10, rng=1)
    assert found["f"] == found.account_required
    assert found.high.tolist() == [np.inf]
    assert found.account_high == np.inf
    assert found.low[0] <= found["f"]
    assert "..?" in repr(found)


def test_whether_another_function_is_searched_longer_changes_no_answer():
    """Each function's search stands alone, also those that wait for others."""
    alone = lc.Workload({"f": WORKLOAD["f"]})
    both = lc.Workload({"f": WORKLOAD["f"], "g": WORKLOAD["g:live"]})
    for goal in (0.1, 0.01, 0.001, 0.0001):
        one = lc.required_concurrency(alone, goal, horizon=20, replications=5, rng=3)
        two = lc.required_concurrency(both, goal, horizon=20, replications=5, rng=3)
        assert (one["f"], one.low[0], one.high[0]) == (two["f"], two.low[0], two.high[0])
        assert one.confirmed["f"] == two.confirmed["f"]
        assert (one["f"], one.low[0], one.high[0]) == (
            one.account_required, one.account_low, one.account_high,
        )  # fmt: skip


def test_what_is_never_called_needs_nothing():
    never = lc.Stream(lc.Every(1000, offset=500), 1.0)
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(5), 0.2), "never": never})
    found = lc.required_concurrency(workload, 0.01, horizon=20, replications=5, rng=3)
    assert found["never"] == 0
    assert found.peak[1] == found.formula[1] == 0
    assert max(map(len, repr(found).splitlines())) <= 100


def test_it_is_the_same_whatever_the_threads_and_with_a_recorded_seed():
    first = lc.required_concurrency(WORKLOAD, 0.01, horizon=20, replications=5, threads=1)
    again = lc.required_concurrency(
        WORKLOAD, 0.01, horizon=20, replications=5, threads=3, rng=first.seed
    )
    assert repr(again) == repr(first)
    assert again.confirmed == first.confirmed


def test_it_reads_like_a_mapping_and_prints_a_table(answer):
    assert dict(answer) == {name: answer[name] for name in ("f", "g")}
    with pytest.raises(lc.ConfigurationError, match="'h'"):
        answer["h"]
    heads, body, note = answer.rows()
    assert [row[0] for row in body] == ["f", "g", "one shared pool"]
    assert all(len(row) == len(heads) for row in body)
    assert "12 replications, seed 5" in note
    assert max(map(len, repr(answer).splitlines())) <= 100
    assert answer._repr_html_().count("<tr") == 4


BAD = [
    ((0,), {}, "throttle_ratio"),
    ((), {}, "throttle_ratio"),
    ((1,), {}, "throttle_ratio"),
    ((-0.1,), {}, "throttle_ratio"),
    (("1 %",), {}, "throttle_ratio"),
    ((0.1,), {"horizon": None}, "horizon"),
    ((0.1,), {"horizon": 0}, "horizon"),
    ((0.1,), {"replications": 1}, "replications"),
    ((0.1,), {"rng": "x"}, "rng"),
    ((0.1,), {"confidence": 95}, "confidence"),
    ((0.1,), {"confidence": 1}, "confidence"),
    ((0.1,), {"warm_up": -1}, "warm_up"),
    ((0.1,), {"threads": 0}, "threads"),
]


@pytest.mark.parametrize(("given", "values", "argument"), BAD, ids=str)
def test_a_bad_argument_is_named_before_anything_runs(given, values, argument):
    def told(*_):
        raise AssertionError("it ran")

    with pytest.raises(lc.ConfigurationError, match=argument) as caught:
        lc.required_concurrency(WORKLOAD, *given, **{**COMMON, **values, "progress": told})
    assert caught.value.argument == argument


def test_a_ratio_of_zero_is_refused_with_the_reason():
    with pytest.raises(lc.ConfigurationError, match="there is always a worse hour"):
        lc.required_concurrency(WORKLOAD, 0, horizon=60)
