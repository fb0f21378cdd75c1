"""The account: immutable, checked by AWS's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from lambdacore import _check, _core, _text
from lambdacore.errors import ConfigurationError
from lambdacore.function import (
    Function,
    checked_times,
    declare,
    refuse_unknown,
    repr_without_defaults,
    split_label,
    with_claims,
)
from lambdacore.profile import DEFAULT_PROFILE, Profile

if TYPE_CHECKING:
    from lambdacore.trace import Trace
    from lambdacore.workload import Workload

__all__ = ["Account"]


@dataclass(frozen=True)
class Account:
    """An AWS account in one Region: its limit and the functions that live under it.

    Parameters
    ----------
    concurrency_limit : int or None
        The quota "Concurrent executions" (L-B99A9384). None takes the profile's value: 1,000,
        or that of a new account.
        https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    functions : iterable of Function
        The functions; the rows of every result follow this order.
    unreserved_floor : int or None
        What reservations must leave to the other functions. None takes the smaller of 100
        and the limit, as AWS does.
    profile : Profile or str
        What AWS leaves undocumented or has changed, as data.
    init_duration, idle_timeout : float or None
        For functions that give none of their own. None takes the profile's value.

    Raises
    ------
    ConfigurationError
        A value that cannot be, by name; with `aws_code` and `aws_message` where AWS itself
        would refuse it.

    Examples
    --------
    >>> import lambdacore as lc
    >>> account = lc.Account(functions=[lc.Function("checkout", reserved_concurrency=200)])
    >>> account.unreserved_concurrency
    800
    >>> account.replace("checkout", reserved_concurrency=300).unreserved_concurrency
    700
    """

    concurrency_limit: int = 1_000
    functions: tuple[Function, ...] = ()
    unreserved_floor: int | None = None
    profile: Profile = field(default_factory=Profile)
    init_duration: float | None = field(default=None, kw_only=True)
    idle_timeout: float | None = field(default=None, kw_only=True)
    _engine: _core.Account = field(init=False, repr=False, compare=False)
    _rows: dict[str, int] = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        concurrency_limit: int | None = None,
        functions: Iterable[Function] = (),
        unreserved_floor: int | None = None,
        profile: Profile | str = DEFAULT_PROFILE,
        *,
        init_duration: float | None = None,
        idle_timeout: float | None = None,
    ) -> None:
        chosen = profile if isinstance(profile, Profile) else Profile.named(profile)
        if concurrency_limit is None:
            concurrency_limit = chosen.concurrency_limit
        checked: dict[str, Any] = {
            "concurrency_limit": _check.limit("concurrency_limit", concurrency_limit),
            "functions": _checked_functions(functions),
            "unreserved_floor": None
            if unreserved_floor is None
            else _check.limit("unreserved_floor", unreserved_floor),
            "profile": chosen,
            "init_duration": None,
            "idle_timeout": None,
        }
        checked |= checked_times(init_duration, idle_timeout)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._derive()

    @classmethod
    def for_trace(
        cls,
        trace: Trace | Workload,
        concurrency_limit: int | None = None,
        *,
        reserve: Mapping[str, int] | None = None,
        provision: Mapping[str, int] | None = None,
        **values: Any,
    ) -> Self:
        """Declare every function of a trace, or of a workload.

        Parameters
        ----------
        trace : Trace or Workload
            Where the functions are taken from.
        concurrency_limit : int
            The account's limit.
        reserve : mapping of str to int, optional
            Reserved concurrency by function name.
        provision : mapping of str to int, optional
            Provisioned concurrency by function name (then the name leads to it, see
            `Function`), or by ``name:alias`` or ``name:version``.
        **values
            What else `Account` takes.

        Raises
        ------
        ConfigurationError
            A name in `reserve` or `provision` that the trace does not have, or what `Account`
            refuses.

        Notes
        -----
        Versions and aliases that the trace names are declared with their functions; an alias
        points to the last version that is named.
        """
        _check.instance("trace", trace, "a Trace", hasattr(trace, "functions"))
        given: dict[str, Mapping[str, int]] = {
            "reserve": {} if reserve is None else reserve,
            "provision": {} if provision is None else provision,
        }
        for argument, mapping in given.items():
            _check.instance(argument, mapping, "a mapping", isinstance(mapping, Mapping))
            for label in mapping:
                _check.name(f"{argument} key", label)
        provisioned = [label for label in given["provision"] if split_label(label)[1]]
        functions = declare([*trace.functions, *provisioned])
        known = {split_label(name)[0] for name in trace.functions}
        for argument, mapping in given.items():
            for label in mapping:
                name = split_label(label)[0] if argument == "provision" else label
                if name not in known:
                    raise ConfigurationError(
                        f"{argument}: the trace has no function {name!r}"
                        + _text.suggestion(name, known),
                        argument=argument,
                    )
        functions = [
            with_claims(function, given["reserve"], given["provision"]) for function in functions
        ]
        return cls(concurrency_limit, functions, **values)

    @property
    def unreserved_concurrency(self) -> int:
        """What functions without a claim share: the limit less what is reserved or provisioned."""
        return self._engine.unreserved_concurrency

    def __getitem__(self, name: str) -> Function:
        return self.functions[self.index(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._rows

    def __iter__(self) -> Iterator[Function]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

    def resolve(self, label: str) -> tuple[int, int]:
        """Find what a label of a trace names: the engine's target, and the function's row.

        Raises
        ------
        ConfigurationError
            The account has no function, or the function no version or alias, of that name.
        """
        found = self._engine.target(label)
        if found is None:
            name = split_label(label)[0]
            raise ConfigurationError(
                f"the account has no function {name!r}{_text.suggestion(name, self._rows)}",
                argument="function",
            )
        target, row = found
        if target is None:
            function = self.functions[row]
            versions, aliases = function._engine_row(0, 0)[4:6]
            known = [*(str(n + 1) for n in range(min(versions, 9))), *dict(aliases)]
            qualifier = split_label(label)[1]
            raise ConfigurationError(
                f"function {function.name!r} has no version or alias {qualifier!r}"
                f"{_text.suggestion(qualifier, known)}: declare it with versions= or aliases=",
                argument="function",
            )
        return target, row

    def _versions(self, name: str) -> list[int]:
        """Give the engine's numbers of a function's versions, ``$LATEST`` first."""
        return self._engine.versions(self.index(name))

    def index(self, name: str) -> int:
        """Row of a function in every result.

        Raises
        ------
        ConfigurationError
            The account has no function of that name.
        """
        if name not in self:
            raise ConfigurationError(
                f"the account has no function {name!r}{_text.suggestion(name, self._rows)}",
                argument="function",
            )
        return self._rows[name]

    def replace(self, function: str | None = None, /, **changes: Any) -> Self:
        """Return an account with some values changed; this one stays as it is.

        A new profile leaves the limit as it is.

        Parameters
        ----------
        function : str, optional
            Change this function's values; without it, the account's own.
        **changes
            The new values by field.

        Raises
        ------
        ConfigurationError
            A function or a field that does not exist, or a value that cannot be.
        """
        if function is None:
            refuse_unknown("an account", changes, self)
            own = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
            return type(self)(**{**own, **changes})
        row = self.index(function)
        changed = self.functions[row].replace(**changes)
        functions = (*self.functions[:row], changed, *self.functions[row + 1 :])
        return self.replace(functions=functions)

    def get_account_settings(self) -> dict[str, dict[str, int]]:
        """Answer as AWS's ``GetAccountSettings`` does, where concurrency is concerned.

        Returns
        -------
        dict
            ``AccountLimit`` with ``ConcurrentExecutions`` and
            ``UnreservedConcurrentExecutions`` (the limit less what is reserved or provisioned;
            with the profile's ``api_unreserved="minus_R_only"`` less reservations alone), and
            ``AccountUsage`` with ``FunctionCount``.
            https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
        """
        unreserved = self.unreserved_concurrency
        if self.profile.api_unreserved == "minus_R_only":
            reserved = sum(f.reserved_concurrency or 0 for f in self.functions)
            unreserved = self.concurrency_limit - reserved
        return {
            "AccountLimit": {
                "ConcurrentExecutions": self.concurrency_limit,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": {"FunctionCount": len(self.functions)},
        }

    def effective_idle_timeout(self, function: str) -> float:
        """Seconds after which an idle environment of a function is gone."""
        return self._effective(self[function], "idle_timeout")

    def effective_init_duration(self, function: str) -> float:
        """Seconds that a cold start of a function runs before the handler."""
        return self._effective(self[function], "init_duration")

    def _effective(self, function: Function, name: str) -> float:
        # The nearest value counts: the function's, else the account's, else the profile's.
        for holder in (function, self, self.profile):
            value: float | None = getattr(holder, name)
            if value is not None:
                return value
        raise AssertionError(f"a profile always has {name}")

    def _make_engine(self) -> _core.Account:
        return _core.Account(
            concurrency_limit=self.concurrency_limit,
            unreserved_floor=self.unreserved_floor,
            functions=[
                function._engine_row(
                    _check.to_nanoseconds(self._effective(function, "init_duration")),
                    _check.to_nanoseconds(self._effective(function, "idle_timeout")),
                )
                for function in self.functions
            ],
            profile=self.profile._engine_row(),
        )

    def __repr__(self) -> str:
        return repr_without_defaults(self, Account(), positional="concurrency_limit")

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._derive()

    def _derive(self) -> None:
        """Make what follows from the fields: the engine's account, which checks, and rows."""
        object.__setattr__(self, "_engine", self._make_engine())
        rows = {function.name: row for row, function in enumerate(self.functions)}
        object.__setattr__(self, "_rows", rows)


def _checked_functions(functions: Iterable[Function]) -> tuple[Function, ...]:
    _check.instance(
        "functions",
        functions,
        "a list of Functions",
        isinstance(functions, Iterable) and not isinstance(functions, str | Account),
    )
    checked = tuple(functions)
    for i, function in enumerate(checked):
        if not isinstance(function, Function):
            raise ConfigurationError(
                f"functions[{i}] = {function!r} is no Function: write lc.Function({function!r})"
                if isinstance(function, str)
                else f"functions[{i}] = {function!r} is no Function",
                argument=f"functions[{i}]",
            )
    return checked
