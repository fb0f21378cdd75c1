"""The engine of lambdacore. Times are nanoseconds; callers have checked their arguments."""

from collections.abc import Callable
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

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
        functions: list[tuple[str, int | None, int, int]],
        environments: bool,
        scaling: tuple[int, int] | None,
    ) -> Account: ...
    @property
    def unreserved_concurrency(self) -> int: ...
    @property
    def unreserved_floor(self) -> int: ...

def simulate(
    account: Account,
    columns: _Columns,
    traced: list[int],
    *,
    calendar: str = "wheel",
    progress: Callable[[int], object] | None = None,
) -> npt.NDArray[np.uint8]: ...
def concurrency(
    account: Account,
    columns: _Columns,
    traced: list[int],
    outcome: npt.NDArray[np.uint8],
    *,
    bins: tuple[int, int, int],
    row_of: list[int | None],
    rows: int,
    progress: Callable[[int], object] | None = None,
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]: ...
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
