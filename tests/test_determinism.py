"""The same bytes, whoever runs it: threads, chunks, executors, checkpoints, order, time."""

import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import lambdacore as lc
from lambdacore.ensemble import recipe as recipes
from lambdacore.runs import Runs

STREAMS = {
    "checkout:live": lc.Stream(lc.Poisson(12), lc.LogNormal(0.2, 1.5)),
    "reports": lc.Stream(lc.OnOff(30, on=1, off=4) + lc.Every(5, count=6, jitter=1.0), 0.4),
    "mail": lc.Stream(lc.Batches(0.5, size=8), lc.Gamma(0.3, 0.7), init=lc.Exponential(0.5)),
}
WORKLOAD = lc.Workload(STREAMS)
ACCOUNT = lc.Account(
    16,
    [
        lc.Function(
            "checkout", versions=1, aliases={"live": 1}, provisioned_concurrency={"live": 2}
        ),
        lc.Function("reports", reserved_concurrency=5),
        lc.Function("mail", init_duration=0.3, idle_timeout=2.0),
    ],
    unreserved_floor=0,
)
COMMON = {"horizon": 30, "rng": 11, "warm_up": 2, "period": 7, "quantiles": (0.5, 0.99)}


def run(**how):
    return lc.monte_carlo(ACCOUNT, WORKLOAD, replications=18, **COMMON, **how)


@pytest.fixture(scope="module")
def reference():
    return run(threads=1)


@pytest.fixture(scope="module")
def executors():
    context = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(3) as threads,
        ProcessPoolExecutor(2, mp_context=context) as processes,
    ):
        yield {"none": None, "threads": threads, "processes": processes}


@pytest.mark.parametrize("kept", [False, True], ids=["", "checkpoint"])
@pytest.mark.parametrize("chunk", [1, 7, None])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("where", ["none", "threads", "processes"])
def test_the_same_bytes_however_it_is_run(
    reference, executors, where, threads, chunk, kept, tmp_path
):
    """72 ways, each run twice; with a checkpoint the second time reads what the first kept."""
    how = {"threads": threads, "chunk": chunk, "executor": executors[where]}
    if kept:
        how["checkpoint"] = tmp_path / "folder"
    for _ in range(2):
        assert run(**how).digest() == reference.digest()


def test_the_workload_used_here_throttles_and_starts_cold(reference):
    """So that equal digests say something."""
    assert (reference.throttles.sum(axis=0)[1:] > 0).all()
    assert (reference.cold_starts.sum(axis=0) > 0).all()
    assert reference.outcomes(lc.Outcome.PROVISIONED).sum() > 0


def same(runs, other, names):
    """Whether arrays of some functions are equal."""
    return all(
        np.array_equal(runs.values(name, f), other.values(name, f), equal_nan=True)
        and np.array_equal(runs.concurrency_quantiles(f), other.concurrency_quantiles(f))
        and np.array_equal(runs.series("throttles", f), other.series("throttles", f))
        for f in names
        for name in lc.runs.STATISTICS
    )


def test_the_limit_of_a_reserved_function_changes_nobody_elses_numbers(reference):
    """Reserved pools isolate where the others' pool keeps its size and no rate is shared."""
    account = ACCOUNT.replace(
        concurrency_limit=18,
        functions=[
            f.replace(reserved_concurrency=7) if f.name == "reports" else f for f in ACCOUNT
        ],
    )
    changed = lc.monte_carlo(account, WORKLOAD, replications=18, **COMMON)
    assert same(changed, reference, ["checkout", "mail"])
    assert not np.array_equal(changed.throttles[:, 1], reference.throttles[:, 1])
    arrivals = lc.monte_carlo(
        ACCOUNT.replace(concurrency_limit=8), WORKLOAD, replications=18, **COMMON
    ).arrivals
    assert np.array_equal(arrivals, reference.arrivals)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_added_function_changes_nobody_elses_draws(reference, place):
    """Draws are keyed by the name; here the addition has a reservation, so it takes no room."""
    items = list(STREAMS.items())
    items.insert(place, ("added", lc.Stream(lc.Poisson(9), lc.Exponential(1.0))))
    functions = list(ACCOUNT)
    functions.insert(place, lc.Function("added", reserved_concurrency=4))
    account = ACCOUNT.replace(concurrency_limit=20, functions=functions)
    more = lc.monte_carlo(account, lc.Workload(dict(items)), replications=18, **COMMON)
    assert same(more, reference, ["checkout", "reports", "mail"])
    assert more.throttles[:, place].sum() > 0


