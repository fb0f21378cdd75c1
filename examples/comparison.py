"""Shared against reserved concurrency, line by line: the first pattern of `patterns.py`."""

from collections.abc import Callable

import numpy as np
from pattern import LIMIT, Pattern, at_once, calls, peak, ratio, trace_of

import lambdacore as lc


def comparison() -> Pattern:
    """Measure each line of the usual comparison of shared and reserved concurrency."""
    rng = np.random.default_rng(1)
    trace = trace_of(
        {
            "checkout": [
                calls(rng, 60, 2.0, 0, 15),  # 120 in flight
                calls(rng, 700, 2.0, 3, 3.25),  # a rush of its own, far above the limit
                at_once(300, 2.0, 19),  # after a rest, while reports holds what it could get
            ],
            "reports": [calls(rng, 500, 5.0, 7, 12), at_once(1_500, 180.0, 18)],
        }
    )
    account = lc.Account.for_trace(trace, LIMIT, init_duration=0.4)
    shared = lc.simulate(account, trace)
    held = lc.simulate(account.replace("checkout", reserved_concurrency=250), trace)
    lost = {result: ratio(result, "checkout", 7, 12) for result in (shared, held)}

    def row(label: str, cell: Callable[[lc.Result], float], form: str = ",") -> tuple[str, ...]:
        return label, format(cell(shared), form), format(cell(held), form)

    return Pattern(
        "comparison",
        "Shared or reserved: the same traffic on both",
        "checkout lives on the shared pool, then with 250 reserved. Alone, it has a rush (minute "
        "3); reports bursts beside it (minutes 7 to 12); it rests (from minute 15), and reports "
        "takes all that it can get (minute 18); then checkout asks for 300 at once (minute 19).",
        ("measured", "shared", "reserved"),
        [
            row("Guaranteed capacity: got of 300 while others hold all they can",
                lambda r: peak(r, "checkout", 19, 20)),
            row("Upper limit: most it ran, alone", lambda r: peak(r, "checkout", 3, 4)),
            row("Throttled in the minute of its own rush, alone",
                lambda r: ratio(r, "checkout", 3, 4), ".1%"),
            row("Effect of a neighbour's burst: throttled", lost.__getitem__, ".1%"),
            row("Cold starts of its base load, alone",
                lambda r: int(r.cold_starts(function="checkout")[:3].sum())),
            row("Unused capacity usable by others: their most while it rests",
                lambda r: peak(r, "reports", 18, 19)),
            row("Cost to the rest: most that reports ran in its burst",
                lambda r: peak(r, "reports", 7, 12)),
            row("Cost to the rest: throttled of reports in its burst",
                lambda r: ratio(r, "reports", 7, 12), ".1%"),
        ],
        (
            f"A neighbour's burst takes {lost[shared]:.1%} of checkout's calls on the shared pool, "
            f"{lost[held]:.1%} with the reservation.",
            f"That is a cap too, {peak(held, 'checkout')} at most though the account is idle, and "
            "keeps no environment warm.",
        ),
        {"Shared (default)": shared, "250 reserved for checkout": held},
        "checkout",
    )  # fmt: skip
