"""Sweeps: nested limits, grids and lists, labels, and slips that are named before anything runs."""

import pickle

import numpy as np
import pytest

import lambdacore as lc

WORKLOAD = lc.Workload(
    {
        "f": lc.Stream(lc.Poisson(20), lc.LogNormal(0.3, 1.5)),
        "g": lc.Stream(lc.OnOff(40, on=1, off=4), lc.Exponential(0.4)),
    }
)
ACCOUNT = lc.Account.for_trace(WORKLOAD, 12, unreserved_floor=0)
COMMON = {"horizon": 20, "replications": 6, "rng": 3}


def swept(parameters, **values):
    return lc.sweep(ACCOUNT, WORKLOAD, parameters, **(COMMON | values))


@pytest.fixture(scope="module")
def grid():
    return swept({"concurrency_limit": [8, 12, 16], "workload.f.duration.mean": [0.2, 0.4]})


def test_a_higher_limit_throttles_no_more_in_any_replication():
    """In one pool, calls that are throttled at c + 1 are among those throttled at c: a theorem.

    So for every replication, and every bin of it, and down to none at all at the peak.
    """
    account = ACCOUNT.replace(profile="pure-pools")
    limits = range(41)
    found = lc.sweep(
        account, WORKLOAD, {"concurrency_limit": limits}, horizon=60, replications=20, rng=1,
        period=5,
    )  # fmt: skip
    throttles = found.values("throttles", "Region").astype(int)
    assert throttles.shape == (41, 20)
    assert (np.diff(throttles, axis=0) <= 0).all()
    series = np.stack([runs.series("throttles").astype(int) for runs in found.runs])
    assert (np.diff(series.cumsum(axis=-1), axis=0) <= 0).all()
    assert (throttles[0] == found.values("arrivals", "Region")[0]).all()
    free = lc.monte_carlo(
        account.replace(concurrency_limit=1000), WORKLOAD, horizon=60, replications=20, rng=1
    )
    peaks = free.region("peak_concurrency")
    for at, limit in zip(throttles, limits, strict=True):
        assert ((at == 0) == (peaks <= limit)).all(), "none just where the limit is the peak"
    peaks_at = found.values("peak_concurrency", "Region")
    assert (peaks_at <= np.arange(41)[:, None]).all()


def test_a_grid_has_the_shape_of_its_parameters(grid):
    assert grid.is_grid
    assert grid.shape == (3, 2)
    assert len(grid) == 6
    assert grid.functions == ("f", "g")
    assert grid.throttle_ratio.shape == (3, 2, 6, 2)
    assert grid.values("throttles", "Region").shape == (3, 2, 6)
    assert grid.mean("throttle_ratio").shape == (3, 2)
    found = grid.interval("throttle_ratio")
    assert found.low.shape == found.estimate.shape == (3, 2)
    assert (found.low <= found.estimate).all()
    assert grid.points()[1] == {"concurrency_limit": 8, "workload.f.duration.mean": 0.4}
    assert (
        grid.values("throttles", "f")[2, 0].tolist()
        == grid.runs[4].values("throttles", "f").tolist()
    )


def test_a_point_is_found_by_its_values(grid):
    point = {"concurrency_limit": 12, "workload.f.duration.mean": 0.4}
    assert grid.at(**point) is grid.runs[3]
    assert grid.at(**point).account.concurrency_limit == 12
    assert grid.at(**point).workload["f"].duration.mean == 0.4
    with pytest.raises(lc.ConfigurationError, match="the sweep has none"):
        grid.at(concurrency_limit=13)
    with pytest.raises(lc.ConfigurationError, match="did you mean 'concurrency_limit'"):
        grid.at(concurrency_limits=12)


