"""Runs recipes of one seed: as many replications as wanted, with a checkpoint or without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lambdacore import _check
from lambdacore._runs_text import REGION
from lambdacore._seeds import seed_of
from lambdacore.ensemble.checkpoint import Checkpoint
from lambdacore.ensemble.progress import Progress, shown
from lambdacore.ensemble.recipe import Recipe, Statistics
from lambdacore.ensemble.tasks import Failure, How, chunk_of, run
from lambdacore.precision import Precision
from lambdacore.runs import Runs

__all__ = ["run_recipes"]


def run_recipes(
    made: list[Recipe],
    replications: int | Precision,
    rng: Any,
    how: How,
    progress: bool | Progress | None,
    label: str,
) -> list[list[Runs]]:
    """Run recipes of one seed: for each, the runs of each of its accounts."""
    precision = replications if isinstance(replications, Precision) else None
    if precision is not None:
        # Here, and not when there are runs to look at: a slip costs no replication.
        _check.one_of("function", precision.function, (*made[0].functions, REGION))
    count = (
        precision.least
        if precision is not None
        else _check.whole("replications", replications, 1, 10**9)
    )
    if how.checkpoint is None:
        seed = seed_of(rng)
        seeded = [replace(recipe, seed=seed) for recipe in made]
        return _run(seeded, count, precision, how, None, progress, label)
    with Checkpoint(how.checkpoint) as folder:
        # Fresh entropy is drawn once: whoever goes on takes what was drawn then.
        found = folder.found
        seed = int(found["seed"]) if rng is None and found is not None else seed_of(rng)
        if found is not None and how.chunk is None:
            how = replace(how, chunk=found["chunk"])
        seeded = [replace(recipe, seed=seed) for recipe in made]
        how = replace(how, chunk=chunk_of(count, how))
        folder.begin(
            {
                "seed": str(seed),
                "chunk": how.chunk,
                "parts": [recipe.describe() for recipe in seeded],
            }
        )
        return _run(seeded, count, precision, how, folder, progress, label)


def _run(
    made: list[Recipe],
    count: int,
    precision: Precision | None,
    how: How,
    folder: Checkpoint | None,
    progress: bool | Progress | None,
    label: str,
) -> list[list[Runs]]:
    parts: list[Statistics] = []
    numbers: list[int] = []
    failures: list[Failure] = []
    done = 0
    per_replication = sum(recipe.expected_calls() for recipe in made)
    while True:
        title = label if precision is None else f"{label}, up to replication {count:,}"
        with shown(title, per_replication * (count - done), progress) as update:
            new, new_numbers, new_failures = run(made, range(done, count), how, update, folder)
        numbers += new_numbers
        failures += new_failures
        if parts:
            new = [
                {name: np.concatenate([old[name], more[name]], axis=1) for name in old}
                for old, more in zip(parts, new, strict=True)
            ]
        parts = new
        results = [
            [Runs(recipe, index, part, numbers, failures) for index in range(len(recipe.accounts))]
            for recipe, part in zip(made, parts, strict=True)
        ]
        if precision is None or count >= precision.most or precision.is_reached(results):
            return results
        done, count = count, min(max(count + count // 2, count + 1), precision.most)
