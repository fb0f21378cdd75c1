"""Monte Carlo as an interface: shapes, intervals, precision, refusals, progress, Ctrl-C."""

import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import lambdacore as lc

WORKLOAD = lc.Workload(
    {
        "f": lc.Stream(lc.Poisson(20), lc.LogNormal(0.2, 1.5)),
        "g": lc.Stream(lc.OnOff(40, on=1, off=4), lc.Exponential(0.3), init=lc.Constant(0.2)),
    }
)
ACCOUNT = lc.Account.for_trace(WORKLOAD, 12, unreserved_floor=0).replace(
    "f", reserved_concurrency=5
)
QUIET = lc.Workload({"f": lc.Stream(lc.Poisson(1), 0.1)})
ROOMY = lc.Account.for_trace(QUIET, 1000)


@pytest.fixture(scope="module")
def runs():
    return lc.monte_carlo(
        ACCOUNT,
        WORKLOAD,
        horizon=60,
        replications=40,
        rng=3,
        warm_up=5,
        period=10,
        quantiles=(0.5, 0.9),
    )


def small(**values):
    options = {"horizon": 5, "replications": 3, "rng": 1} | values
    return lc.monte_carlo(ACCOUNT, WORKLOAD, **options)


def test_shapes_and_dtypes_are_as_the_notes_say(runs):
    for name in ("throttle_ratio", "cold_start_ratio", "provisioned_ratio", "utilisation",
                 "mean_concurrency"):  # fmt: skip
        assert runs.values(name).dtype == np.float64
    for name in ("arrivals", "throttles", "cold_starts", "peak_concurrency"):
        assert runs.values(name).dtype.kind == "u"
    for name in ("throttle_ratio", "peak_concurrency", "utilisation", "cold_starts"):
        assert runs.values(name).shape == (40, 2) == getattr(runs, name).shape
        assert runs.region(name).shape == runs.values(name, "Region").shape == (40,)
        assert runs.values(name, "g").tolist() == runs.values(name)[:, 1].tolist()
    assert runs.concurrency_quantiles().shape == (40, 2, 2)
    assert runs.concurrency_quantiles("Region").shape == (40, 2)
    assert runs.series("throttles").shape == (40, 6)
    assert runs.series("throttles", "f").sum(axis=1).tolist() == runs.throttles[:, 0].tolist()
    assert runs.bin_starts.tolist() == [0, 10, 20, 30, 40, 50]
    assert runs.replications.tolist() == list(range(40))
    assert len(runs) == 40
    assert (runs.seed, runs.start, runs.horizon, runs.warm_up) == (3, "warm", 60, 5)
    assert runs.functions == ("f", "g")


def test_utilisation_is_the_mean_over_the_limit_of_the_pool(runs):
    np.testing.assert_allclose(runs.utilisation, runs.mean_concurrency / [5, 7])
    np.testing.assert_allclose(
        runs.region("utilisation"), runs.region("mean_concurrency") / 12, rtol=1e-15
    )


def test_without_an_arrival_a_ratio_is_unknown_and_not_zero():
    rare = lc.Workload({"f": lc.Stream(lc.Every(100, offset=50), 0.1)})
    runs = lc.monte_carlo(lc.Account.for_trace(rare), rare, horizon=10, replications=4, rng=1)
    assert np.isnan(runs.throttle_ratio).all()
    assert np.isnan(runs.cold_start_ratio).all()
    assert np.isnan(runs.region("throttle_ratio")).all()
    assert runs.arrivals.sum() == 0
    assert runs.peak_concurrency.tolist() == [[0]] * 4
    assert "-" in repr(runs)
    assert np.isnan(runs.interval("throttle_ratio", "f").estimate)


def test_arrays_cannot_be_written_to(runs):
    for name in ("outcomes", "busy", "peak", "arrivals", "throttles", "bin_peak", "quantiles"):
        with pytest.raises(ValueError, match="read-only"):
            runs._statistics[name][...] = 0
    with pytest.raises(ValueError, match="read-only"):
        runs.peak_concurrency[...] = 0
    with pytest.raises(ValueError, match="read-only"):
        runs.outcomes(lc.Outcome.COLD)[...] = 0


