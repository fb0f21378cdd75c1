"""Instructions an invocation of the engine's replay, counted by valgrind's callgrind.

    python benches/instructions.py [ROWS]

Counts do not depend on what else the machine does, so that a regression of a few per cent shows.
What is compared: `pools` and `environments` are the plain case, in which provisioned concurrency,
request rates and changes are not even compiled in; `rates` is the default profile; `all` has
reserved and provisioned pools, sliding scaling windows, counted attempts and a hundred changes.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = ("pools", "environments", "rates", "all")


def main() -> None:
    """Build, count each case and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    build = (
        "cargo",
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "lambdacore-benches",
    )
    subprocess.run(build, check=True)
    binary = Path("target/release/instructions")
    print(f"{rows:,} invocations of 100 functions, 1,000 in flight; instructions an invocation")
    for case in CASES:
        # What a run takes before its first invocation falls out of the difference.
        more = count(binary, case, 2 * rows) - count(binary, case, rows)
        print(f"{case:>14} {more / rows:8.1f}")


def count(binary: Path, case: str, rows: int) -> int:
    """Count the instructions of one replay, generation of the traffic left out."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
            "--toggle-collect=*instructions::replay*", str(binary), case, str(rows),
        ]  # fmt: skip
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = re.search(r"Collected : (\d+)", said)
    assert found is not None, said
    return int(found[1])


if __name__ == "__main__":
    main()
