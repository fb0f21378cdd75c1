"""The same mean load, other bursts: the limit that throttles less than 0.1 %.

    python examples/bursts.py

100 calls a second that last 200 ms in the mean (lognormal, cv 1.5): the usual formula, rate times
duration, says 20, whatever the shape.
"""

import lambdacore as lc
from lambdacore._text import Table, plain

DURATION = lc.LogNormal(mean=0.2, cv=1.5)
ARRIVALS = {
    "evenly spaced": lc.Deterministic(rate=100),
    "Poisson": lc.Poisson(rate=100),
    "batches of 10 within 5 ms": lc.Batches(10.0, size=10, spread=0.005),
    "1 s on, 9 s off": lc.OnOff(rate=1_000, on=1.0, off=9.0),
    "half of the calls at the minute mark": lc.Poisson(rate=50) + lc.Every(60, count=3_000),
}


def main() -> None:
    """Search the limit for each kind of arrivals, and print the table."""
    rows = []
    for name, arrivals in ARRIVALS.items():
        workload = lc.Workload({"f": lc.Stream(arrivals, DURATION)})
        answer = lc.required_concurrency(
            workload, 0.001, horizon=1_800, replications=10, rng=7, progress=False
        )
        interval = f"{answer.low[0]:,.0f} to {answer.high[0]:,.0f}"
        formula = f"{answer.formula[0]:,.1f}"
        rows.append([name, formula, f"{answer['f']:,}", interval])
    head = ["arrivals", "rate x duration", "required", "95 % interval"]
    print(plain(Table(head, rows, left=("arrivals",), total=False)))


if __name__ == "__main__":
    main()
