"""Commands on traffic that is drawn: monte-carlo, compare, sweep, and files that are wrong."""

import json
import sys
from pathlib import Path

import pytest

import lambdacore as lc
from lambdacore import cli

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BURST, RESERVED = EXAMPLES / "burst.toml", EXAMPLES / "burst-reserved.toml"
SHORT = ["--horizon", "20", "--replications", "4", "--warm-up", "2", "--quiet"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process; gives what it prints, or what it says when it fails."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["lambdacore", *map(str, arguments)])
        found = 0
        try:
            cli.main()
        except SystemExit as ended:
            found = ended.code or 0
        said = capsys.readouterr()
        assert found == code, (said.out, said.err)
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.err

    return run


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario file with a workload."""

    def write(workload, rest="", name="s.toml"):
        text = f"""
schema = 1
[account]
concurrency_limit = 20
unreserved_floor = 0
declare_all = true
{workload}
{rest}
"""
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return write


def table_of(printed):
    """The lines of the table, which fit a terminal; the note below wraps where there is one."""
    lines = [line for line in printed.splitlines() if line.startswith(" ")]
    assert max(map(len, lines)) <= 100
    return lines


def one(arrivals, duration="0.2", more=""):
    return f"[workload.f]\narrivals = {arrivals}\nduration = {duration}\n{more}"


def test_monte_carlo_prints_a_table_of_the_functions(run):
    printed = run("monte-carlo", BURST, *SHORT)
    lines = table_of(printed)
    for name in ("checkout", "reports", "Region"):
        assert any(line.strip().startswith(name) for line in lines), printed
    assert "4 replications of 20 s, start warm (2 s), seed 7" in " ".join(printed.split())


def test_json_holds_what_the_library_gives(run):
    report = json.loads(run("monte-carlo", BURST, *SHORT, "--json"))
    assert report["schema"] == 1
    assert (report["seed"], report["replications"], report["stream_version"]) == ("7", 4, 1)
    plan = lc.scenario.Scenario.load(BURST)
    runs = lc.monte_carlo(
        plan.account_for(plan.workload), plan.workload, horizon=20, replications=4, rng=7, warm_up=2
    )
    rows = {row["function"]: row for row in report["rows"]}
    assert list(rows) == ["checkout", "reports", "Region"]
    for name, row in rows.items():
        for statistic in ("throttle_ratio", "peak_concurrency", "cold_starts"):
            assert row[statistic]["estimate"] == float(runs.interval(statistic, name).estimate)
            assert row[statistic]["high"] == float(runs.interval(statistic, name).high)


def test_a_seed_gives_the_same_again_and_without_one_it_is_printed(run, scenario):
    path = scenario(one(30))
    first = json.loads(run("monte-carlo", path, *SHORT, "--json"))
    again = run("monte-carlo", path, *SHORT, "--json", "--seed", first["seed"])
    assert json.loads(again) == first
    other = json.loads(run("monte-carlo", path, *SHORT, "--json"))
    assert other["seed"] != first["seed"]


def test_precision_and_checkpoints_are_options_too(run, scenario, tmp_path):
    path = scenario(one(100))
    common = ["--horizon", "20", "--seed", "1", "--quiet", "--json"]
    report = json.loads(run("monte-carlo", path, *common, "--precision", "0.05"))
    ratio = next(row for row in report["rows"] if row["function"] == "Region")["throttle_ratio"]
    assert ratio["high"] - ratio["low"] <= 0.1 * ratio["estimate"]
    common += ["--replications", "6", "--checkpoint", tmp_path / "kept"]
    first = run("monte-carlo", path, *common)
    assert (tmp_path / "kept" / "manifest.json").exists()
    assert run("monte-carlo", path, *common, "--threads", "1") == first
    said = run("monte-carlo", path, *common, "--warm-up", "3", code=2)
    assert "warm_up was 0.0, now it is 3.0" in said


def test_compare_puts_accounts_side_by_side(run):
    printed = run("compare", BURST, RESERVED, *SHORT, "--tolerance", "0.5")
    assert table_of(printed)
    assert "burst-reserved: equivalent: within ±50 percentage points in the Region" in printed
    assert "baseline" in printed
    report = json.loads(run("compare", BURST, RESERVED, *SHORT, "--json", "--tolerance", "0.5"))
    assert report["verdicts"] == {"burst-reserved": "equivalent"}
    rows = [(row["function"], row["account"]) for row in report["rows"]]
    assert rows[:2] == [("checkout", "baseline"), ("checkout", "burst-reserved")]
    assert "difference" in report["rows"][1]
    assert "difference" not in report["rows"][0]
    alone = json.loads(run("monte-carlo", BURST, *SHORT, "--json"))
    assert report["rows"][0]["throttle_ratio"] == alone["rows"][0]["throttle_ratio"]


def test_compare_with_files_of_the_same_name_tells_them_apart(run, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.toml").write_text(RESERVED.read_text("utf-8"), "utf-8")
    files = [tmp_path / folder / "x.toml" for folder in "ab"]
    report = json.loads(run("compare", BURST, *files, *SHORT, "--json"))
    names = [row["account"] for row in report["rows"][:3]]
    assert names == ["baseline", "x", str(files[1])]


def test_sweep_runs_a_grid(run):
    vary = ["--vary", "concurrency_limit=40:60:10"]
    vary += ["--vary", "workload.checkout.arrivals.rate=25,50"]
    printed = run("sweep", BURST, *vary, *SHORT)
    assert table_of(printed)
    assert "concurrency_limit" in printed
    report = json.loads(run("sweep", BURST, *vary, *SHORT, "--json"))
    of_region = [row for row in report["rows"] if row["function"] == "Region"]
    points = [tuple(row["point"].values()) for row in of_region]
    assert points == [(limit, rate) for limit in (40, 50, 60) for rate in (25, 50)]
    alone = json.loads(run("monte-carlo", BURST, *SHORT, "--json"))
    region = {k: v for k, v in alone["rows"][-1].items() if k != "function"}
    assert {k: v for k, v in of_region[-1].items() if k not in ("point", "function")} == region


FORMS = {
    "concurrency_limit=30": [30],
    "concurrency_limit=30,60": [30, 60],
    "concurrency_limit=30:32": [30, 31, 32],
    "concurrency_limit=30:60:20": [30, 50],
    "checkout.reserved_concurrency=none,5": [None, 5],
    "checkout.init_duration=0.1:0.3:0.1": [0.1, 0.2, 0.1 + 2 * 0.1],
}


@pytest.mark.parametrize("vary", FORMS)
def test_ways_to_write_values(run, vary):
    report = json.loads(run("sweep", BURST, "--vary", vary, *SHORT, "--json"))
    (name,) = report["rows"][0]["point"]
    assert name == vary.partition("=")[0]
    found = [row["point"][name] for row in report["rows"] if row["function"] == "Region"]
    assert found == FORMS[vary]


WRONG = {
    "concurrency_limit": "write NAME=VALUES",
    "=5": "write NAME=VALUES",
    "concurrency_limit=": "write NAME=VALUES",
    "concurrency_limit=many": "START:STOP:STEP",
    "concurrency_limit=1:2:0": "START:STOP:STEP",
    "concurrency_limit=1:2:-1": "START:STOP:STEP",
    "concurrency_limit=1:2:3:4": "START:STOP:STEP",
    "concurrency_limit=1:inf": "START:STOP:STEP",
    "concurrency_limit=nan:5": "START:STOP:STEP",
    "concurrency_limit=1:5:nan": "START:STOP:STEP",
    "concurrency_limit=-inf:5:inf": "START:STOP:STEP",
    "concurrency_limit=none:5": "START:STOP:STEP",
    "concurrency_limit=5,,6": "START:STOP:STEP",
    "concurrency_limit=0:9999999": "START:STOP:STEP",
}
REFUSED = {
    "concurrency_limit=9:5": "START:STOP:STEP|at least one",
    "concurency_limit=5": "did you mean 'concurrency_limit'",
    "workload.chekout.arrivals.rate=5": "did you mean 'checkout'",
    "concurrency_limit=-5": "at concurrency_limit = -5",
}


@pytest.mark.parametrize("vary", WRONG)
def test_values_that_are_none_are_a_usage_error(run, vary):
    assert WRONG[vary] in " ".join(run("sweep", BURST, "--vary", vary, *SHORT, code=2).split())


@pytest.mark.parametrize("vary", REFUSED)
def test_parameters_that_cannot_be_are_refused_by_name(run, vary):
    said = " ".join(run("sweep", BURST, "--vary", vary, *SHORT, code=2).split())
    assert any(part in said for part in REFUSED[vary].split("|")), said


def test_a_name_given_twice_and_none_at_all_are_usage_errors(run):
    twice = ["--vary", "concurrency_limit=5", "--vary", "concurrency_limit=6"]
    assert "given twice" in run("sweep", BURST, *twice, *SHORT, code=2)
    assert "--vary" in run("sweep", BURST, *SHORT, code=2)


def test_what_is_missing_is_named(run, scenario):
    assert "--horizon" in run("monte-carlo", scenario(one(5)), code=2)
    assert "no workload" in run("monte-carlo", scenario(""), *SHORT, code=2)
    assert "no-such.toml" in run("monte-carlo", "no-such.toml", *SHORT, code=2)
    lonely = scenario(one(5)).read_text("utf-8").replace("declare_all = true", "")
    path = scenario("", name="lonely.toml")
    path.write_text(lonely, "utf-8")
    assert "[functions.f]" in run("monte-carlo", path, *SHORT, code=2)


def test_a_function_that_nothing_invokes_is_noted(scenario, capsys, monkeypatch):
    path = scenario(one(5), "[functions.ff]\nreserved_concurrency = 3")
    monkeypatch.setattr(sys, "argv", ["lambdacore", "monte-carlo", str(path), *SHORT])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    said = capsys.readouterr()
    assert "'ff', which nothing invokes (did you mean 'f'?)" in said.err
    assert "Region" in said.out


BAD = {
    "arivals = 5\narrivals = 5\nduration = 1": r"workload.f.arivals (did you mean 'arrivals'",
    "duration = 1": "workload.f: arrivals is missing",
    "arrivals = 5": "workload.f: duration is missing",
    "arrivals = -5\nduration = 1": "workload.f",
    'arrivals = "often"\nduration = 1': "workload.f",
    'arrivals = { kind = "poison", rate = 5 }\nduration = 1': "did you mean 'poisson'",
    'arrivals = { kind = "poisson", rat = 5 }\nduration = 1': "did you mean 'rate'",
    'arrivals = { kind = "poisson" }\nduration = 1': "rate",
    "arrivals = { rate = 5 }\nduration = 1": "kind is missing",
    'arrivals = 5\nduration = { kind = "lognormal", mean = 1, cvv = 2 }': "did you mean 'cv'",
    'arrivals = 5\nduration = { kind = "poisson", rate = 2 }': "workload.f.duration.kind",
    'arrivals = 5\nduration = 1\ninit = "slow"': "init",
    "arrivals = []\nduration = 1": "workload.f",
    'arrivals = { kind = "cron", expression = "99 * * * *" }\nduration = 1': "workload.f",
    'arrivals = { kind = "recorded", trace = "missing.csv" }': "missing.csv",
    'arrivals = { kind = "poisson", rate = { daily = [] } }\nduration = 1': "workload.f",
    'arrivals = { kind = "poisson", rate = { ramp = { from = 1 } } }\nduration = 1': "workload.f",
}


@pytest.mark.parametrize("table", BAD)
def test_a_wrong_table_is_named_with_a_near_key(run, scenario, table):
    said = run("monte-carlo", scenario(f"[workload.f]\n{table}"), *SHORT, code=2)
    assert BAD[table] in " ".join(said.split())


SETTINGS = {
    "horizont = 5": "did you mean 'horizon'",
    "horizon = -5": "horizon = -5",
    'horizon = "long"\nreplications = 2': "horizon = 'long'",
    "horizon = 5\nreplications = 0": "replications = 0",
    "horizon = 5\nseed = -1": "-1",
    'horizon = 5\nstart = "hot"': "start = 'hot'",
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_wrong_settings_are_named(run, scenario, settings):
    path = scenario(one(5), f"[monte_carlo]\n{settings}")
    assert SETTINGS[settings] in " ".join(run("monte-carlo", path, "--quiet", code=2).split())


def load(path):
    return lc.scenario.Scenario.load(path).workload["f"]


def test_rates_cron_and_lists_are_read(run, scenario):
    tables = {
        '{ kind = "poisson", rate = { daily = [1, 5, 9] } }': lc.Poisson(lc.Rate.daily([1, 5, 9])),
        '{ kind = "poisson", rate = { ramp = { before = 1, after = 9, start = 2, end = 5 } } }':
            lc.Poisson(lc.Rate.ramp(1, 9, 2, 5)),
        '{ kind = "poisson", rate = { step = { before = 1, after = 9, at = 2 } } }':
            lc.Poisson(lc.Rate.step(1, 9, 2)),
        '{ kind = "poisson", rate = { steps = { times = [0, 3], rates = [4, 2], period = 6 } } }':
            lc.Poisson(lc.Rate.steps([0, 3], [4, 2], 6)),
        '{ kind = "poisson", rate = { pieces = [[0, 1, 5]], period = 4 } }':
            lc.Poisson(lc.Rate([(0, 1, 5)], 4)),
        '{ kind = "cron", expression = "*/1 * * * *", count = 7 }':
            lc.Cron("*/1 * * * *", count=7),
        '[5, { kind = "every", period = 60, count = 20 }]': lc.Poisson(5) + lc.Every(60, count=20),
        '{ kind = "batches", of = { kind = "poisson", rate = 3 }, size = 4 }': lc.Batches(3, 4),
    }  # fmt: skip
    for table, expected in tables.items():
        path = scenario(one(table, '{ kind = "gamma", mean = 0.5, cv = 2 }', "init = 0.3"))
        assert load(path) == lc.Stream(expected, lc.Gamma(0.5, 2), lc.Constant(0.3)), table
        assert "Region" in run("monte-carlo", path, *SHORT)


def test_recorded_traffic_is_read_from_beside_the_file(run, scenario, tmp_path):
    trace = lc.Trace([0.0, 1.0, 1.0, 4.0, 9.0], ["f", "g", "f", "f", "f"], 0.5)
    lc.write_trace(trace, tmp_path / "calls.csv")
    table = '{ kind = "recorded", trace = "calls.csv", function = "f", block = 2 }'
    path = scenario(f"[workload.f]\narrivals = {table}")
    assert load(path) == lc.Stream(lc.Recorded.from_trace(trace, "f", block=2))
    report = json.loads(run("monte-carlo", path, *SHORT, "--json", "--seed", "1"))
    assert report["rows"][0]["arrivals"]["estimate"] > 0
    other, slip = table.replace('"f"', '"h"'), table.replace("block", "blok")
    wrong = scenario(f"[workload.f]\narrivals = {other}")
    assert "function = 'h' is not known" in run("monte-carlo", wrong, *SHORT, code=2)
    wrong = scenario(f"[workload.f]\narrivals = {slip}")
    assert "workload.f.arrivals" in run("monte-carlo", wrong, *SHORT, code=2)
