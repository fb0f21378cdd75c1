"""The formulas of `lambdacore.theory` against tables, sums over all states, and scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import lambdacore as lc
from lambdacore import _poisson, theory

#: The table holds 15 digits.
EXACT = 1e-12


def rows_of(analytic_reference, model):
    rows = [
        (params, quantity, value)
        for name, params, quantity, value in analytic_reference
        if name == model
    ]
    assert rows, model
    return rows


def recursion(limit, load):
    """Erlang's loss formula by its recursion."""
    blocking = 1.0
    for n in range(1, limit + 1):
        blocking = load * blocking / (n + load * blocking)
    return blocking


# Erlang's loss formula


def test_erlang_b_gives_every_row_of_the_table(analytic_reference):
    """From 1 to 1,000 servers and down to a blocking of 1e-86."""
    rows = rows_of(analytic_reference, "erlang_b")
    assert len(rows) == 70
    for params, _, value in rows:
        found = theory.erlang_b(params["servers"], params["offered"])
        assert found == pytest.approx(value, rel=EXACT, abs=0), params


def test_the_inverses_of_erlang_b_give_every_row_of_the_table(analytic_reference):
    rows = rows_of(analytic_reference, "erlang_b_inverse")
    assert len(rows) == 11
    for params, quantity, value in rows:
        if quantity == "min_servers":
            assert theory.erlang_b_limit(params["offered"], params["max_blocking"]) == value
        else:
            found = theory.erlang_b_load(params["servers"], params["blocking"])
            assert found == pytest.approx(value, rel=EXACT, abs=0), params


@pytest.mark.parametrize("load", [1e-3, 0.7, 3.0, 30.0, 300.0, 3000.0])
def test_erlang_b_is_its_recursion_at_every_limit(load):
    limits = [*range(40), 99, 300, 301, 1000, 3000, 4000]
    exact = [recursion(limit, load) for limit in limits]
    assert theory.erlang_b(limits, load) == pytest.approx(exact, rel=1e-11, abs=1e-290)


@pytest.mark.parametrize(("limit", "load"), [(10**6, 1e6), (10**6, 0.999e6), (999_000, 1e6)])
def test_erlang_b_of_a_million_is_its_recursion(limit, load):
    assert theory.erlang_b(limit, load) == pytest.approx(recursion(limit, load), rel=1e-10)


def test_without_load_nothing_is_throttled_and_without_a_limit_everything():
    assert theory.erlang_b(5, 0) == 0
    assert theory.erlang_b(0, 5) == 1
    assert theory.erlang_b(0, 0) == 1
    assert theory.erlang_b(1000, 1000) == pytest.approx(0.024812, abs=5e-7)


def test_numbers_give_a_number_and_arrays_are_broadcast():
    assert type(theory.erlang_b(10, 8)) is float
    assert type(theory.erlang_b_limit(8.0, 0.1)) is int
    assert type(theory.in_flight_quantile(8.0, 0.1)) is int
    table = theory.erlang_b([[1], [2], [3]], [0.5, 1.0])
    assert table.shape == (3, 2)
    assert table[1, 1] == theory.erlang_b(2, 1.0)
    assert theory.erlang_b([], 1.0).shape == (0,)
    assert theory.erlang_b_limit([], 0.1).shape == (0,)


def test_more_rows_than_are_summed_at_once_give_what_each_gives_alone():
    loads = np.linspace(0, 60, 2500)
    found = theory.erlang_b(30, loads)
    picked = [0, 1023, 1024, 2047, 2048, 2499]
    assert found[picked] == pytest.approx(
        [theory.erlang_b(30, loads[i]) for i in picked], rel=1e-14
    )
    assert (np.diff(found) >= 0).all()


def test_the_limit_that_is_found_is_enough_and_one_less_is_not():
    load = np.array([[0.01], [1.0], [17.3], [999.5], [1e6]])
    ratio = np.array([1e-9, 1e-3, 0.2, 0.9])
    limit = theory.erlang_b_limit(load, ratio)
    assert (theory.erlang_b(limit, load) <= ratio * (1 + EXACT)).all()
    positive = limit > 0
    less = theory.erlang_b(np.maximum(limit - 1, 0), load)
    assert (less > ratio)[positive].all()


