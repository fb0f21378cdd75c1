"""Build wheel and sdist, install each in a clean environment, and run the tests there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PAGES = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")
EXTRAS = "[plot,frames,testing]"


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, showing it."""
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def check(package: Path) -> None:
    """Install one package where nothing else is, and run the tests from outside the tree."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        constraint = ("--quiet", "--constraint", ROOT / "constraints.txt")
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
        run(python, "-m", "pip", "install", *constraint, f"{package}{EXTRAS}")
        run(python, "-m", "pip", "install", *constraint, "--group", f"{ROOT}/pyproject.toml:dev")
        # The tests, but not the source: what is imported is what was installed.
        for name in ("tests", "examples", "docs", "benches", "pyproject.toml", *PAGES):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, place / name)
        os.environ.setdefault("LAMBDACORE_DATA", str(ROOT.parent / "shared" / "data"))
        run(python, "-m", "pytest", "-q", cwd=place)


def main() -> None:
    """Build both and check both."""
    shutil.rmtree(DIST, ignore_errors=True)
    maturin = Path(sys.executable).with_name("maturin")
    run(maturin, "build", "--release", "--locked", "--out", DIST)
    run(maturin, "sdist", "--out", DIST)
    for package in sorted(DIST.iterdir()):
        check(package)
    print("good:", *(package.name for package in sorted(DIST.iterdir())))


if __name__ == "__main__":
    main()
