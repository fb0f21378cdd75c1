"""Patterns of Lambda concurrency, each shown by simulated traffic.

Shared against reserved concurrency line by line, three good uses of a reservation, and the two
ways to get its size wrong. Each pattern prints a table with what it means, and draws a picture.

    python examples/patterns.py [--output DIR] [PATTERN ...]
"""

import argparse
from pathlib import Path

import numpy as np
from comparison import comparison
from pattern import LIMIT, Pattern, calls, combine, peak, ratio, run, throttled, trace_of

import lambdacore as lc
from lambdacore.plot import compare


def shielded() -> Pattern:
    """Shield a critical function from a noisy neighbour."""
    rng = np.random.default_rng(2)
    trace = trace_of(
        {
            "payments": [calls(rng, 80, 0.5, 0, 20)],
            "website": [calls(rng, 40, 1.0, 0, 20)],
            "batch": [calls(rng, 400, 5.0, 4, 6), calls(rng, 400, 5.0, 12, 14)],
        }
    )
    enough = lc.required_concurrency(trace)["payments"]
    before, after = run(trace), run(trace, payments=enough)
    return Pattern(
        "shielded",
        "A critical function, shielded from a noisy neighbour",
        "payments must not fail, and batch takes all the concurrency that it can get, twice. The "
        "reservation is the least that is enough, as required_concurrency computes it.",
        ("throttled", "shared", f"{enough} reserved for payments"),
        [
            (name, *(f"{throttled(r, name):,} ({ratio(r, name):.1%})" for r in (before, after)))
            for name in trace.functions
        ],
        (
            f"{enough} of {LIMIT:,} reserved take payments from {ratio(before, 'payments'):.1%} "
            f"throttled to {ratio(after, 'payments'):.1%}.",
            "Those who share the rest pay a little: batch goes from "
            f"{ratio(before, 'batch'):.1%} to {ratio(after, 'batch'):.1%}.",
        ),
        {"Everyone shares": before, f"{enough} reserved for payments": after},
        "payments",
    )  # fmt: skip


def rate_limit() -> Pattern:
    """Limit what a function does to a database."""
    rng = np.random.default_rng(3)
    parts = [calls(rng, 30, 0.1, 0, 20), *(calls(rng, 800, 0.1, m, m + 0.75) for m in (4, 10, 16))]
    arrival = np.concatenate([arrival for arrival, _ in parts])
    slow, fast = (lc.Trace(arrival, "writer", seconds) for seconds in (0.1, 0.02))
    free, held, quick = run(slow), run(slow, writer=10), run(fast, writer=10)

    def most(result: lc.Result) -> int:
        return int(result.invocations(1, function="writer").max())

    def row(label: str, result: lc.Result) -> tuple[str, ...]:
        by_rate = int(result.throttles(cause=lc.Outcome.RESERVED_RATE, account=True).sum())
        lost = throttled(result, "writer")
        numbers = peak(result, "writer"), most(result), lost - by_rate, by_rate
        return label, *(f"{number:,}" for number in numbers)

    return Pattern(
        "rate-limit",
        "A low reservation as a rate limit",
        "writer calls a database that stands ten connections and 100 requests a second. A "
        "reservation of 10 caps both: 10 calls of 0.1 s at once are 100 a second, and where calls "
        "are shorter, a function may start ten times its reservation each second.",
        ("", "at once", "most in 1 s", "throttled: concurrency", "throttled: rate"),
        [
            row("shared, calls of 0.1 s", free),
            row("10 reserved, calls of 0.1 s", held),
            row("10 reserved, calls of 0.02 s", quick),
        ],
        (
            f"The database sees {peak(held, 'writer')} callers and {most(held)} requests a second "
            f"at most, instead of {peak(free, 'writer')} and {most(free)}.",
            f"The price: {ratio(held, 'writer'):.1%} of the calls get a 429, and somebody has to "
            "try them again.",
        ),
        {"No reservation": free, "10 reserved": held},
        "writer",
    )  # fmt: skip


def provisioned() -> Pattern:
    """Combine provisioned with reserved concurrency."""
    rng = np.random.default_rng(4)
    peaks = [(10, 12), (24, 26)]
    trace = trace_of(
        {
            "checkout": [calls(rng, 80, 2.0, 0, 30), *(calls(rng, 70, 2.0, *at) for at in peaks)],
            "reports": [calls(rng, 400, 4.0, 24.5, 26.5)],
        }
    )
    plain = lc.Account.for_trace(trace, LIMIT, init_duration=1.0)
    ready = plain.replace("checkout", provisioned_concurrency=220)
    both = ready.replace("checkout", reserved_concurrency=400)
    titles = ["On demand", "220 provisioned", "220 provisioned, 400 reserved"]
    accounts = dict(zip(titles, (plain, ready, both), strict=True))
    results = {title: lc.simulate(account, trace) for title, account in accounts.items()}

    def cold(result: lc.Result) -> tuple[int, int]:
        series = result.cold_starts(function="checkout").astype(int)
        in_peaks = sum(series[begin:end].sum() for begin, end in peaks)
        return int(series.sum() - in_peaks), int(in_peaks)

    def spilled(result: lc.Result) -> int:
        name = "ProvisionedConcurrencySpilloverInvocations"
        return int(np.nansum(result.metric(name, function="checkout")))

    def row(title: str, result: lc.Result) -> tuple[str, ...]:
        served = int(result.summary()["provisioned"][0])
        numbers = *cold(result), served, spilled(result), throttled(result, "checkout")
        return title, *(f"{number:,}" for number in numbers)

    demand, only, combined = results.values()
    return Pattern(
        "provisioned",
        "Provisioned concurrency for the base load, a reservation for the peaks",
        "checkout runs 160 at once and twice 300, for two minutes; a cold start takes 1 s. The "
        "second peak meets a burst of reports. 220 environments are kept ready for the base load, "
        "then 400 are reserved around them, to which the peaks spill.",
        ("checkout", "cold, base", "cold, peaks", "on provisioned", "spillover", "throttled"),
        [row(title, result) for title, result in results.items()],
        (
            f"The base load goes from {cold(demand)[0]} cold starts to {cold(only)[0]}; "
            f"{spilled(combined):,} calls of the peaks spill.",
            f"On the shared pool {throttled(only, 'checkout'):,} of them lose to the neighbour, "
            f"inside the reservation {throttled(combined, 'checkout'):,}.",
        ),
        results,
        "checkout",
    )  # fmt: skip


