"""Changes in mid-run: calls of the Lambda API beside the trace, judged as AWS would."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from lambdacore import _check, _core, _text
from lambdacore._check import MAX_LIMIT
from lambdacore.account import Account
from lambdacore.errors import ConfigurationError
from lambdacore.function import LATEST

__all__ = ["Answer", "Call", "Schedule"]

#: HTTP status of an accepted call.
_STATUS = {
    "SetConcurrencyLimit": 200,
    "PutFunctionConcurrency": 200,
    "GetFunctionConcurrency": 200,
    "DeleteFunctionConcurrency": 204,
    "PutProvisionedConcurrencyConfig": 202,
    "GetProvisionedConcurrencyConfig": 200,
    "ListProvisionedConcurrencyConfigs": 200,
    "DeleteProvisionedConcurrencyConfig": 204,
    "UpdateAlias": 200,
    "DeleteAlias": 204,
}

#: What stands before names where AWS answers with an ARN; the account is an example.
EXAMPLE_ARN = "arn:aws:lambda:us-east-1:123456789012:function"
#: What stands before a function's name in its Amazon Resource Name.
_ARN = re.compile(r"^arn:[^:]*:lambda:[^:]*:[^:]*:function:")


@dataclass(frozen=True)
class Call:
    """One call of the API, at an instant. Made by the methods of `Schedule`.

    Attributes
    ----------
    at : int
        Nanosecond, on the clock of the trace.
    operation : str
        AWS's name of the call, such as ``"PutFunctionConcurrency"``;
        ``"SetConcurrencyLimit"`` for a quota that Service Quotas grants.
    function, qualifier : str
        What it is about; empty where it needs none.
    value : int
        The concurrency asked for.
    version : str
        Where an alias shall point to.
    init_fails : bool
        The function's init raises, so that what is asked for is never allocated.
    """

    at: int
    operation: str
    function: str = ""
    qualifier: str = ""
    value: int = 0
    version: str = ""
    init_fails: bool = False

    def __post_init__(self) -> None:
        _check.one_of("operation", self.operation, _STATUS)
        checked: dict[str, Any] = {"at": _check.whole("at", self.at, 0, 2**63 - 1)}
        for field_ in ("function", "qualifier", "version"):
            text = getattr(self, field_)
            # What does not exist is for AWS to refuse; what is no text at all is not.
            checked[field_] = text if text == "" else _check.name(field_, text)
        checked["function"] = _ARN.sub("", checked["function"])
        if self.operation == "PutProvisionedConcurrencyConfig":
            # AWS refuses numbers below one and far too large ones with words of its own.
            checked["value"] = _check.whole("value", self.value, -MAX_LIMIT, MAX_LIMIT)
        else:
            checked["value"] = _check.limit("value", self.value)
        _check.instance("init_fails", self.init_fails, "a bool", isinstance(self.init_fails, bool))
        for field_, value in checked.items():
            object.__setattr__(self, field_, value)

    def __str__(self) -> str:
        about = ":".join(filter(None, (self.function, self.qualifier)))
        to = {
            "SetConcurrencyLimit": f"{self.value:,}",
            "PutFunctionConcurrency": f"{self.value:,}",
            "PutProvisionedConcurrencyConfig": f"{self.value:,}",
            "UpdateAlias": f"version {self.version}",
        }.get(self.operation, "")
        return " ".join(filter(None, (_text.seconds(self.at), self.operation, about, to)))


@dataclass(frozen=True)
class Answer:
    """What became of a call.

    Attributes
    ----------
    call : Call
        The call.
    accepted : bool
        Whether it was carried out; a refused call changes nothing.
    status : int
        HTTP status.
    aws_code, aws_message : str or None
        AWS's error, word by word, where it was refused.
    message : str or None
        What would have been accepted, where it was refused.
    response : dict
        What AWS's response holds about concurrency, where it was accepted.
    """

    call: Call
    accepted: bool
    status: int
    aws_code: str | None
    aws_message: str | None
    message: str | None
    response: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.call}: " + (
            "accepted" if self.accepted else f"refused, {self.aws_code}: {self.message}"
        )


@dataclass(frozen=True)
class Schedule:
    """Calls of the API while traffic runs, in order of time.

    Functions are given by name or by ARN. Each method gives a new schedule with one call more;
    times are on the trace's clock: float seconds, integer nanoseconds, or ``datetime64``. A call
    is judged at its instant, on the configuration as the calls before it have left it, and takes
    effect before the arrivals of that instant. One that AWS would refuse changes nothing;
    ``result.answers`` tells.

    Parameters
    ----------
    calls : iterable of Call
        The calls.

    Raises
    ------
    ConfigurationError
        A call that comes before the one above it, by index; a value that cannot be.

    Examples
    --------
    >>> import lambdacore as lc
    >>> schedule = (
    ...     lc.Schedule()
    ...     .put_function_concurrency(600.0, "checkout", 300)
    ...     .set_concurrency_limit(1200.0, 2_000)
    ... )
    >>> print(schedule.answers(lc.Account(functions=[lc.Function("checkout")]))[0])
    600 s PutFunctionConcurrency checkout 300: accepted
    """

    calls: tuple[Call, ...] = field(default=())

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        good = isinstance(calls, Iterable) and not isinstance(calls, str | bytes)
        _check.instance("calls", calls, "a list of Calls", good)
        object.__setattr__(self, "calls", tuple(calls))
        for i, call in enumerate(self.calls):
            _check.instance(f"calls[{i}]", call, "a Call", isinstance(call, Call))
            self._check_order(i)

    def _check_order(self, i: int) -> None:
        if i and self.calls[i].at < self.calls[i - 1].at:
            raise ConfigurationError(
                f"calls[{i}] goes back in time: {_text.seconds(self.calls[i].at)} comes after "
                f"{_text.seconds(self.calls[i - 1].at)}: give calls in order of time",
                argument=f"calls[{i}].at",
            )

    def set_concurrency_limit(self, at: Any, value: int) -> Self:
        """Change the account's quota, as Service Quotas grants it (rule 1.9)."""
        return self._with(at, "SetConcurrencyLimit", value=value)

    def put_function_concurrency(self, at: Any, function: str, value: int) -> Self:
        """Reserve concurrency for a function (rules 1.2 to 1.8)."""
        return self._with(at, "PutFunctionConcurrency", function, value=value)

    def get_function_concurrency(self, at: Any, function: str) -> Self:
        """Ask for a function's reserved concurrency."""
        return self._with(at, "GetFunctionConcurrency", function)

    def delete_function_concurrency(self, at: Any, function: str) -> Self:
        """Give a function's reservation back: it shares the unreserved pool (rule 1.11)."""
        return self._with(at, "DeleteFunctionConcurrency", function)

    def put_provisioned_concurrency_config(
        self, at: Any, function: str, qualifier: str | int, value: int, *, init_fails: bool = False
    ) -> Self:
        """Keep environments of a version or alias ready, once they are (rules 3.1 to 3.18).

        With `init_fails` the function's init raises: the status ends as ``FAILED``.
        """
        operation = "PutProvisionedConcurrencyConfig"
        return self._with(
            at, operation, function, _qualifier(qualifier), value=value, init_fails=init_fails
        )

    def get_provisioned_concurrency_config(
        self, at: Any, function: str, qualifier: str | int
    ) -> Self:
        """Ask how far a configuration is (rule 3.11)."""
        return self._with(at, "GetProvisionedConcurrencyConfig", function, _qualifier(qualifier))

    def list_provisioned_concurrency_configs(self, at: Any, function: str) -> Self:
        """Ask for all configurations of a function."""
        return self._with(at, "ListProvisionedConcurrencyConfigs", function)

    def delete_provisioned_concurrency_config(
        self, at: Any, function: str, qualifier: str | int
    ) -> Self:
        """Keep no environments of a version or alias ready any more (rule 3.18)."""
        return self._with(at, "DeleteProvisionedConcurrencyConfig", function, _qualifier(qualifier))

    def update_alias(self, at: Any, function: str, alias: str, version: str | int) -> Self:
        """Let an alias point to another version; its configuration moves too (rule 3.19)."""
        text = _qualifier(version, "version")
        version = LATEST if text == "0" else text
        return self._with(at, "UpdateAlias", function, alias, version=version)

    def delete_alias(self, at: Any, function: str, alias: str) -> Self:
        """Delete an alias and its configuration; invocations by its name are not refused."""
        return self._with(at, "DeleteAlias", function, alias)

    def call(self, at: Any, operation: str, **arguments: Any) -> Self:
        """Make a call by AWS's name of it, such as ``"PutFunctionConcurrency"``.

        The arguments are those of the method of that name; quotas are
        ``"SetConcurrencyLimit"``.

        Raises
        ------
        ConfigurationError
            An unknown operation, or an argument that it does not take or needs.
        """
        _check.one_of("operation", operation, _STATUS)
        method = getattr(self, re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())
        if operation in ("UpdateAlias", "DeleteAlias") and "qualifier" in arguments:
            arguments["alias"] = arguments.pop("qualifier")
        try:
            bound = inspect.signature(method).bind(at, **arguments)
        except TypeError as error:
            raise ConfigurationError(f"{operation}: {error}", argument="operation") from None
        made: Self = method(*bound.args, **bound.kwargs)
        return made

    def answers(self, account: Account) -> tuple[Answer, ...]:
        """Judge all calls against an account.

        Returns
        -------
        tuple of Answer
            One a call.
        """
        return self._judge(account)[0]

    def _judge(self, account: Account) -> tuple[tuple[Answer, ...], _core.Timeline | None]:
        _check.instance("account", account, "an Account", isinstance(account, Account))
        if not self.calls:
            return (), None
        rows = [
            (c.at, c.operation, c.function, c.qualifier, c.value, c.version, c.init_fails)
            for c in self.calls
        ]
        judged, timeline = _core.judge_calls(account._engine, rows)
        return tuple(map(_answer, self.calls, judged)), timeline

    def _with(
        self, at: Any, operation: str, function: str = "", qualifier: str = "", **to: Any
    ) -> Self:
        call = Call(_check.instant("at", at), operation, function, qualifier, **to)
        # The calls so far were checked: only the new one is.
        longer = object.__new__(type(self))
        object.__setattr__(longer, "calls", (*self.calls, call))
        longer._check_order(len(self.calls))
        return longer

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __repr__(self) -> str:
        shown = [f"\n  {call}" for call in self.calls[:20]]
        more = f"\n  … {len(self) - 20:,} more" if len(self) > 20 else ""
        return f"<Schedule: {_text.count(len(self), 'call')}{''.join(shown)}{more}>"


