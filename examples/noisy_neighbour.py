"""The noisy neighbour: an hour of one AWS account, without and with reserved concurrency.

``checkout`` must not fail. ``reports`` starts a batch every quarter of an hour and takes all
the concurrency that it can get. Both share an account of 1,000 with three ordinary functions.

    python examples/noisy_neighbour.py [--output DIR]
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

import lambdacore as lc
from lambdacore.plot import compare

HOUR = 3600.0
FUNCTIONS = ["checkout", "search", "thumbnails", "mail", "reports"]
MEAN_DURATION = [0.5, 0.4, 2.0, 0.8, 4.0]

Seconds = npt.NDArray[np.float64]


def customers(rng: np.random.Generator) -> Seconds:
    """Arrivals at random at 150 to 300 a second, most of them before half past."""
    arrival = rng.uniform(0, HOUR, rng.poisson(300 * HOUR))
    wave = 0.75 + 0.25 * np.sin(2 * np.pi * arrival / HOUR - 1)
    return arrival[rng.random(len(arrival)) < wave]


def steady(rng: np.random.Generator, rate: float) -> Seconds:
    """Arrivals at random, `rate` a second on average."""
    return rng.uniform(0, HOUR, rng.poisson(rate * HOUR))


def batches(rng: np.random.Generator) -> Seconds:
    """Batches of reports: all at once at first, then fewer and fewer."""
    sizes = {3: 90_000, 18: 180_000, 33: 130_000, 48: 210_000}
    waves = [60 * minute + rng.exponential(140, size) for minute, size in sizes.items()]
    arrival = np.concatenate(waves)
    return arrival[arrival < HOUR]


def traffic(seed: int = 2026) -> lc.Trace:
    """One hour of all five functions; durations are lognormal, as real ones nearly are."""
    rng = np.random.default_rng(seed)
    arrivals = [customers(rng), steady(rng, 120), steady(rng, 40), steady(rng, 20), batches(rng)]
    function = np.repeat(np.arange(len(FUNCTIONS)), [len(arrival) for arrival in arrivals])
    duration = np.take(MEAN_DURATION, function) * rng.lognormal(-0.125, 0.5, len(function))
    return lc.Trace(np.concatenate(arrivals), function, duration, FUNCTIONS)


def main() -> None:
    """Simulate the hour twice, print both tables and draw the picture."""
    parser = argparse.ArgumentParser(description="The noisy neighbour, simulated twice.")
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR")
    output = parser.parse_args().output

    trace = traffic()
    default = lc.Account.for_trace(trace, concurrency_limit=1_000)
    reserved = default.replace("checkout", reserved_concurrency=250)

    before = lc.simulate(default, trace)
    after = lc.simulate(reserved, trace)

    print("Everyone shares the account's 1,000:", before.summary(), sep="\n\n")
    print("\n\n250 of them are reserved for checkout:", after.summary(), sep="\n\n")
    print("\n\n" + interpretation(before, after))

    picture = compare({"Without reserved concurrency": before, "With reserved concurrency": after})
    output.mkdir(parents=True, exist_ok=True)
    path = output / "noisy_neighbour.png"
    picture.figure_.savefig(path)
    print(f"\nThe picture: {path}")


def interpretation(before: lc.Result, after: lc.Result) -> str:
    """Say what the numbers mean."""
    was, now = before.summary(), after.summary()
    ratio = {
        name: (was["throttle_ratio"][row], now["throttle_ratio"][row])
        for row, name in enumerate(was.functions)
    }
    return (
        f"The reservation takes checkout from {ratio['checkout'][0]:.1%} throttled to "
        f"{ratio['checkout'][1]:.1%}.\n"
        f"It is carved out of the shared pool, so that those who share the rest pay for it: "
        f"reports\ngoes from {ratio['reports'][0]:.1%} to {ratio['reports'][1]:.1%}, "
        f"search from {ratio['search'][0]:.1%} to {ratio['search'][1]:.1%}. "
        "A reservation for reports would cap it\nas well, and free the others."
    )


if __name__ == "__main__":
    main()
