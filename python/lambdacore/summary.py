"""The table of a run: one row a function, and the Region."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lambdacore import _text
from lambdacore._optional import needs
from lambdacore.outcome import FIRST_THROTTLED, Outcome

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from lambdacore._series import Series

__all__ = ["Summary"]

#: A printed table shows this many functions at most.
SHOWN = 20

_HEAD = (
    "function", "limit", "arrivals", "throttled", "ratio", "because", "provisioned", "cold",
    "peak", "mean",
)  # fmt: skip
#: Columns that a narrow terminal does without, the least important first.
_SPARE = ("mean", "because", "provisioned", "cold", "limit", "peak", "arrivals")
_SHORT_CAUSES = {
    Outcome.RESERVED_ZERO: "reserved 0",
    Outcome.RESERVED_CONCURRENCY: "reserved",
    Outcome.UNRESERVED_CONCURRENCY: "unreserved",
    Outcome.SCALING_RATE: "scaling rate",
    Outcome.ACCOUNT_RATE: "account rate",
    Outcome.RESERVED_RATE: "reserved rate",
    Outcome.PROVISIONED_RATE: "provisioned rate",
    Outcome.ACCOUNT_CONCURRENCY: "account limit",
}
#: The causes that this version can give; the other code waits for a later one.
_CAUSES = {code: code.name.lower() for code in _SHORT_CAUSES}


@dataclass(frozen=True)
class Summary:
    """Totals of a run. Prints as a table; ``summary["throttles"]`` is a column.

    Attributes
    ----------
    functions : tuple of str
        Names of the rows, in the order of ``account.functions``.
    columns : dict of str to ndarray
        One value a function: ``limit`` (its reservation; -1: it shares the unreserved
        pool), ``arrivals``, ``invocations`` (admitted), ``throttles``, ``throttle_ratio``
        (throttles / arrivals, NaN without arrivals), ``provisioned`` (admitted on provisioned
        environments), ``cold_starts``, ``cold_start_ratio``
        (cold starts / invocations), ``peak_concurrency``, ``mean_concurrency`` (averaged
        over time, from the first arrival to the last completion), and the throttles by
        cause, e.g. ``reserved_concurrency``.
    region : dict of str to number
        The same for the Region; ``limit`` is the account's.
    unreserved_concurrency : int
        What functions without a claim share, as the account is declared.
    changes : bool
        Whether the configuration changes in mid-run; limits are those of the beginning.
    """

    functions: tuple[str, ...]
    columns: dict[str, npt.NDArray[Any]]
    region: dict[str, float]
    unreserved_concurrency: int
    changes: bool = False

    @classmethod
    def of(cls, series: Series) -> Self:
        """Sum a run up."""
        account, totals = series.account, series.totals()
        by_function, region_peak = series.peaks()
        start = series.trace.span[0]
        span = max(totals.last_completion - start, 0)
        # A row for each function and one for the Region; the sums are exact.
        outcomes = np.vstack([totals.outcomes, totals.outcomes.sum(axis=0, keepdims=True)])
        occupied = [*totals.occupied, sum(totals.occupied)]
        admitted = outcomes[:, :FIRST_THROTTLED].sum(axis=1)
        throttles = outcomes[:, FIRST_THROTTLED:].sum(axis=1)
        limits = [
            -1 if f.reserved_concurrency is None else f.reserved_concurrency
            for f in account.functions
        ]
        columns: dict[str, npt.NDArray[Any]] = {
            "limit": np.array([*limits, account.concurrency_limit], dtype=np.int64),
            "arrivals": admitted + throttles,
            "invocations": admitted,
            "throttles": throttles,
            "throttle_ratio": _ratio(throttles, admitted + throttles),
            "provisioned": outcomes[:, Outcome.PROVISIONED],
            "cold_starts": outcomes[:, Outcome.COLD],
            "cold_start_ratio": _ratio(outcomes[:, Outcome.COLD], admitted),
            "peak_concurrency": np.append(by_function, region_peak).astype(np.uint32),
            "mean_concurrency": np.array([o / span if span else np.nan for o in occupied]),
            **{name: outcomes[:, code] for code, name in _CAUSES.items()},
        }
        return cls(
            tuple(function.name for function in account.functions),
            {name: column[:-1] for name, column in columns.items()},
            {name: column[-1].item() for name, column in columns.items()},
            account.unreserved_concurrency,
            series.timeline is not None and bool(series.timeline.changes()),
        )

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return self.columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.columns)

    def keys(self) -> KeysView[str]:
        """Names of the columns, so that ``dict(summary)`` is a dict of them."""
        return self.columns.keys()

    def to_pandas(self) -> pd.DataFrame:
        """Convert to a pandas frame, one row a function; the Region is not in it."""
        with needs("pandas", "frames"):
            import pandas as pd

        return pd.DataFrame(self.columns, index=pd.Index(self.functions, name="function"))

    def to_polars(self) -> pl.DataFrame:
        """Convert to a polars frame, one row a function; the Region is not in it."""
        with needs("polars", "frames"):
            import polars as pl

        return pl.DataFrame({"function": self.functions, **self.columns})

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values.

        What is not a number becomes None, as JSON needs it, and so does the limit of a
        function that shares the unreserved pool.
        """
        rows = [
            {"function": name, **{key: _plain(column[row]) for key, column in self.columns.items()}}
            for row, name in enumerate(self.functions)
        ]
        for row in rows:
            if row["limit"] < 0:
                row["limit"] = None
        return {
            "functions": rows,
            "region": {key: _plain(value) for key, value in self.region.items()},
        }

    def rows(self, shown: int = SHOWN) -> tuple[list[str], list[list[str]], str]:
        """Give the table as text: heads, rows (the Region last) and a note, for any printer.

        In the order of ``functions``; of more than `shown`, those with the most throttles.
        """
        kept, notes = [*range(len(self.functions))], []
        if len(kept) > shown:
            kept.sort(key=lambda row: (-int(self["throttles"][row]), -int(self["arrivals"][row])))
            notes.append(
                f"… and {_text.count(len(kept) - shown, 'more function')}; "
                "these have the most throttles, then arrivals"
            )
            kept = kept[:shown]
        body = [
            self._row(
                _text.label(self.functions[row]), {k: c[row] for k, c in self.columns.items()}
            )
            for row in kept
        ]
        body.append(self._row("Region", self.region))
        notes.append(
            f"unreserved: {self.unreserved_concurrency:,} of {int(self.region['limit']):,}; "
            "peak and mean are concurrent executions"
        )
        if self.changes:
            notes.append("the configuration changes in mid-run; limits are those of the beginning")
        heads = [*_HEAD]
        if not self.region["provisioned"]:
            # Most accounts have none: no column of zeros.
            column = heads.index("provisioned")
            for row in (heads, *body):
                del row[column]
        return heads, body, "\n".join(notes)

    @staticmethod
    def _row(name: str, values: dict[str, Any]) -> list[str]:
        causes = [
            f"{short} {int(values[_CAUSES[code]]):,}"
            for code, short in _SHORT_CAUSES.items()
            if values[_CAUSES[code]]
        ]
        mean = float(values["mean_concurrency"])
        return [
            name,
            "shared" if values["limit"] < 0 else f"{int(values['limit']):,}",
            f"{int(values['arrivals']):,}",
            f"{int(values['throttles']):,}",
            _text.percent(float(values["throttles"]), float(values["arrivals"])),
            ", ".join(causes) or "-",
            f"{int(values['provisioned']):,}",
            f"{int(values['cold_starts']):,}",
            f"{int(values['peak_concurrency']):,}",
            "-" if np.isnan(mean) else f"{mean:,.2f}",
        ]

    def __rich__(self) -> _text.Table:
        heads, body, note = self.rows()
        spare = [column for column in _SPARE if column in heads]
        return _text.Table(heads, body, note, left=("function", "because"), spare=spare)

    def __repr__(self) -> str:
        return _text.plain(self)

    def _repr_html_(self) -> str:
        return _text.html_table(*self.rows())


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    ratio: npt.NDArray[np.float64] = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return None if number != number else number