def test_the_order_of_streams_does_not_matter(reference):
    """All six orders, of streams and of functions: rows move, numbers stay."""
    items = list(STREAMS.items())
    pick = random.Random(1)
    for _ in range(6):
        pick.shuffle(items)
        moved = lc.monte_carlo(ACCOUNT, lc.Workload(dict(items)), replications=18, **COMMON)
        assert moved.digest() == reference.digest()
    turned = ACCOUNT.replace(functions=list(ACCOUNT)[::-1])
    moved = lc.monte_carlo(turned, WORKLOAD, replications=18, **COMMON)
    assert moved.functions == ("mail", "reports", "checkout")
    assert same(moved, reference, moved.functions)
    for name in ("throttle_ratio", "peak_concurrency", "mean_concurrency"):
        assert moved.region(name).tolist() == reference.region(name).tolist()


@pytest.mark.parametrize("block", [1, 2, 17, 100_000])
def test_the_size_of_blocks_does_not_matter(reference, block):
    recipe = replace(reference._recipe, block=block)
    found = Runs(recipe, 0, recipe.run(0, 18), list(range(18)), [])
    assert found.digest() == reference.digest()


def test_any_replication_can_be_run_alone(reference):
    for first, count in ((0, 1), (17, 1), (5, 9)):
        found = reference._recipe.run(first, count)
        for name, values in found.items():
            kept = reference._statistics[name][first : first + count]
            assert np.array_equal(values[0], kept), name


def test_a_comparison_has_the_runs_of_each_account_alone(reference):
    others = {"less": ACCOUNT.replace(concurrency_limit=11), "same": ACCOUNT}
    answer = lc.compare(ACCOUNT, others, WORKLOAD, replications=18, **COMMON)
    assert answer["baseline"].digest() == answer["same"].digest() == reference.digest()
    alone = lc.monte_carlo(others["less"], WORKLOAD, replications=18, **COMMON)
    assert answer["less"].digest() == alone.digest()


@pytest.mark.parametrize("how", ["here", "chunks", "threads"])
def test_every_point_of_a_sweep_is_a_monte_carlo_run_at_that_point(how, executors):
    grid = {
        "concurrency_limit": [11, 16],
        "reports.reserved_concurrency": [2, 5],
        "workload.mail.arrivals.size": [3, 8],
    }
    values = {"here": {}, "chunks": {"chunk": 5}, "threads": {"executor": executors["threads"]}}
    swept = lc.sweep(ACCOUNT, WORKLOAD, grid, replications=6, **COMMON, **values[how])
    assert swept.shape == (2, 2, 2)
    for point, runs in zip(swept.points(), swept.runs, strict=True):
        limit, reserved, size = point.values()
        account = ACCOUNT.replace(
            concurrency_limit=limit,
            functions=[
                f.replace(reserved_concurrency=reserved) if f.name == "reports" else f
                for f in ACCOUNT
            ],
        )
        workload = WORKLOAD.with_value("mail.arrivals.size", size)
        alone = lc.monte_carlo(account, workload, replications=6, **COMMON)
        assert runs.digest() == alone.digest(), point
        assert (runs.account, runs.workload) == (account, workload)


def test_recipes_of_the_same_results_are_described_alike(reference):
    same_again = recipes.make(
        (ACCOUNT,), lc.Workload(STREAMS), horizon=30.0, warm_up=2, start="warm", seed=11,
        period=7.0, quantiles=(0.5, 0.99),
    )  # fmt: skip
    assert same_again.describe() == reference._recipe.describe()
    others = [
        replace(same_again, seed=12),
        replace(same_again, period=8),
        replace(same_again, quantiles=(0.5,)),
        replace(same_again, start=5),
        replace(same_again, workload=WORKLOAD.with_value("mail.init.mean", 0.6)),
        replace(same_again, accounts=(ACCOUNT.replace(concurrency_limit=17),)),
    ]
    assert len({str(recipe.describe()) for recipe in (same_again, *others)}) == 7