def too_low() -> Pattern:
    """Reserve what the formula says for traffic with bursts."""
    rng = np.random.default_rng(5)
    trace = trace_of(
        {
            "orders": [
                calls(rng, 40, 0.5, 0, 30),
                *(calls(rng, 600, 0.5, minute, minute + 0.5) for minute in range(2, 30, 5)),
            ],
            "website": [calls(rng, 30, 1.0, 0, 30)],
        }
    )
    answer = lc.required_concurrency(trace)
    formula, enough = round(float(answer.formula[0])), answer["orders"]
    steps = [formula, 2 * formula, 4 * formula, enough]
    runs = {step: run(trace, orders=step) for step in steps}
    low, right = runs[formula], runs[enough]
    busiest = int(low.summary().region["peak_concurrency"])
    return Pattern(
        "too-low",
        "A reservation set too low: throttled in an idle account",
        "orders has half a minute of rush every five minutes. Its reservation is what requests a "
        "second times duration gives, a mean: every rush is throttled by the function's own cap, "
        "while the account is idle.",
        ("reserved for orders", "throttled", "share", "peak of the account"),
        [
            (
                f"{step:,}", f"{throttled(result, 'orders'):,}", f"{ratio(result, 'orders'):.1%}",
                f"{result.summary().region['peak_concurrency']:,} of {LIMIT:,}",
            )
            for step, result in runs.items()
        ],
        (
            f"{ratio(low, 'orders'):.1%} of the calls of orders get a 429, though "
            f"{LIMIT - busiest} of {LIMIT:,} are free at the busiest instant.",
            f"{enough} are enough: {enough / formula:.1f} times what the formula says.",
        ),
        {f"{formula} reserved, as by the formula": low, f"{enough} reserved, as required": right},
        "orders",
    )  # fmt: skip


def too_high() -> Pattern:
    """Reserve far more than a function uses."""
    rng = np.random.default_rng(6)
    trace = trace_of(
        {
            "orders": [calls(rng, 60, 1.0, 0, 15)],
            "search": [calls(rng, 150, 1.0, 0, 15)],
            "thumbnails": [calls(rng, 40, 5.0, 0, 15)],
        }
    )
    enough = lc.required_concurrency(trace)["orders"]
    runs = {step: run(trace, orders=step) for step in (850, 700, 550, enough)}
    high, right = runs[850], runs[enough]

    def stranded(result: lc.Result) -> float:
        summary = result.summary()
        return float(summary["limit"][0] - summary["mean_concurrency"][0])

    def starved(result: lc.Result) -> int:
        return throttled(result, "search") + throttled(result, "thumbnails")

    return Pattern(
        "too-high",
        "A reservation set too high: stranded capacity, starved neighbours",
        "orders is given 850 of 1,000 to be safe. What a reservation does not use is nobody's: "
        "search and thumbnails, which need some 350 together, have to live on the rest.",
        ("reserved for orders", "its peak", "unused in the mean", "for the others", "throttled"),
        [
            (
                f"{step:,}", f"{peak(result, 'orders'):,}", f"{stranded(result):,.0f}",
                f"{result.account.unreserved_concurrency:,}", f"{starved(result):,}",
            )
            for step, result in runs.items()
        ],
        (
            f"On average {stranded(high):.0f} of {LIMIT:,} are held for nothing, while "
            f"{starved(high):,} calls of the others get a 429.",
            f"With {enough} reserved, {throttled(right, 'orders'):,} of orders and "
            f"{starved(right):,} of the others are throttled.",
        ),
        {"850 reserved, to be safe": high, f"{enough} reserved, as required": right},
        "search",
    )  # fmt: skip


PATTERNS = {
    function.__name__.replace("_", "-"): function
    for function in (comparison, shielded, rate_limit, provisioned, too_low, too_high)
}


def main() -> None:
    """Print patterns and draw their pictures; of all patterns, one sheet as well."""
    parser = argparse.ArgumentParser(description="Patterns of Lambda concurrency, simulated.")
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help=f"of {', '.join(PATTERNS)}")
    arguments = parser.parse_args()
    for name in arguments.patterns:
        if name not in PATTERNS:
            parser.error(f"no pattern {name!r}: choose from {', '.join(PATTERNS)}")
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    for name in arguments.patterns or PATTERNS:
        pattern = PATTERNS[name]()
        picture = compare(pattern.results, focus=pattern.focus, title=pattern.title)
        picture.figure_.savefig(output / f"{name}.png")
        print(f"{pattern}\n\nThe picture: {output / name}.png\n\n")
    if not arguments.patterns:
        combine([output / f"{name}.png" for name in PATTERNS], output / "patterns.png")
        print(f"All pictures on one sheet: {output / 'patterns.png'}")


if __name__ == "__main__":
    main()
