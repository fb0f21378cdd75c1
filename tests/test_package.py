"""The package as others meet it: light to import, typed, honest about its build."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import lambdacore as lc

HEAVY = ["click", "rich", "matplotlib", "pandas", "polars", "xarray", "hypothesis", "scipy"]


def test_importing_lambdacore_imports_nothing_heavier_than_numpy():
    code = f"import lambdacore, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_documented():
    for name in lc.__all__:
        assert getattr(lc, name).__doc__, name


def test_the_distribution_is_typed_and_has_the_engines_version():
    package = Path(lc.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()
    assert metadata.version("lambdacore-sim") == lc.__version__


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("pandas", "result.to_pandas()", "frames"),
        ("polars", "result.to_polars()", "frames"),
        ("xarray", "result.to_xarray()", "frames"),
        ("pandas", "result.summary().to_pandas()", "frames"),
        (
            "matplotlib",
            "import lambdacore.plot as p; p.ConcurrencyDisplay.from_result(result)",
            "plot",
        ),
        ("hypothesis", "from lambdacore.testing import traces", "testing"),
    ],
)
def test_a_missing_extra_is_named_with_how_to_install_it(package, call, extra):
    """Extras are imported where they are needed, and their absence says what to do."""
    code = f"""
import sys
sys.modules[{package!r}] = None
import lambdacore as lc
trace = lc.Trace([0.0], "f", 1.0)
result = lc.simulate(lc.Account.for_trace(trace), trace)
try:
    {call}
except lc.LambdacoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"pip install 'lambdacore-sim[{extra}]'" in done.stdout