# Beginnings of digests. They change only with the version of the streams or with a rule of the
# simulation; either is said in the changelog, and no number here is changed without.
GOLDEN = {
    "poisson": "50e917008dbf",
    "rate": "65ac74bc0231",
    "even": "dc356d40cc5a",
    "renewal": "40a5e9b6d881",
    "on-off": "884f750ba13b",
    "mmpp": "4ba177b1d78f",
    "batches": "4b1d3cc6388d",
    "timer": "c9063d8f99ba",
    "counts": "d2ce91ae550e",
    "recorded": "bf24b93b538d",
    "init": "d5db74bf2c51",
    "reserved": "8dc019dec94e",
    "provisioned": "3f657fbb1f87",
    "series": "a6feebda055b",
    "quantiles": "8255b70f87bb",
    "warm": "3af5576f6c93",
    "deletion": "ed111de96b4a",
}
RATE = lc.Rate.ramp(1, 20, start=2, end=20)
LAW = lc.Exponential(0.5)
CASES = {
    "poisson": (lc.Stream(lc.Poisson(20), LAW), {}, {}),
    "rate": (lc.Stream(lc.Poisson(RATE), lc.LogNormal(0.4, 1.5)), {}, {}),
    "even": (lc.Stream(lc.Deterministic(20, phase=None), lc.Uniform(0.1, 0.9)), {}, {}),
    "renewal": (lc.Stream(lc.Renewal(20, lc.Gamma(1.0, 3.0)), lc.Weibull(0.7, 0.4)), {}, {}),
    "on-off": (lc.Stream(lc.OnOff(60, on=1, off=LAW), lc.Gamma(0.3, 0.8)), {}, {}),
    "mmpp": (lc.Stream(lc.MarkovModulated([2, 40], [3, 1]), lc.BoundedPareto(1.2, 0.1, 9)), {}, {}),
    "batches": (lc.Stream(lc.Batches(2, lc.Exponential(9), 0.3), lc.Mixture([LAW, 0.1], [1, 2])),
                {}, {}),
    "timer": (lc.Stream(lc.Every(3, count=30, jitter=1.0), lc.Empirical([0.1, 0.5, 2.0])), {}, {}),
    "counts": (lc.Stream(lc.Counts(np.array([30, 0, 90, 7]), 9.0), lc.Quantiles([0, 0.5, 1],
               [0.1, 0.3, 2])), {}, {}),
    "recorded": (lc.Stream(lc.Recorded([0.0, 0.1, 0.1, 2.5], [1.0, 0.5, 0.0, 3.0], 3.0, 1.0, 4.0,
                 "users")), {}, {}),
    "init": (lc.Stream(lc.Poisson(20), LAW, init=lc.LogNormal(0.8, 0.5)), {}, {}),
    "reserved": (lc.Stream(lc.Poisson(20), LAW), {"reserved_concurrency": 4}, {}),
    "provisioned": (lc.Stream(lc.Poisson(20), LAW), {"provisioned_concurrency": 3,
                    "reserved_concurrency": 6}, {}),
    "series": (lc.Stream(lc.Poisson(20), LAW), {}, {"period": 7}),
    "quantiles": (lc.Stream(lc.Poisson(20), LAW), {}, {"quantiles": (0.5, 0.99)}),
    "warm": (lc.Stream(lc.Poisson(20), LAW), {}, {"warm_up": 5}),
    "deletion": (lc.Stream(lc.Poisson(20), LAW), {}, {"warm_up": 5, "start": "deletion"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_digests_are_those_that_are_recorded(name):
    stream, function, options = CASES[name]
    label = "f:live" if "provisioned_concurrency" in function else "f"
    workload = lc.Workload({label: stream, "g": lc.Stream(lc.Poisson(3), 0.2)})
    functions = [lc.Function("f", init_duration=0.2, **function), lc.Function("g")]
    account = lc.Account(9, functions, unreserved_floor=0)
    runs = lc.monte_carlo(account, workload, horizon=30, replications=5, rng=2026, **options)
    assert runs.stream_version == 1
    assert runs.throttles.sum() > 0
    assert runs.digest()[:12] == GOLDEN[name]
