"""What tests of several files share."""

import csv
import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

import lambdacore as lc

# The same examples in every run: a test that fails once fails until it is mended.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository, which is no part of the project."""
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("LAMBDACORE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set LAMBDACORE_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def analytic_reference(shared_data):
    """Rows of (model, parameters, quantity, value), computed with 40 digits."""
    with (shared_data / "analytic_reference.csv").open(newline="") as file:
        return [
            (row["model"], json.loads(row["params"]), row["quantity"], float(row["value"]))
            for row in csv.DictReader(file)
        ]


@pytest.fixture
def write_and_read_azure2019(tmp_path):
    """Writes lines to calls.csv and lengths.csv, and reads them as a workload."""

    def write_and_read(calls, lengths, **options):
        for name, lines in (("calls.csv", calls), ("lengths.csv", lengths)):
            (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return lc.read_azure2019(tmp_path / "calls.csv", tmp_path / "lengths.csv", **options)

    return write_and_read
