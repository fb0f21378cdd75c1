"""Documentation that is true: every example in it runs here."""

import doctest
import importlib
import pkgutil
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lambdacore as lc
from lambdacore import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


def run_doctest(test):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
    return runner.tries


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_example_of_a_page_gives_what_it_shows(page):
    text = "".join(fenced(page, "python"))
    names = {}
    test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)
    tried = run_doctest(test)
    assert tried == len(test.examples)
    if page.name == "README.md":
        assert tried > 10


MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(lc.__path__, "lambdacore.")
    if name != "lambdacore._core"
]


def test_every_example_in_a_docstring_gives_what_it_shows():
    tried = 0
    for name in ["lambdacore", *MODULES]:
        for test in doctest.DocTestFinder().find(importlib.import_module(name)):
            if test.examples:
                tried += run_doctest(test)
    assert tried > 15


def test_every_command_of_the_readme_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    names = ["checkout", "reports"]
    arrival = np.sort(rng.uniform(0, 3600, 20_000))
    trace = lc.Trace(arrival, rng.integers(0, 2, 20_000), 5.0, names)
    lc.write_trace(trace, "hour.csv")
    (toml,) = fenced(ROOT / "README.md", "toml")
    Path("scenario.toml").write_text(toml, "utf-8")
    shutil.copytree(ROOT / "examples", "examples")
    commands = [
        line.removeprefix("$ lambdacore ")
        for block in fenced(ROOT / "README.md", "console")
        for line in block.splitlines()
        if line.startswith("$ lambdacore ")
    ]
    assert len(commands) >= 4
    for command in commands:
        if "--plot" in command:
            pytest.importorskip("matplotlib", reason="the extra plot is not installed")
        run = CliRunner().invoke(cli.cli, shlex.split(command), catch_exceptions=False)
        assert run.exit_code == 0, (command, run.output)
    assert Path("hour.png").read_bytes().startswith(b"\x89PNG")


def test_every_file_that_the_documentation_names_is_there():
    """The rules name the file that carries them out; a link names what it shows."""
    for page in [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "benches" / "README.md"]:
        if not page.exists():  # in a clean environment only what the tests need is copied
            continue
        text = page.read_text("utf-8")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), (page.name, link)


def test_the_rules_name_existing_code_files():
    sources = ROOT / "rust" / "lambdacore" / "src"
    if not sources.exists():
        pytest.skip("the engine's source is not here: only an installed package is tested")
    binding = ROOT / "rust" / "lambdacore-python" / "src"
    python = ROOT / "python" / "lambdacore"
    benches = ROOT / "benches" / "rust" / "src"
    for page in (ROOT / "docs" / "rules.md", ROOT / "ARCHITECTURE.md"):
        named = re.findall(r"`([\w/]+\.(?:rs|py))`", page.read_text("utf-8"))
        assert len(named) > 5
        for name in named:
            folders = (
                ROOT,
                sources,
                sources.parent / "tests",
                binding,
                python,
                ROOT / "tests",
                benches,
            )
            places = [folder / name for folder in folders]
            assert any(place.exists() for place in places), (page.name, name)
