"""lambdacore beside its peers: how fast each is, and whether it is right.

    python benches/peers [--quick]

Prints the table, and writes `results.json` beside this file, `docs/peers.png`, and the table
between the marks in README.md (with --quick it only prints).
"""

from __future__ import annotations

import argparse
import importlib
import sys

import ours
import report
from contest import Contestant, MissingError, hold

PEERS = ("by_numba", "compiled", "by_simpy", "by_simfaas")


def _contestants() -> list[Contestant]:
    found = ours.contestants()
    for module in PEERS:
        try:
            found.append(importlib.import_module(module).contestant())
        except MissingError as missing:
            print(missing, file=sys.stderr)
    return found


def main() -> None:
    """Hold the contest and report."""
    arguments = argparse.ArgumentParser(prog="python benches/peers", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer calls; writes nothing")
    quick = arguments.parse_args().quick
    rows = hold(_contestants(), *((3, 0.25) if quick else (7, 1.0)))
    print(report.table(rows))
    if not quick:
        report.write(rows)


if __name__ == "__main__":
    main()
