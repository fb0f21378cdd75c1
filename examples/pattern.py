"""What the patterns of `patterns.py` are made of: traffic, runs, and numbers read off them."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import lambdacore as lc

LIMIT = 1_000
MINUTE = 60.0

Calls = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Pattern:
    """One pattern, simulated: what it prints and what its picture shows."""

    name: str
    title: str
    text: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    #: What the numbers mean, in two lines.
    reading: tuple[str, str]
    #: The runs of the picture, by title.
    results: dict[str, lc.Result]
    focus: str

    def __str__(self) -> str:
        table = [self.head, *self.rows]
        first, *others = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in table
        ]
        lines.insert(1, "-" * len(lines[0]))
        text = textwrap.fill(self.text, 92)
        return "\n\n".join([self.title, text, "\n".join(lines), "\n".join(self.reading)])


def calls(
    rng: np.random.Generator, rate: float, duration: float, begin: float, end: float
) -> Calls:
    """Make calls at random, `rate` a second from minute `begin` to `end`; lengths vary by half."""
    count = round(rate * (end - begin) * MINUTE)
    arrival = rng.uniform(begin * MINUTE, end * MINUTE, count)
    return arrival, duration * rng.uniform(0.5, 1.5, count)


def at_once(count: int, duration: float, minute: float) -> Calls:
    """Make `count` calls at the same instant."""
    return np.full(count, minute * MINUTE), np.full(count, duration)


def trace_of(traffic: Mapping[str, list[Calls]]) -> lc.Trace:
    """Put the calls of all functions into one trace."""
    arrivals = {name: np.concatenate([a for a, _ in parts]) for name, parts in traffic.items()}
    duration = np.concatenate([d for parts in traffic.values() for _, d in parts])
    function = np.repeat(np.arange(len(traffic)), [len(a) for a in arrivals.values()])
    return lc.Trace(np.concatenate([*arrivals.values()]), function, duration, [*traffic])


def run(trace: lc.Trace, **reserve: int) -> lc.Result:
    """Simulate an account of 1,000 with some reservations."""
    return lc.simulate(lc.Account.for_trace(trace, LIMIT, reserve=reserve), trace)


def peak(result: lc.Result, function: str, begin: int = 0, end: int | None = None) -> int:
    """Most that a function ran at once from minute `begin` to `end`."""
    return int(result.concurrency(function=function)[begin:end].max())


def throttled(result: lc.Result, function: str, begin: int = 0, end: int | None = None) -> int:
    """How many calls of a function were throttled from minute `begin` to `end`."""
    return int(result.throttles(function=function)[begin:end].sum())


def ratio(result: lc.Result, function: str, begin: int = 0, end: int | None = None) -> float:
    """Share of a function's calls that were throttled from minute `begin` to `end`."""
    lost = throttled(result, function, begin, end)
    return lost / (lost + int(result.invocations(function=function)[begin:end].sum()))


def combine(pictures: Sequence[Path], path: Path) -> None:
    """Put pictures on one sheet, two in a row, at half their size."""
    tiles = [Image.open(picture).convert("RGB").reduce(2) for picture in pictures]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (2 * width, -(-len(tiles) // 2) * height), "white")
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % 2 * width, place // 2 * height))
    sheet.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