def test_a_limit_is_found_again_from_the_ratio_it_gives():
    for limit, load in itertools.product([1, 2, 3, 10, 100], [0.5, 1.0, 8.0, 240.0]):
        assert theory.erlang_b_limit(load, theory.erlang_b(limit, load)) == limit
    # As people write the ratio of 2 at 1, and of 1 at 1.
    assert theory.erlang_b_limit(1.0, [0.2, 0.5, 1.0]).tolist() == [2, 1, 0]
    assert theory.erlang_b_limit(0.0, 1e-9) == 1


def test_the_load_that_is_found_gives_the_ratio():
    limit, ratio = np.array([[1], [7], [400], [10**6]]), np.array([1e-6, 0.01, 0.5, 0.99])
    load = theory.erlang_b_load(limit, ratio)
    assert theory.erlang_b(limit, load) == pytest.approx(
        np.broadcast_to(ratio, load.shape), rel=1e-8
    )
    assert theory.erlang_b_load([0, 5], [0.5, 0.0]).tolist() == [0, 0]


# Overflow


def test_overflow_gives_every_row_of_the_table(analytic_reference):
    rows = rows_of(analytic_reference, "overflow_riordan")
    assert len(rows) == 8
    for params, quantity, value in rows:
        found = theory.overflow(params["servers"], params["offered"])
        field = quantity.removeprefix("overflow_")
        assert getattr(found, field) == pytest.approx(value, rel=EXACT, abs=0), params


def test_without_a_limit_of_its_own_all_overflows_as_it_came():
    mean, variance = theory.overflow(0, [0.0, 3.0])
    assert mean.tolist() == variance.tolist() == [0, 3]
    assert theory.overflow(4, 0.0) == (0, 0)


def test_the_variance_of_what_overflows_keeps_its_digits_where_nearly_all_does():
    """Against Riordan's formula in fractions, which round nothing."""
    from fractions import Fraction

    for limit, load in [(1, 10**6), (3, 10**6), (20, 10**5), (20, 10)]:
        a, blocking = Fraction(load), Fraction(1)
        for n in range(1, limit + 1):
            blocking = a * blocking / (n + a * blocking)
        mean = a * blocking
        exact = mean * (1 - mean + a / (limit + 1 - a + mean))
        found = theory.overflow(limit, load)
        assert found.mean == pytest.approx(float(mean), rel=EXACT)
        assert found.variance == pytest.approx(float(exact), rel=EXACT)


# A shared pool


def all_states(loads, caps, limit):
    """Losses by the product form, state by state."""
    caps = [limit if cap is None else cap for cap in caps]
    total, lost = 0.0, np.zeros(len(loads))
    for state in itertools.product(*(range(cap + 1) for cap in caps)):
        if sum(state) > limit:
            continue
        weight = math.prod(a**n / math.factorial(n) for a, n in zip(loads, state, strict=True))
        total += weight
        for k, (n, cap) in enumerate(zip(state, caps, strict=True)):
            lost[k] += weight * (n == cap or sum(state) == limit)
    return lost / total


def test_shared_pools_give_every_row_of_the_table(analytic_reference):
    rows = rows_of(analytic_reference, "shared_pool_with_caps")
    assert len(rows) == 5
    for params, quantity, value in rows:
        loads, caps = zip(*params["functions_offered_cap"], strict=True)
        found = theory.shared_pool(loads, caps, params["pool"])
        k = int(quantity.removeprefix("throttle_prob_fn"))
        assert found[k] == pytest.approx(value, rel=EXACT, abs=0), params


