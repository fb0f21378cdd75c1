"""The engine of lambdacore. Times are nanoseconds; callers have checked their arguments."""

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, NoReturn, Protocol, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt

import lambdacore

__all__ = [
    "DEBUG_BUILD",
    "MAX_LIMIT",
    "Account",
    "AdmissionController",
    "Handle",
    "Permit",
    "Permits",
    "Throttle",
    "Timeline",
    "Workload",
    "__version__",
    "concurrency",
    "count",
    "csv_header",
    "draw_law",
    "judge_calls",
    "monte_carlo",
    "required_concurrency",
    "scan_csv",
    "simulate",
    "tally",
]

# arrival, function, duration; and init, of which 2^64 - 1 leaves it to the account
_Columns: TypeAlias = (
    tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.uint64]]
    | tuple[
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint32],
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint64] | None,
    ]
)

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
    engine: str = "auto",
    counters: str = "plain",
    progress: Callable[[int], object] | None = None,
) -> tuple[npt.NDArray[np.uint8], int, tuple[int, int, str | None]]: ...
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

@final
class AdmissionController:
    def __new__(
        cls, account: lambdacore.Account, *, clock: Callable[[], int] | None = None
    ) -> AdmissionController: ...
    @property
    def account(self) -> lambdacore.Account: ...
    def try_acquire(self, function: str) -> Permit | Throttle: ...
    def acquire(self, function: str, timeout: float | None = 0.0) -> Permit: ...
    def release(self, permit: Permit) -> None: ...
    def try_acquire_many(self, functions: Iterable[str] | npt.NDArray[np.integer]) -> Permits: ...
    def targets(self, functions: Iterable[str]) -> npt.NDArray[np.uint32]: ...
    def handle(self) -> Handle: ...
    def set_concurrency_limit(self, value: int) -> None: ...
    def set_reserved_concurrency(self, function: str, value: int | None) -> None: ...
    def set_provisioned_concurrency(self, label: str, value: int) -> None: ...
    def snapshot(self) -> lambdacore.Snapshot: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Handle:
    @property
    def controller(self) -> AdmissionController: ...
    def try_acquire(self, function: str) -> Permit | Throttle: ...
    def acquire(self, function: str, timeout: float | None = 0.0) -> Permit: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Permit:
    @property
    def outcome(self) -> lambdacore.Outcome: ...
    @property
    def function(self) -> str: ...
    @property
    def released(self) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Permits:
    @property
    def outcome(self) -> npt.NDArray[np.uint8]: ...
    @property
    def admitted(self) -> int: ...
    @property
    def released(self) -> bool: ...
    def release(self) -> None: ...
    def __len__(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Throttle:
    def __new__(
        cls, function: str, outcome: int, reason: str | None, retry_after: float | None
    ) -> Throttle: ...
    @property
    def outcome(self) -> lambdacore.Outcome: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def function(self) -> str: ...
    @property
    def retry_after(self) -> float | None: ...
    def __bool__(self) -> Literal[False]: ...
    def __enter__(self) -> NoReturn: ...
    def __exit__(self, *_exception: object) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

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
    def blank(self) -> Sequence[str]: ...
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

@final
class Workload:
    STREAM_VERSION: int
    def __new__(cls, streams: list[tuple[Any, ...]]) -> Workload: ...
    def expected(self, horizon: int) -> float: ...
    def sample(
        self,
        seed: int,
        replication: int,
        lead: int,
        horizon: int,
        *,
        block: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> tuple[
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint32],
        npt.NDArray[np.uint64],
        npt.NDArray[np.uint64] | None,
    ]: ...

def draw_law(of: tuple[Any, ...], seed: int, count: int) -> npt.NDArray[np.uint64]: ...
def monte_carlo(
    workload: Workload,
    accounts: list[tuple[Account, list[int]]],
    plan: dict[str, Any],
    first: int,
    count: int,
    *,
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
) -> dict[str, npt.NDArray[Any]]: ...
