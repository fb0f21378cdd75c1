"""The patterns of `examples/patterns.py` show what they claim, and their page says the same."""

import importlib
import re
import sys
from pathlib import Path

import pytest

import lambdacore as lc

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    with pytest.MonkeyPatch.context() as patch:
        # The example is a script, which finds its helpers beside itself.
        patch.syspath_prepend(ROOT / "examples")
        yield importlib.import_module("patterns")
        for name in ("patterns", "comparison", "pattern"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def patterns(example):
    return {name: make() for name, make in example.PATTERNS.items()}


def throttled(result, function):
    return int(result.throttles(function=function).sum())


def cells(pattern):
    """Rows of a printed table as numbers, by their label."""
    return {
        label: [float(re.match(r"[\d,.]+", cell)[0].replace(",", "")) for cell in row]
        for label, *row in pattern.rows
    }


def test_each_line_of_the_comparison_is_what_the_two_runs_gave(patterns):
    pattern = patterns["comparison"]
    shared, reserved = pattern.results.values()
    # Rules 2.1, 2.2 and 2.4: guarantee, cap, and a hole in everybody else's pool.
    assert [row[1:] for row in pattern.rows[:2]] == [("0", "250"), ("1,000", "250")]
    (own, burst, cold, unused, cost, others) = [*cells(pattern).values()][2:]
    assert own[0] < own[1]
    assert burst[0] > 30
    assert burst[1] == 0
    # Rule 2.3: a reservation keeps nothing warm.
    assert cold[0] == cold[1] > 0
    assert unused == [1_000, 750]
    assert cost[1] == 750 < cost[0]
    assert others[0] < others[1]
    for run, column in ((shared, 0), (reserved, 1)):
        assert unused[column] == run.concurrency(function="reports")[18]
        assert cold[column] == run.cold_starts(function="checkout")[:3].sum()
        lost = run.throttles(function="checkout")[7:12].sum()
        came = lost + run.invocations(function="checkout")[7:12].sum()
        assert burst[column] == pytest.approx(100 * lost / came, abs=0.051)


def test_a_shielded_function_loses_nothing_and_its_neighbours_pay(patterns):
    before, after = patterns["shielded"].results.values()
    assert throttled(before, "payments") > 1_000
    assert throttled(after, "payments") == 0
    assert throttled(after, "batch") > throttled(before, "batch")
    # One less is not enough: the answer is the smallest.
    enough = after.account["payments"].reserved_concurrency
    less = after.account.replace("payments", reserved_concurrency=enough - 1)
    assert throttled(lc.simulate(less, after.trace), "payments") > 0


def test_a_low_reservation_limits_what_runs_at_once_and_starts_in_a_second(patterns):
    pattern = patterns["rate-limit"]
    free, held = pattern.results.values()
    assert free.concurrency(function="writer").max() > 100
    assert throttled(free, "writer") == 0
    assert held.concurrency(function="writer").max() == 10
    assert held.invocations(1, function="writer").max() == 100
    at_once, most, by_concurrency, by_rate = cells(pattern)["10 reserved, calls of 0.02 s"]
    assert at_once <= 10
    assert most == 100
    assert by_rate > by_concurrency


def test_provisioned_environments_take_the_base_load_and_the_peaks_spill(patterns):
    pattern = patterns["provisioned"]
    demand, ready, combined = cells(pattern).values()
    assert demand[0] > 200
    assert ready[0] == combined[0] == 0
    for cold_in_peaks, _, spilled in (ready[1:4], combined[1:4]):
        assert 0 < cold_in_peaks < spilled
    # All that the neighbour took from the shared pool finds room in the reservation.
    assert ready[4] > 1_000
    assert combined[4] == 0
    assert combined[3] == ready[3] + ready[4]
    spill = [*pattern.results.values()][2].metric(
        "ProvisionedConcurrencySpilloverInvocations", function="checkout"
    )
    in_peaks = [10, 11, 24, 25]
    assert spill[in_peaks].sum() > 0.98 * combined[3]


def test_a_reservation_that_is_too_low_throttles_in_an_idle_account(patterns):
    low, right = patterns["too-low"].results.values()
    ratio = throttled(low, "orders") / int((low.trace.function == 0).sum())
    assert ratio > 0.5
    assert low.concurrency(account=True).max() < 200
    assert throttled(low, "website") == 0
    causes = low.summary()["reserved_concurrency"] + low.summary()["reserved_rate"]
    assert causes[0] == throttled(low, "orders")
    assert throttled(right, "orders") == 0


def test_a_reservation_that_is_too_high_starves_the_others(patterns):
    high, right = patterns["too-high"].results.values()
    assert high.summary()["mean_concurrency"][0] < high.summary()["limit"][0] / 10
    assert throttled(high, "orders") == throttled(right, "orders") == 0
    for name in ("search", "thumbnails"):
        assert throttled(high, name) > 10_000
        assert throttled(right, name) == 0


def test_traffic_is_small_and_each_line_fits(patterns):
    for pattern in patterns.values():
        assert pattern.focus in next(iter(pattern.results.values())).account
        assert all(len(result) <= 300_000 for result in pattern.results.values())
        assert max(map(len, str(pattern).splitlines())) <= 100


def test_the_page_shows_what_the_command_prints(patterns):
    page = (ROOT / "docs" / "patterns.md").read_text("utf-8")
    blocks = re.findall(r"^```text\n(.*?)\n```$", page, re.M | re.S)
    assert blocks == [str(pattern).split("\n\n", 2)[2] for pattern in patterns.values()]
    for name, pattern in patterns.items():
        assert f"## {pattern.title}\n" in page
        assert f"$ python examples/patterns.py {name}\n" in page


def test_the_command_draws_the_patterns_asked_for(example, tmp_path, monkeypatch, capsys):
    command = ["patterns.py", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*command, "too-low"])
    example.main()
    assert [path.name for path in tmp_path.iterdir()] == ["too-low.png"]
    assert "A reservation set too low" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "too-lo"])
    with pytest.raises(SystemExit):
        example.main()
    assert "choose from comparison, shielded" in capsys.readouterr().err


def test_all_pictures_stand_on_one_sheet(example, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["patterns.py", "--output", str(tmp_path)])
    example.main()
    assert {path.stem for path in tmp_path.iterdir()} == {*example.PATTERNS, "patterns"}
    assert (tmp_path / "patterns.png").stat().st_size < 300_000
