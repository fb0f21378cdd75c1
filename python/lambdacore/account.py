"""The account and its functions: immutable, checked by AWS's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from lambdacore import _check, _core, _text
from lambdacore.errors import ConfigurationError
from lambdacore.profile import Profile

if TYPE_CHECKING:
    from lambdacore.trace import Trace

__all__ = ["Account", "Function"]


@dataclass(frozen=True)
class Function:
    """A Lambda function, as far as its concurrency is concerned.

    Parameters
    ----------
    name : str
        Its name; it ties the function to the invocations of a trace.
    reserved_concurrency : int or None, keyword
        Concurrency set apart for this function: a guarantee, since no other function may
        use it, and a cap, since the function never uses more. 0 throttles every invocation.
        None (the default) shares the unreserved pool.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    init_duration : float or None, keyword
        Seconds that a cold start runs before the handler. It occupies concurrency. None
        takes the account's value.
    idle_timeout : float or None, keyword
        Seconds after which an idle environment is gone; ``math.inf`` keeps it for ever.
        None takes the account's value.

    Raises
    ------
    ConfigurationError
        A value that cannot be, by name.
    """

    name: str
    reserved_concurrency: int | None = field(default=None, kw_only=True)
    init_duration: float | None = field(default=None, kw_only=True)
    idle_timeout: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check.name("name", self.name)
        checked: dict[str, Any] = {}
        if self.reserved_concurrency is not None:
            checked["reserved_concurrency"] = _check.limit(
                "reserved_concurrency", self.reserved_concurrency
            )
        checked |= _checked_times(self.init_duration, self.idle_timeout)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Self:
        """Return a function with some values changed."""
        _refuse_unknown("a function", changes, self)
        return replace(self, **changes)

    def __repr__(self) -> str:
        return _repr_without_defaults(self, positional="name")


@dataclass(frozen=True)
class Account:
    """An AWS account in one Region: its limit and the functions that live under it.

    Parameters
    ----------
    concurrency_limit : int
        The quota "Concurrent executions" (L-B99A9384), 1,000 by default.
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
        concurrency_limit: int = 1_000,
        functions: Iterable[Function] = (),
        unreserved_floor: int | None = None,
        profile: Profile | str = "pools-2026",
        *,
        init_duration: float | None = None,
        idle_timeout: float | None = None,
    ) -> None:
        checked: dict[str, Any] = {
            "concurrency_limit": _check.limit("concurrency_limit", concurrency_limit),
            "functions": _checked_functions(functions),
            "unreserved_floor": None
            if unreserved_floor is None
            else _check.limit("unreserved_floor", unreserved_floor),
            "profile": profile if isinstance(profile, Profile) else Profile.named(profile),
            "init_duration": None,
            "idle_timeout": None,
        }
        checked |= _checked_times(init_duration, idle_timeout)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._derive()

    @classmethod
    def for_trace(
        cls,
        trace: Trace,
        concurrency_limit: int = 1_000,
        *,
        reserve: Mapping[str, int] | None = None,
        **values: Any,
    ) -> Self:
        """Declare every function of a trace.

        Parameters
        ----------
        trace : Trace
            Where the functions are taken from.
        concurrency_limit : int
            The account's limit.
        reserve : mapping of str to int, optional
            Reserved concurrency by function name.
        **values
            What else `Account` takes.

        Raises
        ------
        ConfigurationError
            A name in `reserve` that the trace does not have, or what `Account` refuses.
        """
        _check.instance("trace", trace, "a Trace", hasattr(trace, "functions"))
        _check.instance("reserve", reserve, "a mapping", isinstance(reserve or {}, Mapping))
        reserve = dict(reserve or {})
        for name in reserve:
            if name not in trace.functions:
                raise ConfigurationError(
                    f"reserve: the trace has no function {name!r}"
                    + _text.suggestion(name, trace.functions),
                    argument="reserve",
                )
        functions = [
            Function(name, reserved_concurrency=reserve.get(name)) for name in trace.functions
        ]
        return cls(concurrency_limit, functions, **values)

    @property
    def unreserved_concurrency(self) -> int:
        """What the functions without a reservation share: the limit less all reservations."""
        return self._engine.unreserved_concurrency

    def __getitem__(self, name: str) -> Function:
        return self.functions[self.index(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._rows

    def __iter__(self) -> Iterator[Function]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

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
            _refuse_unknown("an account", changes, self)
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
            ``UnreservedConcurrentExecutions`` (the limit less all reservations), and
            ``AccountUsage`` with ``FunctionCount``.
            https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
        """
        return {
            "AccountLimit": {
                "ConcurrentExecutions": self.concurrency_limit,
                "UnreservedConcurrentExecutions": self.unreserved_concurrency,
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
                (
                    function.name,
                    function.reserved_concurrency,
                    _check.to_nanoseconds(self._effective(function, "init_duration")),
                    _check.to_nanoseconds(self._effective(function, "idle_timeout")),
                )
                for function in self.functions
            ],
            environments=self.profile.environments == "on",
            scaling=self.profile._engine_scaling(),
        )

    def __repr__(self) -> str:
        return _repr_without_defaults(self, positional="concurrency_limit")

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


def _checked_times(init_duration: Any, idle_timeout: Any) -> dict[str, float]:
    checked = {}
    if init_duration is not None:
        checked["init_duration"] = _check.seconds("init_duration", init_duration)
    if idle_timeout is not None:
        checked["idle_timeout"] = _check.seconds("idle_timeout", idle_timeout, infinite=True)
    return checked


def _refuse_unknown(what: str, changes: dict[str, Any], holder: Account | Function) -> None:
    known = [f.name for f in fields(holder) if f.init]
    for name in changes:
        if name not in known:
            raise ConfigurationError(
                f"{what} has no {name!r}{_text.suggestion(name, known)}; "
                f"it has: {', '.join(known)}",
                argument=name,
            )


def _repr_without_defaults(holder: Account | Function, positional: str) -> str:
    """Show what was set: the first field always, the others where they differ."""
    blank = Account() if isinstance(holder, Account) else Function("x")
    shown = [repr(getattr(holder, positional))]
    for f in fields(holder):
        value = getattr(holder, f.name)
        if f.repr and f.name != positional and value != getattr(blank, f.name):
            shown.append(f"{f.name}={_listed(value) if isinstance(value, tuple) else repr(value)}")
    return f"{type(holder).__name__}({', '.join(shown)})"


def _listed(functions: tuple[Function, ...], shown: int = 20) -> str:
    """Show a list of functions; of a long one its beginning."""
    if len(functions) <= shown:
        return repr(list(functions))
    return f"[{', '.join(map(repr, functions[:shown]))}, … {len(functions) - shown:,} more]"