def test_a_list_of_points_is_one_dimension():
    points = [
        {"concurrency_limit": 8, "f.reserved_concurrency": 4},
        {"concurrency_limit": 12, "f.reserved_concurrency": None},
        {"concurrency_limit": 16, "f.reserved_concurrency": 9},
    ]
    found = swept(points)
    assert not found.is_grid
    assert found.shape == (3,)
    assert found.points() == points
    assert found.throttle_ratio.shape == (3, 6, 2)
    at = found.at(concurrency_limit=8)
    assert at.account["f"].reserved_concurrency == 4
    assert len(found.rows()[1]) == 3
    assert len(swept([{"concurrency_limit": 8}])) == 1


def test_a_single_parameter_answers_with_its_smallest_good_value():
    found = swept({"concurrency_limit": range(4, 40, 4)})
    means = found.mean("throttle_ratio")
    smallest = found.smallest("concurrency_limit", at_most=0.02)
    index = found.parameters["concurrency_limit"].index(smallest)
    assert means[index] <= 0.02 < means[index - 1]
    assert found.smallest("concurrency_limit", at_most=-1) is None
    with pytest.raises(lc.ConfigurationError, match="there are several"):
        swept({"concurrency_limit": [8], "f.reserved_concurrency": [2]}).smallest(
            "concurrency_limit"
        )


def test_datasets_are_labelled_with_the_parameters(grid):
    pytest.importorskip("xarray")
    data = grid.to_xarray()
    assert dict(data.sizes) == {
        "concurrency_limit": 3,
        "workload.f.duration.mean": 2,
        "replication": 6,
        "function": 3,
    }
    picked = data["throttles"].sel({"concurrency_limit": 12, "workload.f.duration.mean": 0.4,
                                    "function": "Region"})  # fmt: skip
    assert picked.values.tolist() == grid.runs[3].region("throttles").tolist()
    listed = swept([{"concurrency_limit": 8, "f.reserved_concurrency": None}]).to_xarray()
    assert listed["throttles"].dims == ("point", "replication", "function")
    assert listed["f.reserved_concurrency"].values.tolist() == ["None"]


def test_frames_have_a_row_for_each_point_replication_and_function(grid):
    pytest.importorskip("pandas")
    frame = grid.to_pandas()
    assert len(frame) == 6 * 6 * 3
    assert list(frame.columns[:4]) == [
        "concurrency_limit", "workload.f.duration.mean", "replication", "function",
    ]  # fmt: skip
    some = frame[(frame.concurrency_limit == 16) & (frame["workload.f.duration.mean"] == 0.2)]
    region = some[some.function == "Region"].throttles.tolist()
    assert region == grid.runs[4].region("throttles").tolist()


def test_the_table_fits_and_says_what_it_shows(grid):
    heads, rows, note = grid.rows()
    assert heads == [
        "concurrency_limit", "workload.f.duration.mean", "throttled", "cold", "peak",
    ]  # fmt: skip
    assert [row[:2] for row in rows[:2]] == [["8", "0.2"], ["8", "0.4"]]
    assert "common random numbers, seed 3" in note
    assert max(map(len, repr(grid).splitlines())) <= 100
    assert grid._repr_html_().count("<tr") == 7
    many = swept({"concurrency_limit": range(2, 62)}, horizon=1, replications=2)
    assert len(many.rows()[1]) == 40
    assert "20 more points" in many.rows()[2]


def test_a_sweep_survives_pickling(grid):
    again = pickle.loads(pickle.dumps(grid))
    assert [r.digest() for r in again.runs] == [r.digest() for r in grid.runs]
    assert again.parameters == grid.parameters