@pytest.mark.parametrize(
    ("loads", "caps", "limit"),
    [
        ([2.0, 3.0], [3, 4], 5),
        ([2.0, 3.0, 0.1], [3, None, 0], 6),
        ([0.0, 3.0], [2, 2], 3),
        ([0.0, 0.0], [None, 2], 3),
        ([1.0, 1.0], [1, 1], 9),
        ([50.0, 80.0, 5.0], [4, 6, 2], 8),
        ([1e-4, 2e-4, 3e-4], [2, 3, None], 4),
        ([1.0, 2.0], [None, None], 4),
        ([1.0, 2.0], [0, 2], 0),
    ],
)
def test_shared_pools_are_the_sum_over_all_states(loads, caps, limit):
    exact = all_states(loads, caps, limit)
    assert theory.shared_pool(loads, caps, limit) == pytest.approx(exact, rel=EXACT, abs=0)


def test_two_functions_of_a_small_pool_lose_what_paper_and_pencil_say():
    assert theory.shared_pool([2, 3], [3, 4], 5) == pytest.approx([0.3132530, 0.2906024], abs=5e-8)


def test_a_pool_that_never_fills_throttles_each_function_at_its_cap():
    found = theory.shared_pool([8.0, 20.0], [10, 25], 35)
    assert found == pytest.approx(theory.erlang_b([10, 25], [8.0, 20.0]), rel=EXACT)


def test_without_caps_a_shared_pool_is_erlang_b_of_the_sum():
    found = theory.shared_pool([100.0, 300.0, 5.0], [None, None, 500], 410)
    assert found == pytest.approx([recursion(410, 405.0)] * 3, rel=EXACT)


def test_a_pool_that_is_far_too_small_is_no_matter_of_range():
    """Each load alone would fill it several times: caps that do not bind change nothing."""
    found = theory.shared_pool([4000.0, 4000.0, 2000.0], [1900, None, 1900], 2000)
    assert found == pytest.approx([recursion(2000, 10_000.0)] * 3, rel=1e-10)


@pytest.mark.parametrize(
    "loads", [(4000.0, 9000.0), (320.0, 700.0), (250.0, 500.0), (9.0, 9e5), (9e5, 9.0), (9e6, 9e6)]
)
def test_a_cap_that_binds_in_a_pool_that_is_too_small_is_the_sum_of_logarithms(loads):
    cap, limit = 300, 1000
    logs = [
        n * math.log(a) - np.array([math.lgamma(k + 1) for k in n])
        for a, n in zip(loads, (np.arange(cap + 1), np.arange(limit + 1)), strict=True)
    ]
    weights = logs[0][:, None] + logs[1]
    held = np.add.outer(np.arange(cap + 1), np.arange(limit + 1))
    weights = np.where(held <= limit, weights, -np.inf)
    weights = np.exp(weights - weights.max())
    full = weights[held == limit].sum() / weights.sum()
    at_cap = weights[cap, : limit - cap].sum() / weights.sum()
    found = theory.shared_pool(loads, [cap, None], limit)
    assert found == pytest.approx([full + at_cap, full], rel=1e-10, abs=0)


def test_no_functions_lose_nothing():
    assert theory.shared_pool([], [], 3).shape == (0,)


# In flight without limits


def test_the_number_in_flight_gives_every_row_of_the_table(analytic_reference):
    rows = rows_of(analytic_reference, "mg_infinity")
    assert len(rows) == 3
    for params, _, value in rows:
        found = theory.in_flight_reaches(params["offered"], params["k"])
        assert found == pytest.approx(value, rel=EXACT, abs=0), params
        assert theory.in_flight_quantile(params["offered"], 1 - value * 0.999) == params["k"]


def test_quantiles_in_flight_are_those_of_scipy():
    load = np.array([[0.01], [0.7], [5.0], [100.0], [12_345.6], [1e6]])
    p = np.array([1e-9, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999, 1 - 1e-9])
    assert theory.in_flight_quantile(load, p).tolist() == stats.poisson.ppf(p, load).tolist()


def test_a_quantile_of_none_of_the_time_or_of_no_load_is_zero():
    assert theory.in_flight_quantile([0.0, 3.0, 0.0], [0.0, 0.0, 0.999]).tolist() == [0, 0, 0]


