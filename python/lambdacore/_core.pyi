"""The engine of lambdacore. Times are nanoseconds; callers have checked their arguments."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "DEBUG_BUILD",
    "MAX_LIMIT",
    "Account",
    "Timeline",
    "__version__",
    "concurrency",
    "count",
    "csv_header",
    "judge_calls",
    "required_concurrency",
    "scan_csv",
    "simulate",
    "tally",
]

# arrival, function, duration
_Columns: TypeAlias = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.uint64]]

__version__: str
MAX_LIMIT: int
DEBUG_BUILD: bool

@final
class Account:
    def __new__(
        cls,
        *,
        concurrency_limit: int,
        unreserved_floor: int | None,
        functions: list[tuple[Any, ...]],
        profile: dict[str, Any],
    ) -> Account: ...
    @property
    def unreserved_concurrency(self) -> int: ...
    @property
    def unreserved_floor(self) -> int: ...
    def target(self, label: str) -> tuple[int | None, int] | None: ...
    def version_of(self, target: int) -> int: ...
    def versions(self, function: int) -> list[int]: ...
    def provisioned(self) -> list[tuple[int, int]]: ...

@final
class Timeline:
    def changes(self) -> list[tuple[int, str, int, int | None, int]]: ...

def judge_calls(
    account: Account, calls: list[tuple[int, str, str, str, int, str, bool]]
) -> tuple[
    list[tuple[tuple[str, int, str, str] | None, int | None, list[tuple[str, int, int, str]]]],
    Timeline,
]: ...
def simulate(
    account: Account,
    columns: _Columns,
    traced: list[int],
    *,
    timeline: Timeline | None = None,
    calendar: str = "wheel",
    progress: Callable[[int], object] | None = None,
) -> tuple[npt.NDArray[np.uint8], int]: ...
def concurrency(
    account: Account,
    columns: _Columns,
    traced: list[int],
    outcome: npt.NDArray[np.uint8],
    *,
    timeline: Timeline | None,
    recording: tuple[int, bool, bool],
    bins: tuple[int, int, int],
    row_of: list[int | None],
    rows: int,
) -> tuple[npt.NDArray[np.uint32], list[npt.NDArray[np.uint32]]]: ...
def count(
    columns: _Columns,
    outcome: npt.NDArray[np.uint8],
    wanted: int,
    *,
    bins: tuple[int, int, int],
    row_of: list[int | None],
    rows: int,
) -> npt.NDArray[np.uint64]: ...
def tally(
    account: Account, columns: _Columns, traced: list[int], outcome: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint64], list[int], int]: ...
def required_concurrency(
    columns: _Columns,
    allowed: list[int],
    allowed_account: int,
    *,
    progress: Callable[[int], object] | None = None,
) -> tuple[list[int], int, list[int], int]: ...

class _Limits(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def field(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def functions(self) -> int: ...

class _Schema(Protocol):
    @property
    def times(self) -> Sequence[tuple[str, Literal["s", "ns"]]]: ...
    @property
    def key(self) -> Sequence[str]: ...
    @property
    def separator(self) -> str: ...

def csv_header(path: str, limits: _Limits) -> list[str]: ...
def scan_csv(
    path: str,
    schema: _Schema,
    *,
    lenient: bool,
    limits: _Limits,
    progress: Callable[[int], object] | None = None,
) -> tuple[
    list[npt.NDArray[np.int64]],
    npt.NDArray[np.uint32],
    list[str],
    int,
    list[tuple[int, str | None, str]],
]: ...