def _qualifier(value: Any, argument: str = "qualifier") -> str:
    """Read a version or alias, which may be given as a number."""
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return str(int(value)) if number else _check.name(argument, value)


def _answer(call: Call, judged: Any) -> Answer:
    refusal, reserved, configs = judged
    if refusal is not None:
        code, status, aws_message, message = refusal
        return Answer(call, False, status, code, aws_message, message, {})
    response: dict[str, Any] = {}
    if call.operation.endswith("FunctionConcurrency") and reserved is not None:
        response = {"ReservedConcurrentExecutions": reserved}
    elif call.operation == "ListProvisionedConcurrencyConfigs":
        response = {"ProvisionedConcurrencyConfigs": [_config(call, c) for c in configs]}
    elif configs:
        response = _config(call, configs[0])
        del response["FunctionArn"]
    return Answer(call, True, _STATUS[call.operation], None, None, None, response)


def _config(call: Call, config: tuple[str, int, int, str]) -> dict[str, Any]:
    qualifier, requested, allocated, status = config
    described: dict[str, Any] = {
        "FunctionArn": f"{EXAMPLE_ARN}:{call.function}:{qualifier}",
        "RequestedProvisionedConcurrentExecutions": requested,
        "AvailableProvisionedConcurrentExecutions": allocated,
        "AllocatedProvisionedConcurrentExecutions": allocated,
        "Status": status,
    }
    if status == "FAILED":
        described["StatusReason"] = "FUNCTION_ERROR_INIT_FAILURE"
    return described
