"""The command line: tables, JSON, exit codes, and what a bad scenario file gets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lambdacore as lc

SCENARIO = """
schema = 1
trace = "calls.csv"
[account]
concurrency_limit = 3
unreserved_floor = 0
[functions.a]
reserved_concurrency = 1
[functions.b]
"""


@pytest.fixture
def folder(tmp_path):
    trace = lc.Trace([0.0, 0.0, 0.0, 0.0, 70.0], ["a", "a", "b", "b", "b"], 1.5)
    lc.write_trace(trace, tmp_path / "calls.csv")
    (tmp_path / "calls.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


def run(folder, *arguments, code=0):
    """Run the installed command as a process; gives what it prints."""
    command = [sys.executable, "-c", "from lambdacore.cli import main; main()", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def test_simulate_prints_the_summary_of_a_scenario(folder):
    printed = run(folder, "simulate", "calls.toml")
    assert "Region" in printed
    assert "reserved 1" in printed
    assert "because" in printed
    assert "unreserved: 2 of 3" in printed


def test_simulate_takes_a_trace_with_a_limit_and_reservations(folder):
    printed = run(
        folder, "simulate", "--trace", "calls.csv", "--limit", "101", "--reserve", "a=1", "--json"
    )
    report = json.loads(printed)
    assert report["schema"] == 1
    rows = {row["function"]: row for row in report["summary"]["functions"]}
    assert rows["a"]["throttles"] == 1
    assert rows["b"]["limit"] is None
    assert report["summary"]["region"]["limit"] == 101
    assert report["data_quality"] == {"rows_read": 5, "rows_skipped": 0, "shifted_ns": 0}
    assert len(report["provenance"]["trace"]["sha256"]) == 64


def test_options_override_the_scenario(folder):
    report = json.loads(
        run(folder, "simulate", "calls.toml", "--limit", "2", "--reserve", "a=2", "--json")
    )
    throttles = {row["function"]: row["throttles"] for row in report["summary"]["functions"]}
    assert throttles == {"a": 0, "b": 3}


def test_a_period_adds_series(folder):
    report = json.loads(run(folder, "simulate", "calls.toml", "--period", "60", "--json"))
    assert report["series"]["bin_starts_ns"] == [0, 60_000_000_000]
    assert report["series"]["region_concurrency"] == [3, 1]
    assert report["series"]["functions"][0]["throttles"] == [1, 0]
    printed = run(folder, "simulate", "calls.toml", "--period", "60")
    assert "60 s" in printed


def test_the_picture_is_written(folder):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    run(folder, "simulate", "calls.toml", "--plot", "picture.png")
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_required_prints_the_smallest_limits(folder):
    report = json.loads(run(folder, "required", "calls.csv", "--json"))
    assert report["account"]["required"] == 4
    assert [row["required"] for row in report["functions"]] == [2, 2]
    assert "one shared pool" in run(folder, "required", "calls.csv", "--throttle-ratio", "0.5")


def test_a_trace_may_stand_where_a_scenario_is_meant_and_the_other_way_round(folder):
    assert "Region" in run(folder, "simulate", "calls.csv")
    assert "one shared pool" in run(folder, "required", "--trace", "calls.csv")


def test_a_line_above_the_table_shows_the_units_at_a_glance(folder):
    printed = run(folder, "simulate", "calls.csv")
    assert printed.startswith("5 arrivals of 2 functions in 70 s, mean duration 1.5 s\n")


def test_the_help_keeps_its_examples_on_lines_of_their_own(folder):
    printed = run(folder, "simulate", "--help")
    assert "\b" not in printed
    assert "\\b" not in printed
    assert "\n  lambdacore simulate scenario.toml\n" in printed


def test_required_says_when_its_pure_pool_is_not_enough(folder):
    """3,000 calls at once need 3,000, and the scaling rate lets 1,000 begin."""
    lc.write_trace(lc.Trace([0] * 3_000, "f", 10**9), folder / "burst.csv")
    assert "scaling rate 2,000, account rate 0 of 2,000" in run(folder, "required", "burst.csv")
    report = json.loads(run(folder, "required", "burst.csv", "--json"))
    assert report["account"]["required"] == 3_000
    assert report["check"]["throttles"] == 2_000
    assert "note:" not in run(folder, "required", "calls.csv")


def test_account_values_can_be_given(folder):
    report = json.loads(
        run(
            folder, "simulate", "calls.csv", "--init-duration", "2", "--idle-timeout", "inf",
            "--unreserved-floor", "0", "--limit", "3", "--reserve", "a=3", "--json",
        )
    )  # fmt: skip
    made = report["provenance"]["account"]
    assert (made["init_duration"], made["idle_timeout"]) == (2.0, "inf")
    assert made["unreserved_floor"] == 0


def test_a_scenario_that_lists_what_is_never_invoked_gets_a_note(folder):
    text = SCENARIO.replace("[functions.b]", "[functions.bb]").replace(
        "unreserved_floor = 0", "unreserved_floor = 0\ndeclare_all = true"
    )
    (folder / "calls.toml").write_text(text, "utf-8-sig")
    command = [sys.executable, "-c", "from lambdacore.cli import main; main()"]
    done = subprocess.run(
        [*command, "simulate", "calls.toml"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "note: the scenario lists 'bb', which the trace never invokes" in done.stderr


def test_a_command_is_installed():
    script = Path(sys.executable).with_name("lambdacore")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert lc.__version__ in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate"], "give a SCENARIO file, or --trace FILE"),
        (["simulate", "none.toml"], "none.toml"),
        (["simulate", "--trace", "none.csv"], "none.csv"),
        (["simulate", "--trace", "calls.csv", "--reserve", "a"], "write NAME=NUMBER"),
        (["simulate", "--trace", "calls.csv", "--reserve", "a=1", "--reserve", "a=2"], "twice"),
        (["simulate", "--trace", "calls.csv", "--reserve", "c=1"], "no function 'c'"),
        (["simulate", "--trace", "calls.csv", "--reserve", "a=950"], "at most 900"),
        (["simulate", "--trace", "calls.csv", "--limit", "-1"], "limit = -1 is out of range"),
        (["simulate", "--trace", "calls.csv", "--limit", "x"], "not a valid integer"),
        (["simulate", "--trace", "calls.csv", "--period", "0"], "period"),
        (["simulate", "--trace", "calls.csv", "--format", "cvs"], "did you mean 'csv'"),
        (["required", "calls.csv", "--throttle-ratio", "2"], "throttle_ratio"),
        (["simulate", "--trace", "calls.csv", "--period", "nan"], "period"),
        (["simulate", "--trace", "calls.csv", "--plot", "out.xyz"], "end the name in .png"),
        (["simulate", "--trace", "calls.csv", "--plot", "noext"], "end the name in .png"),
        (["simulate", "--trace", "calls.csv", "--plot", "."], "end the name in .png"),
        (["simulate", "--trace", "calls.csv", "--plot", "nowhere/x.png"], "no folder"),
        (["simulate", "--trace", "calls.csv", "--reserve", "a=" + "9" * 5000], "NAME=NUMBER"),
        (["simulate", "--trace", "calls.csv", "--reserve", "a=\u0663"], "NAME=NUMBER"),
        (["simulate", "--trace", "calls.csv", "--init-duration", "-1"], "init_duration"),
        (["simulate", "."], "directory"),
        (["required"], "give a TRACE"),
        (["required", "none.csv"], "none.csv: No such file"),
        (["simulte"], "No such command"),
    ],
)
def test_bad_usage_and_bad_input_end_with_code_2_and_one_clear_line(folder, arguments, words):
    """Exit codes: 0 done, 2 usage or bad input."""
    assert words in run(folder, *arguments, code=2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("schema = 1", "schema = 2"), "this version reads schema = 1"),
        (("schema = 1", ""), "add schema = 1"),
        (("schema = 1", "schema = true"), "schema = True"),
        (("schema = 1", "schema = 1.0"), "schema = 1.0"),
        (("schema = 1", "schema = 1\nx = " + "[" * 3000), "nested too deeply"),
        (("schema = 1", "schema = " + "1" * 5000), "no TOML"),
        (('"calls.csv"', '"a\\u0000b"'), "NUL"),
        (("concurrency_limit", "concurency_limit"), "did you mean 'concurrency_limit'"),
        (("reserved_concurrency = 1", "reserved = 1"), "functions.a.reserved"),
        (("reserved_concurrency = 1", "reserved_concurrency = 1.5"), "functions.a: reserved"),
        (("reserved_concurrency = 1", "reserved_concurrency = true"), "boolean"),
        (("reserved_concurrency = 1", "reserved_concurrency = 4"), "at most 3"),
        (("[functions.b]", ""), "does not declare"),
        (("[functions.b]", "[function.b]"), "did you mean 'functions'"),
        (('trace = "calls.csv"', ""), "names no trace"),
        (('trace = "calls.csv"', "trace = 3"), "a table is needed"),
        (('trace = "calls.csv"', 'trace = {path = "calls.csv", lenient = 1}'), "trace.lenient"),
        (("[account]", "[account"), "no TOML"),
        (("unreserved_floor = 0", 'profile = "pools"'), "profile"),
        (("unreserved_floor = 0", "profile = {scalling = 'off'}"), "did you mean 'scaling'"),
    ],
)
def test_a_bad_scenario_is_refused_by_path_and_key(folder, change, words):
    (folder / "calls.toml").write_text(SCENARIO.replace(*change), "utf-8")
    said = run(folder, "simulate", "calls.toml", code=2)
    assert words in said
    if not any(word in words for word in ("declare", "names no", "NUL")):
        assert "calls.toml" in said


def test_a_scenario_may_declare_all_functions_and_change_the_profile(folder):
    text = SCENARIO.replace("[functions.b]", "").replace(
        "unreserved_floor = 0",
        "unreserved_floor = 0\ndeclare_all = true\nidle_timeout = inf\n"
        "profile = {name = 'pools-2026', scaling_burst = 1}",
    )
    (folder / "calls.toml").write_text(text, "utf-8")
    report = json.loads(run(folder, "simulate", "calls.toml", "--json"))
    rows = {row["function"]: row for row in report["summary"]["functions"]}
    assert rows["b"]["scaling_rate"] == 1
    assert report["provenance"]["account"]["idle_timeout"] == "inf"


def test_provisioned_concurrency_may_be_given_for_an_alias_that_the_trace_does_not_name(folder):
    lc.write_trace(lc.Trace([0.0, 0.0], ["f", "f:live"], 1.0), folder / "calls.csv")
    said = run(folder, "simulate", "calls.csv", "--provision", "f:blue=3", "--json")
    assert json.loads(said)["summary"]["functions"][0]["provisioned"] == 1
    lc.write_trace(lc.Trace([0.0, 0.0], ["f", "f"], 1.0), folder / "plain.csv")
    said = run(folder, "simulate", "plain.csv", "--provision", "f=1", "--json")
    assert json.loads(said)["summary"]["functions"][0]["provisioned"] == 1