def test_runs_survive_pickling(runs):
    again = pickle.loads(pickle.dumps(runs))
    assert again.digest() == runs.digest()
    assert again.account == runs.account
    assert again.workload == runs.workload
    assert repr(again) == repr(runs)
    assert again.interval("throttle_ratio", "f") == runs.interval("throttle_ratio", "f")
    with pytest.raises(ValueError, match="read-only"):
        again.peak_concurrency[...] = 0


def test_a_recorded_seed_gives_the_same_again_and_others_do_not():
    fresh = small(rng=None)
    assert small(rng=fresh.seed).digest() == fresh.digest()
    assert small(rng=None).digest() != fresh.digest()
    one, two = np.random.default_rng(5), np.random.default_rng(5)
    first = small(rng=one)
    assert first.digest() == small(rng=two).digest()
    assert small(rng=one).digest() != first.digest()
    assert (
        small(rng=np.random.SeedSequence(9)).digest()
        == small(rng=np.random.SeedSequence(9)).digest()
    )


def test_fewer_replications_are_the_beginning_of_more():
    few, many = small(replications=4), small(replications=9)
    assert few.throttles.tolist() == many.throttles[:4].tolist()
    assert few.mean_concurrency.tolist() == many.mean_concurrency[:4].tolist()


def test_frames_hold_every_number(runs):
    pytest.importorskip("pandas")
    frame = runs.to_pandas()
    assert len(frame) == 40 * 3
    assert frame.loc[(7, "g"), "throttles"] == runs.throttles[7, 1]
    assert frame.loc[(7, "Region"), "throttle_ratio"] == runs.region("throttle_ratio")[7]


def test_datasets_have_labelled_dimensions(runs):
    pytest.importorskip("xarray")
    data = runs.to_xarray()
    assert dict(data.sizes) == {"replication": 40, "function": 3}
    picked = data["peak_concurrency"].sel(function="f").values
    assert picked.tolist() == runs.values("peak_concurrency", "f").tolist()
    assert data.attrs["seed"] == "3"


def test_what_is_printed_is_short(runs):
    assert len(repr(runs)) < 120
    assert "start warm (5 s)" in repr(runs)
    heads, rows, note = runs.rows()
    assert [row[0] for row in rows] == ["f", "g", "Region"]
    assert all(len(row) == len(heads) for row in rows)
    assert "seed 3" in note
    assert runs._repr_html_().count("<tr") == 4
    names = {f"function-{i}": lc.Stream(1.0, 0.1) for i in range(50)}
    many = lc.Workload(names)
    wide = lc.monte_carlo(lc.Account.for_trace(many), many, horizon=5, replications=3, rng=1)
    assert len(wide.rows()[1]) == 21
    assert "30 more functions" in wide.rows()[2]


def test_intervals_say_how_they_were_made(runs):
    auto = runs.interval("throttle_ratio", "f")
    assert auto.method == "t"
    assert auto == runs.interval("throttle_ratio", "f", method="t")
    values = runs.values("throttle_ratio", "f")
    assert auto.estimate == pytest.approx(values.mean())
    assert auto.half_width == pytest.approx(2.0227 * values.std(ddof=1) / 40**0.5, rel=1e-4)
    pooled = runs.throttles[:, 0].sum() / runs.arrivals[:, 0].sum()
    for method, estimate in (("ratio t", pooled), ("wilson", pooled), ("bootstrap", values.mean())):
        found = runs.interval("throttle_ratio", "f", method=method)
        assert found.estimate == pytest.approx(estimate, abs=2e-4)
        assert found.low < estimate < found.high
    both = runs.interval("throttle_ratio")
    assert both.low.shape == (2,)
    assert both.low[0] == auto.low
    wider = runs.interval("throttle_ratio", "f", confidence=0.99)
    assert wider.half_width > auto.half_width
    boot = runs.interval("mean_concurrency", "f", method="bootstrap")
    assert boot == runs.interval("mean_concurrency", "f", method="bootstrap")
    with pytest.raises(lc.ConfigurationError, match="no ratio of counts"):
        runs.interval("peak_concurrency", "f", method="wilson")
    with pytest.raises(lc.ConfigurationError, match="method"):
        runs.interval("throttle_ratio", "f", method="student")


