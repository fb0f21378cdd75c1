"""`lambdacore bench admission`: runs from a source tree, says what is missing, draws."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lambdacore as lc
from lambdacore import _cli_bench

ROOT = Path(__file__).parents[1]

CELL = {
    "linearizable": True,
    "limit": 8,
    "admitted_ratio": 1.0,
    "cores": 1.9,
    "ns_per_operation": 12.5,
    "operations_per_second": 8e7,
    "interval_ns": 130.0,
    "p50_ns": 60.0,
    "p99_ns": 900.0,
    "p999_ns": 30_000.0,
    "checked_calls": 1_000,
    "over_admissions": 0,
    "spurious_refusals": 0,
    "most_held": 8,
    "fairness": 1.0,
}


def document():
    """What the benchmark prints, without measuring: one algorithm is faulty with two threads."""
    cells = [
        {
            **CELL,
            "algorithm": name,
            "linearizable": name == "lambdacore",
            "threads": threads,
            "keys": keys,
            "admit": admit,
            "over_admissions": 3 if name == "check-then-act" and threads == 2 else 0,
        }
        for keys in (1, 8)
        for admit in (100, 50)
        for threads in (1, 2)
        for name in ("lambdacore", "check-then-act")
    ]
    return {"schema": 1, "hardware_threads": 2, "clock_ns": 25.0, "cells": cells}


def run(*arguments, code=0, cwd=None, **environment):
    command = [sys.executable, "-c", "from lambdacore.cli import main; main()", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.skipif(_cli_bench.source_tree() is None, reason="no source tree")
def test_the_source_tree_is_that_of_the_package_or_above_the_present_folder():
    assert (_cli_bench.source_tree() / "benches/rust/Cargo.toml").is_file()
    assert _cli_bench.source_tree(ROOT / "tests") is not None


def test_without_a_source_tree_it_says_where_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(lc, "__file__", str(tmp_path / "lambdacore/__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert _cli_bench.source_tree() is None
    with pytest.raises(lc.LambdacoreError, match="source tree"):
        _cli_bench._run("admission")


def test_without_cargo_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(_cli_bench, "source_tree", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(lc.LambdacoreError, match="cargo is needed"):
        _cli_bench._run("admission")


def test_the_table_marks_what_is_not_linearizable_and_what_is_faulty():
    from rich.console import Console

    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(_cli_bench._table(document()))
    console.file.close()
    printed = console.export_text()
    assert "check-then-act*" in printed
    assert "lambdacore*" not in printed
    assert "1 pool, room for 50 %" in printed
    assert "8 pools, room for 100 %" in printed
    faulty = [line for line in printed.splitlines() if " 3 " in line]
    assert len(faulty) == 4
    assert all("check-then-act" in line for line in faulty)


def test_the_picture_has_a_panel_for_each_situation_and_a_cross_at_each_fault():
    pytest.importorskip("matplotlib")
    figure = _cli_bench.draw(document())
    assert len(figure.axes) == 4
    for ax in figure.axes:
        assert [line.get_label() for line in ax.lines] == ["lambdacore", "check-then-act"]
        (crosses,) = ax.collections
        assert crosses.get_offsets().tolist() == [[2, 80]]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "check-then-act: over-admits" in words
    assert "lambdacore" in words


def test_a_picture_with_an_odd_number_of_panels_has_no_empty_one():
    pytest.importorskip("matplotlib")
    some = document()
    some["cells"] = [cell for cell in some["cells"] if (cell["keys"], cell["admit"]) != (8, 50)]
    assert len(_cli_bench.draw(some).axes) == 3


def test_bad_options_end_with_usage():
    assert "png" in run("bench", "admission", "--plot", "figure.txt", code=2)
    assert "No such option" in run("bench", "admission", "--nonsense", code=2)


@pytest.mark.skipif(
    os.environ.get("LAMBDACORE_BENCH") is None, reason="builds Rust; set LAMBDACORE_BENCH=1"
)
def test_a_quick_run_measures_and_finds_the_controller_without_fault():
    printed = run(
        "bench", "admission", "--quick", "--json", "--algorithms", "lambdacore,mutex",
        "--admit", "50",
    )  # fmt: skip
    report = json.loads(printed)
    assert report["schema"] == 1
    assert {cell["algorithm"] for cell in report["cells"]} == {"lambdacore", "mutex"}
    for cell in report["cells"]:
        assert cell["over_admissions"] == cell["spurious_refusals"] == 0
        assert cell["most_held"] <= cell["limit"]
        assert 0 < cell["fairness"] <= 1
        assert cell["checked_calls"] == 100_000 * cell["threads"]
