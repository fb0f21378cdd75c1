"""Instructions an invocation of the engine, counted by valgrind's callgrind.

    python benches/instructions.py [--rows ROWS]        # print them
    python benches/instructions.py --gate [--accept]    # compare them with instructions.json

Counts do not depend on what else the machine does, so that a regression of a few per cent shows;
they do depend on the compiler, whose version stands beside them. What is compared: `pools` and
`environments` are the plain case, in which provisioned concurrency, request rates and changes are
not even compiled in; `rates` is the default profile; `all` has reserved and provisioned pools,
sliding scaling windows, counted attempts and a hundred changes. `monte-carlo` draws its calls, for
one pool; `sweep-64` runs them against 64 limits and counts each call as often.

The gate fails where a case needs over 3 % more than what was accepted. What is faster should be
accepted too, so that it stays.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = ("pools", "environments", "rates", "all", "monte-carlo", "sweep-64")
ACCEPTED = Path(__file__).with_suffix(".json")
ALLOWED = 0.03
BINARY = Path("target/release/instructions")


def main() -> int:
    """Build, count each case, print; with `--gate` also compare."""
    parser = argparse.ArgumentParser(prog="python benches/instructions.py", description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--rows", type=int, default=200_000, help="invocations of a case")
    parser.add_argument("--gate", action="store_true", help="fail where a case needs more")
    parser.add_argument("--accept", action="store_true", help="keep the new figures")
    chosen = parser.parse_args()
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
    accepted = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    compiler = subprocess.run(["rustc", "-V"], capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = {}
    worse = []
    print(f"{chosen.rows:,} invocations, 1,000 in flight; instructions an invocation")
    for case in CASES:
        found[case] = each(case, chosen.rows)
        before = accepted.get("instructions", {}).get(case)
        change = "" if before is None else f"{found[case] / before - 1:+9.1%} of {before:.1f}"
        print(f"{case:>14} {found[case]:8.1f}{change}", flush=True)
        if before is not None and found[case] > before * (1 + ALLOWED):
            worse.append(case)
    if chosen.accept:
        kept = {"compiler": compiler.strip(), "rows": chosen.rows, "instructions": found}
        ACCEPTED.write_text(json.dumps(kept, indent=1) + "\n")
        print(f"accepted: {ACCEPTED.name}; say in the commit why")
        return 0
    if not chosen.gate or not worse:
        return 0
    print(f"over {ALLOWED:.0%} more: {', '.join(worse)}", file=sys.stderr)
    if compiler.strip() != accepted["compiler"]:
        print(f"(accepted with {accepted['compiler']}, now {compiler.strip()})", file=sys.stderr)
    print("if it is worth it: python benches/instructions.py --gate --accept", file=sys.stderr)
    return 1


def each(case: str, rows: int) -> float:
    """Count for one invocation: what a run takes before its first falls out of the difference."""
    (few, for_few), (many, for_many) = count(case, rows), count(case, 2 * rows)
    return round((for_many - for_few) / (many - few), 2)


def count(case: str, rows: int) -> tuple[int, int]:
    """Run once; give invocations and instructions, without making a trace that is replayed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
            "--toggle-collect=*instructions::measured*", str(BINARY), case, str(rows),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            sys.exit("valgrind is not installed")
    counted = re.search(r"Collected : (\d+)", done.stderr)
    assert counted is not None, done.stderr
    return int(done.stdout), int(counted[1])


if __name__ == "__main__":
    sys.exit(main())
