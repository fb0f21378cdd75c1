#!/usr/bin/env python3
"""Weakens the memory orderings of the live controller one at a time; the models must notice.

For each `Ordering` in `src/controller/` that is stronger than relaxed the engine is copied,
that one is weakened, and the models run until one fails. An ordering that no model misses is
either not needed, and then should not be there, or has an entry in `EXEMPT` that says why the
model checker cannot miss it. Exit 1 where neither holds.

    python tools/orderings.py [--only TEXT] [--trust] [--list]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WEAKER = {"AcqRel": ("Acquire", "Release"), "Acquire": ("Relaxed",), "Release": ("Relaxed",)}

# Models run in this order, the quickest to notice first; then all others.
FIRST = ("permits::", "changes::a_function", "changes::prov", "pools::a_list", "changes::")
# A model is given up after so many seconds: then it has not noticed.
PATIENCE = 60

# "file function from to": why no model misses it.
_REST = (
    "without the pair a request might be counted before the store that rests a new gate, and be "
    "lost: a read that takes effect after a later write of its own thread, which the model "
    "checker does not explore"
)
EXEMPT: dict[str, str] = {
    "gate.rs limit Acquire Relaxed": _REST,
    "gate.rs set_limit Release Relaxed": _REST,
}


class Weakening(NamedTuple):
    """One ordering of the source, and what it becomes."""

    path: Path
    line: int
    column: int
    function: str
    before: str
    after: str

    @property
    def key(self) -> str:
        """Name it as the table of exemptions does."""
        return f"{self.path.name} {self.function} {self.before} {self.after}"


def weakenings(source: Path) -> list[Weakening]:
    """Find all that can be weakened in the controller."""
    found = []
    for path in sorted(source.glob("*.rs")):
        if path.name == "tests.rs":
            continue
        function, twin = "", 0
        for number, line in enumerate(path.read_text().splitlines()):
            code = line.split("//")[0]
            if "mod tests" in code:
                break
            if match := re.search(r"\bfn (\w+)", code):
                function = match[1]
            if "// Twin:" in line:
                twin = number + 1  # the line after that is one of the broken twin
            if twin and number == twin:
                continue
            for match in re.finditer(r"Ordering::(\w+)", code):
                place = (path, number, match.start(1), function, match[1])
                found.extend(Weakening(*place, after) for after in WEAKER.get(match[1], ()))
    return found


def copy(to: Path) -> Path:
    """Copy what the models need into a workspace of its own."""
    shutil.copytree(ROOT / "rust" / "lambdacore", to / "rust" / "lambdacore")
    manifest = (ROOT / "Cargo.toml").read_text()
    members = 'members = ["rust/lambdacore"]'
    (to / "Cargo.toml").write_text(re.sub(r"members = \[[^]]*\]", members, manifest))
    shutil.copy(ROOT / "Cargo.lock", to)
    shutil.copy(ROOT / "README.md", to)
    return to / "rust" / "lambdacore" / "src" / "controller"


def build(workspace: Path) -> Path:
    """Build the models, quickly; the test binary."""
    quick = {"LTO": "off", "CODEGEN_UNITS": "16", "DEBUG": "0", "INCREMENTAL": "true"}
    env = os.environ | {f"CARGO_PROFILE_RELEASE_{key}": value for key, value in quick.items()}
    env |= {"RUSTFLAGS": "--cfg loom", "CARGO_TARGET_DIR": str(workspace / "target")}
    command = ["cargo", "test", "--release", "-p", "lambdacore", "--test", "loom", "--no-run"]
    done = subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    binary = re.findall(r"Executable .*\((.*)\)", done.stderr)[-1]
    return workspace / binary


def models(binary: Path) -> list[str]:
    """List the models, without those of twins, the quickest first."""
    listed = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^(\S+): test$", listed, re.MULTILINE)
    names = [name for name in names if not name.endswith("is_found")]
    place = {name: [name.startswith(first) for first in (*FIRST, "")].index(True) for name in names}
    return sorted(names, key=lambda name: (place[name], name))


def noticed(binary: Path) -> str | None:
    """Name the first model that fails."""
    for name in models(binary):
        try:
            done = subprocess.run(
                [binary, "--exact", name, "--test-threads=1"],
                capture_output=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            continue
        if done.returncode:
            return name
    return None


def main() -> int:
    """Weaken one ordering after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="weakenings with this in their name")
    parser.add_argument("--trust", action="store_true", help="do not run with nothing weakened")
    parser.add_argument("--list", action="store_true", help="only say what would be weakened")
    arguments = parser.parse_args()
    source = ROOT / "rust" / "lambdacore" / "src" / "controller"
    if arguments.list:
        for one in weakenings(source):
            print(f"{one.key} (line {one.line + 1})")
        return 0
    missed = []
    with tempfile.TemporaryDirectory() as directory:
        source = copy(Path(directory))
        if not arguments.trust and (name := noticed(build(Path(directory)))):
            sys.exit(f"{name} fails with nothing weakened")
        for one in weakenings(source):
            if arguments.only not in one.key:
                continue
            begin, whole = time.monotonic(), one.path.read_text()
            lines = whole.splitlines(keepends=True)
            line, end = lines[one.line], one.column + len(one.before)
            lines[one.line] = line[: one.column] + one.after + line[end:]
            one.path.write_text("".join(lines))
            name = noticed(build(Path(directory)))
            one.path.write_text(whole)
            result = f"noticed by {name}" if name else "NOT NOTICED"
            if not name and one.key in EXEMPT:
                result = f"exempt: {EXEMPT[one.key]}"
            elif not name:
                missed.append(one.key)
            where = f"{one.key} (line {one.line + 1})"
            print(f"{where}: {result}, {time.monotonic() - begin:.0f} s", flush=True)
    for key in missed:
        print(f"no model notices: {key}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