def test_where_nothing_was_seen_there_is_a_bound_instead_of_zero():
    runs = lc.monte_carlo(ROOMY, QUIET, horizon=200, replications=30, rng=1)
    found = runs.interval("throttle_ratio", "f")
    assert found.method == "wilson"
    assert found.estimate == found.low == 0
    trials = int(runs.arrivals.sum())
    z2 = 1.959964**2
    assert found.high == pytest.approx(z2 / (trials + z2), rel=1e-4)
    assert "< 0.06" in repr(runs)
    assert runs.interval("throttle_ratio", "f", method="t").high == 0
    assert runs.interval("throttle_ratio").high[0] == found.high


def test_one_replication_knows_nothing_of_its_error():
    runs = small(replications=1)
    found = runs.interval("throttle_ratio", "f")
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert "1 replication " in repr(runs)


def test_precision_goes_on_until_the_interval_is_narrow():
    wanted = lc.Precision(0.02, statistic="throttle_ratio", function="f")
    runs = small(horizon=20, replications=wanted)
    found = runs.interval("throttle_ratio", "f")
    assert found.half_width <= 0.02 * found.estimate
    assert 20 < len(runs) < 10_000
    assert runs.digest() == small(horizon=20, replications=len(runs)).digest()
    looser = small(horizon=20, replications=lc.Precision(0.5, function="f"))
    assert len(looser) <= len(runs)


def test_precision_ends_at_most_and_is_not_content_with_zero():
    wanted = lc.Precision(0.1, least=5, most=17)
    runs = lc.monte_carlo(ROOMY, QUIET, horizon=5, replications=wanted, rng=1)
    assert len(runs) == 17
    assert runs.throttles.sum() == 0


BAD = [
    ({"horizon": 0}, "horizon"),
    ({"horizon": -1}, "horizon"),
    ({"horizon": float("nan")}, "horizon"),
    ({"horizon": "an hour"}, "horizon"),
    ({"horizon": 1e11}, "horizon"),
    ({"replications": 0}, "replications"),
    ({"replications": 2.5}, "replications"),
    ({"replications": True}, "replications"),
    ({"rng": -1}, "rng"),
    ({"rng": "seed"}, "rng"),
    ({"rng": 2**128}, "rng"),
    ({"rng": True}, "rng"),
    ({"warm_up": -1}, "warm_up"),
    ({"start": "warm"}, "warm_up"),
    ({"start": "empty", "warm_up": 1}, "warm_up"),
    ({"start": "deletion", "warm_up": 5}, "warm_up"),
    ({"start": "hot"}, "start"),
    ({"period": 0}, "period"),
    ({"period": -60}, "period"),
    ({"quantiles": (0.5, 1.5)}, "quantiles[1]"),
    ({"quantiles": ("p99",)}, "quantiles[0]"),
    ({"quantiles": 0.5}, "quantiles"),
    ({"threads": 0}, "threads"),
    ({"threads": 1.5}, "threads"),
    ({"executor": "dask"}, "executor"),
    ({"chunk": 0}, "chunk"),
    ({"retries": -1}, "retries"),
    ({"on_error": "ignore"}, "on_error"),
]


@pytest.mark.parametrize(("values", "argument"), BAD, ids=[str(values) for values, _ in BAD])
def test_a_bad_argument_is_named_before_anything_runs(values, argument):
    def told(*_):
        raise AssertionError("it ran")

    with pytest.raises(lc.ConfigurationError) as caught:
        small(progress=told, **values)
    assert caught.value.argument == argument
    assert argument in str(caught.value)


def test_other_things_than_accounts_and_workloads_are_refused():
    with pytest.raises(lc.ConfigurationError, match="account = 12 is not an Account"):
        lc.monte_carlo(12, WORKLOAD, horizon=1)
    trace = lc.Trace([0.0], "f", 1.0)
    with pytest.raises(lc.ConfigurationError, match=r"workload = .* is not a Workload"):
        lc.monte_carlo(ACCOUNT, trace, horizon=1)
    with pytest.raises(lc.ConfigurationError, match=r"invokes 'f'.*for_trace"):
        lc.monte_carlo(lc.Account(10, [lc.Function("g")]), WORKLOAD, horizon=1)
    refused = [
        {"relative": 0},
        {"relative": 0.1, "statistic": "latency"},
        {"relative": 0.1, "least": 1},
        {"relative": 0.1, "most": 5},
        {"relative": 0.1, "confidence": 95},
        {"relative": 0.1, "confidence": 1},
    ]
    for values in refused:
        with pytest.raises(lc.ConfigurationError, match=list(values)[-1]):
            lc.Precision(**values)