def test_tails_keep_their_digits_far_out():
    load = np.array([[0.3], [9.0], [250.0], [1e4]])
    number = np.floor(load + np.array([-2.0, 0, 1, 3, 8, 20]) * np.sqrt(load)).clip(0)
    exact = stats.poisson.sf(number - 1, load)
    found = theory.in_flight_reaches(load, number.astype(int))
    assert found == pytest.approx(exact, rel=1e-10, abs=1e-300)
    assert theory.in_flight_reaches(5.0, 0) == 1
    assert theory.in_flight_reaches(0.0, [0, 1]).tolist() == [1, 0]


def test_log_probabilities_are_exact_near_and_far():
    """Against `math.lgamma` where its rounding is small."""
    for load, number in itertools.product([1e-6, 0.4, 3.0, 50.0], [0, 1, 2, 15, 16, 17, 80]):
        exact = number * math.log(load) - load - math.lgamma(number + 1)
        found = _poisson.log_probability(np.array(load), np.array(float(number)))
        assert float(found) == pytest.approx(exact, rel=1e-13, abs=1e-13)


# What is refused


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: theory.erlang_b(-1, 1.0), "limit"),
        (lambda: theory.erlang_b(2.5, 1.0), "limit"),
        (lambda: theory.erlang_b([1, 2.5], 1.0), "limit[1]"),
        (lambda: theory.erlang_b([1, 2, -3], 1.0), "limit[2]"),
        (lambda: theory.erlang_b(True, 1.0), "limit"),
        (lambda: theory.erlang_b("5", 1.0), "limit"),
        (lambda: theory.erlang_b(2**31, 1.0), "limit"),
        (lambda: theory.erlang_b(10**30, 1.0), "limit"),
        (lambda: theory.erlang_b(1, -0.5), "load"),
        (lambda: theory.erlang_b(1, [0.5, math.nan]), "load[1]"),
        (lambda: theory.erlang_b(1, [[0.5, 1.0], [math.inf, 2.0]]), "load[1, 0]"),
        (lambda: theory.erlang_b(1, "x"), "load"),
        (lambda: theory.erlang_b(1, None), "load"),
        (lambda: theory.erlang_b(1, [[1.0], [1.0, 2.0]]), "load"),
        (lambda: theory.erlang_b([1, 2], [1.0, 2.0, 3.0]), "load"),
        (lambda: theory.erlang_b_limit(1.0, 0.0), "throttle_ratio"),
        (lambda: theory.erlang_b_limit(1.0, [0.5, 1.5]), "throttle_ratio[1]"),
        (lambda: theory.erlang_b_limit(math.nan, 0.1), "load"),
        (lambda: theory.erlang_b_load(1, 1.0), "throttle_ratio"),
        (lambda: theory.overflow(1, -1.0), "load"),
        (lambda: theory.in_flight_quantile(1.0, 1.0), "probability"),
        (lambda: theory.in_flight_quantile(1.0, [0.1, -0.1]), "probability[1]"),
        (lambda: theory.in_flight_reaches(1.0, 1.5), "number"),
        (lambda: theory.shared_pool([1.0, -1.0], [1, 1], 2), "loads[1]"),
        (lambda: theory.shared_pool(1.0, [1], 2), "loads"),
        (lambda: theory.shared_pool([1.0, 1.0], [1], 2), "caps"),
        (lambda: theory.shared_pool([1.0, 1.0], [1, 1.5], 2), "caps[1]"),
        (lambda: theory.shared_pool([1.0], [1], -2), "limit"),
    ],
)
def test_input_that_cannot_be_is_refused_by_name_and_index(call, argument):
    with pytest.raises(lc.ConfigurationError) as caught:
        call()
    assert caught.value.argument == argument
    assert str(caught.value).startswith(argument)


def test_theory_is_reached_without_an_import_of_its_own():
    assert lc.theory is theory