SLIPS = {
    "a field of the account": ({"concurency_limit": [8]}, "did you mean 'concurrency_limit'"),
    "a function": ({"ff.reserved_concurrency": [8]}, "'ff'.*did you mean 'f'"),
    "a field of a function": (
        {"f.reserved_concurency": [8]},
        "did you mean 'reserved_concurrency'",
    ),
    "a stream": ({"workload.ff.duration.mean": [1]}, "did you mean 'f'"),
    "a field of a stream": ({"workload.f.durations.mean": [1]}, "did you mean 'duration'"),
    "a field of a law": ({"workload.f.duration.average": [1]}, "LogNormal has"),
    "a path that ends early": ({"workload.f": [1]}, "which field"),
    "a path that goes too far": ({"workload.f.duration.mean.x": [1]}, "leads nowhere"),
    "no parameter": ({}, "at least one"),
    "no value": ({"concurrency_limit": []}, "at least one"),
    "no point": ([], "at least one"),
    "an empty point": ([{}], "at least one"),
    "other names": ([{"concurrency_limit": 1}, {"idle_timeout": 1}], r"parameters\[1\]"),
    "too many": ({"concurrency_limit": range(1000), "idle_timeout": range(1000)}, "1,000,000"),
    "endless": ({"concurrency_limit": iter(int, 1)}, "at most 100,000"),
    "a value that cannot be": ({"concurrency_limit": [8, -1]}, "at concurrency_limit = -1"),
    "no number": ({"f.init_duration": ["soon"]}, "at f.init_duration = 'soon'"),
    "a law that cannot be": ({"workload.f.duration.mean": [1, -1]}, "workload.f.duration.mean"),
    "values that are none": ({"concurrency_limit": 8}, "concurrency_limit"),
    "text": ("concurrency_limit", "parameters"),
    "a point that is none": ([8], "parameters"),
    "a number": (8, "parameters"),
    "text for values": ({"profile": "pure-pools"}, "'pure-pools' is not several values"),
    "endless points": (iter(lambda: {"concurrency_limit": 1}, 1), "at most 100,000"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_before_anything_runs(name):
    def told(*_):
        raise AssertionError("it ran")

    parameters, said = SLIPS[name]
    with pytest.raises(lc.ConfigurationError, match=said):
        swept(parameters, progress=told)


def test_a_point_that_aws_would_refuse_is_named_with_its_answer():
    account = lc.Account(1000, [lc.Function("f"), lc.Function("g")])
    with pytest.raises(lc.ConfigurationError) as caught:
        lc.sweep(
            account,
            WORKLOAD,
            {"concurrency_limit": [1000, 500], "f.reserved_concurrency": [100, 700]},
            **COMMON,
        )
    error = caught.value
    assert str(error).startswith("at concurrency_limit = 500, f.reserved_concurrency = 700: ")
    assert error.aws_code == "InvalidParameterValueException"
    assert error.aws_message


def test_claims_that_need_the_new_limit_are_applied_with_it():
    """In one step, so that neither has to be possible with the other's old value."""
    points = [{"concurrency_limit": 100, "f.reserved_concurrency": 90}]
    found = swept(points)
    assert found.runs[0].account["f"].reserved_concurrency == 90
    turned = swept([dict(reversed(points[0].items()))])
    assert turned.runs[0].digest() == found.runs[0].digest()
    mixed = swept([*points, dict(reversed(points[0].items()))])
    assert [r.digest() for r in mixed.runs] == [found.runs[0].digest()] * 2


def test_points_of_the_same_workload_are_drawn_together(grid):
    """All points meet the same calls, also where only the durations differ."""
    arrivals = grid.values("arrivals")
    assert (arrivals == arrivals[0, 0]).all()
    assert grid.values("mean_concurrency", "f")[2, 1].mean() > (
        grid.values("mean_concurrency", "f")[2, 0].mean()
    )


def test_replications_without_arrivals_are_left_out_of_means():
    """One in e has no call in a second: means and intervals leave it out alike."""
    rare = lc.Workload({"f": lc.Stream(lc.Poisson(1), lc.Exponential(1.0))})
    account = lc.Account.for_trace(rare, 1, unreserved_floor=0)
    found = lc.sweep(
        account, rare, {"concurrency_limit": [0, 1, 9]}, horizon=1, replications=50, rng=1
    )
    assert np.isnan(found.values("throttle_ratio", "f")).any()
    means = found.mean("throttle_ratio")
    assert means[0] == 1 > means[1] > means[2]
    np.testing.assert_allclose(means, found.interval("throttle_ratio").estimate, atol=0.05)
    assert found.smallest("concurrency_limit", at_most=0.5) == 1
    assert [row[1] != "-" for row in found.rows()[1]] == [True] * 3