def test_the_function_of_a_precision_is_looked_up_before_anything_runs():
    def told(*_):
        raise AssertionError("it ran")

    with pytest.raises(lc.ConfigurationError, match=r"'ff'.*'f'") as caught:
        small(replications=lc.Precision(0.1, function="ff"), progress=told)
    assert caught.value.argument == "function"


def test_what_would_not_fit_is_refused_at_once():
    began = time.monotonic()
    with pytest.raises(lc.SeriesSizeError, match="GiB"):
        small(replications=10**9)
    with pytest.raises(lc.SeriesSizeError, match="bins"):
        small(horizon=10_000, replications=10_000, period=0.1)
    with pytest.raises(lc.SeriesSizeError, match="longer period"):
        small(horizon=1000, period=1e-6)
    assert time.monotonic() - began < 1


def test_what_was_not_asked_for_is_refused_with_the_remedy():
    runs = small()
    with pytest.raises(lc.ConfigurationError, match="period=60"):
        runs.series("throttles")
    with pytest.raises(lc.ConfigurationError, match="quantiles="):
        runs.concurrency_quantiles()
    with pytest.raises(lc.ConfigurationError, match="'throttle_ratio'"):
        runs.values("throttle_ration")
    with pytest.raises(lc.ConfigurationError, match="function = 'h'"):
        runs.interval("throttle_ratio", "h")


def test_bands_are_quantiles_across_replications(runs):
    bands = runs.bands("throttles", "f", (0.1, 0.5))
    expected = np.quantile(runs.series("throttles", "f"), (0.1, 0.5), axis=0)
    np.testing.assert_array_equal(bands.values, expected)
    assert bands.times.tolist() == runs.bin_starts.tolist()
    with pytest.raises(lc.ConfigurationError, match=r"levels\[0\]"):
        runs.bands("throttles", "f", (50,))


def test_progress_is_told_in_calls_and_only_ever_rises():
    told = []
    small(horizon=2000, replications=60, progress=lambda done, total: told.append((done, total)))
    done = [calls for calls, _ in told]
    assert done == sorted(done)
    assert len({total for _, total in told}) == 1
    assert 0 < done[-1] <= told[0][1]


def test_silence_is_kept(capfd):
    small(horizon=500, replications=20, progress=False)
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_progress_callable_ends_the_run():
    def told(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        small(horizon=50_000, replications=50, progress=told)
    assert len(small()) == 3


INTERRUPTED = """
import time
import lambdacore as lc
workload = lc.Workload({"f": lc.Stream(lc.Poisson(1000), lc.LogNormal(0.2, 1.5))})
account = lc.Account.for_trace(workload, 200)
print("ready", flush=True)
try:
    lc.monte_carlo(account, workload, horizon=100_000, replications=100, rng=1, progress=False)
except KeyboardInterrupt:
    again = lc.monte_carlo(account, workload, horizon=10, replications=2, rng=1)
    print("interrupted", time.time(), again.digest(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_is_heard_within_a_second_and_leaves_the_library_whole():
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        word, at, digest = child.stdout.readline().split()
        assert child.wait(10) == 0
    assert word == "interrupted"
    assert float(at) - sent < 1
    workload = lc.Workload({"f": lc.Stream(lc.Poisson(1000), lc.LogNormal(0.2, 1.5))})
    account = lc.Account.for_trace(workload, 200)
    again = lc.monte_carlo(account, workload, horizon=10, replications=2, rng=1)
    assert again.digest() == digest


def test_other_threads_run_on_meanwhile():
    """The GIL is released: a thread that ticks every millisecond is not held up."""
    ticks, over = [], threading.Event()

    def tick():
        while not over.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        began = time.monotonic()
        small(horizon=20_000, replications=10, threads=1)
        ended = time.monotonic()
    finally:
        over.set()
        ticker.join()
    during = [at for at in ticks if began < at < ended]
    assert ended - began > 0.05
    assert len(during) > 100 * (ended - began)
