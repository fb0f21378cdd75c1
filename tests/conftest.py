"""What tests of several files share."""

import csv
import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

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
