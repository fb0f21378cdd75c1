"""Scenario files: one TOML file says which account and which traffic."""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from lambdacore import _text
from lambdacore._scenario_workload import read_settings, read_workload
from lambdacore.account import Account
from lambdacore.errors import ConfigurationError
from lambdacore.function import Function, declare, split_label
from lambdacore.profile import DEFAULT_PROFILE, Profile
from lambdacore.readers import read_trace
from lambdacore.schedule import Call, Schedule
from lambdacore.trace import Trace
from lambdacore.workload import Workload

__all__ = ["Scenario"]

SCHEMA = 1

_PROFILE = (*(field.name for field in fields(Profile)), "region")
_FUNCTION = tuple(field.name for field in fields(Function) if field.name != "name")
_ACCOUNT = (
    "concurrency_limit",
    "unreserved_floor",
    "init_duration",
    "idle_timeout",
    "profile",
    "declare_all",
)
_TRACE = ("path", "format", "lenient")
_TOP = ("schema", "trace", "account", "functions", "schedule", "workload", "monte_carlo")
_CALL = (
    "at",
    "call",
    "alias",
    *(f.name for f in fields(Call) if f.name not in ("at", "operation")),
)


@dataclass(frozen=True)
class Scenario:
    """What a scenario file says, before its trace is read.

    A file of this kind::

        schema = 1
        trace = "hour.csv"                # beside this file; or a table: path, format, lenient

        [account]
        concurrency_limit = 1000
        declare_all = true                # other functions of the trace share the pool
        profile = "aws-2026"              # or a table: name and the values to change

        [functions.checkout]
        reserved_concurrency = 200
        provisioned_concurrency = 50      # or a table: by version or alias
        init_duration = 0.4

        [[schedule]]                      # changes in mid-run, in order of time
        at = 600
        call = "PutFunctionConcurrency"
        function = "checkout"
        value = 300

    or, for `monte_carlo`, `compare` and `sweep`, traffic that is drawn instead of a trace::

        [workload.checkout]
        arrivals = { kind = "poisson", rate = 120 }      # or a list: all of them together
        duration = { kind = "lognormal", mean = 0.2, cv = 1.5 }

        [monte_carlo]
        horizon = 3600
        replications = 200
        seed = 7

    Attributes
    ----------
    trace_path : Path or None
        The traffic; None if the file names none.
    trace_format : str or None
        Its format; None to recognise it.
    lenient : bool
        Whether bad rows are skipped and counted.
    account : Account
        The account with the functions that the file lists.
    declare_all : bool
        Whether the functions of the trace that the file does not list are declared too,
        after the listed ones.
    schedule : Schedule
        The changes in mid-run.
    gives_limit : bool
        Whether the file gives the account's limit; otherwise it is the profile's.
    workload : Workload or None
        Traffic that is drawn.
    monte_carlo : dict or None
        How: horizon, replications, seed, warm_up, start, period.
    """

    trace_path: Path | None
    trace_format: str | None
    lenient: bool
    account: Account
    declare_all: bool
    schedule: Schedule
    gives_limit: bool
    workload: Workload | None = None
    monte_carlo: dict[str, Any] | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a scenario file.

        Raises
        ------
        ConfigurationError
            It is no TOML, has an unknown key (the message suggests the near one), or a
            value that cannot be. The message begins with the path.
        OSError
            It cannot be read.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            return cls._from_content(content, path.parent)
        except RecursionError:
            raise ConfigurationError(f"{path}: this is nested too deeply") from None
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{path}: {error}",
                argument=error.argument,
                aws_code=error.aws_code,
                aws_message=error.aws_message,
            ) from error
        except ValueError as error:  # of tomllib: no TOML, no UTF-8, a number too long
            raise ConfigurationError(f"{path}: this is no TOML file: {error}") from error

    @classmethod
    def _from_content(cls, content: dict[str, Any], folder: Path) -> Self:
        _refuse_unknown("", content, _TOP)
        if "schema" not in content:
            raise ConfigurationError(f"schema is missing: add schema = {SCHEMA}", argument="schema")
        if type(content["schema"]) is not int or content["schema"] != SCHEMA:
            raise ConfigurationError(
                f"schema = {content.get('schema')!r}: this version reads schema = {SCHEMA}",
                argument="schema",
            )
        trace = content.get("trace", {})
        trace = {"path": trace} if isinstance(trace, str) else _table("trace", trace)
        _refuse_unknown("trace", trace, _TRACE)
        for key, kind in (("path", str), ("format", str), ("lenient", bool)):
            if not isinstance(trace.get(key, kind()), kind):
                raise ConfigurationError(
                    f"trace.{key} = {trace[key]!r}: a {kind.__name__} is needed",
                    argument=f"trace.{key}",
                )
        account = dict(_table("account", content.get("account", {})))
        _refuse_unknown("account", account, _ACCOUNT)
        declare_all = account.pop("declare_all", False)
        if not isinstance(declare_all, bool):
            raise ConfigurationError(
                f"account.declare_all = {declare_all!r}: true or false is needed",
                argument="account.declare_all",
            )
        account["profile"] = _profile(account.get("profile", DEFAULT_PROFILE))
        functions = [
            _function(name, values)
            for name, values in _table("functions", content.get("functions", {})).items()
        ]
        return cls(
            trace_path=folder / trace["path"] if "path" in trace else None,
            trace_format=trace.get("format"),
            lenient=trace.get("lenient", False),
            account=Account(functions=functions, **account),
            declare_all=declare_all,
            schedule=_schedule(content.get("schedule", [])),
            gives_limit="concurrency_limit" in account,
            workload=read_workload(_table("workload", content.get("workload", {})), folder),
            monte_carlo=read_settings(_table("monte_carlo", content.get("monte_carlo", {}))),
        )

    def read_trace(self, progress: Any = None) -> Trace:
        """Read the traffic that the file names.

        Raises
        ------
        ConfigurationError
            It names none.
        """
        if self.trace_path is None:
            raise ConfigurationError(
                'the scenario names no trace: add trace = "FILE", or give one'
                + (" (its workload is for lambdacore monte-carlo)" if self.workload else ""),
                argument="trace",
            )
        return read_trace(
            self.trace_path, self.trace_format, lenient=self.lenient, progress=progress
        )

    def account_for(self, trace: Trace | Workload) -> Account:
        """Give the account, with the functions of the traffic where `declare_all` says so.

        Raises
        ------
        ConfigurationError
            The trace invokes a function that the file does not declare.
        """
        unknown = [
            name
            for name in trace.functions
            if name not in self.account and split_label(name)[0] not in self.account
        ]
        others = declare(unknown)
        if not others:
            return self.account
        if not self.declare_all:
            name = others[0].name
            near = _text.suggestion(name, (function.name for function in self.account))
            raise ConfigurationError(
                f"the trace invokes {name!r}, which the scenario does not declare{near}: add "
                f"[functions.{name}], or declare_all = true under [account]",
                argument="functions",
            )
        return self.account.replace(functions=(*self.account.functions, *others))

    def never_invoked(self, trace: Trace | Workload) -> list[str]:
        """Names that the file lists and the trace does not invoke: slips, perhaps."""
        invoked = {*trace.functions, *(split_label(name)[0] for name in trace.functions)}
        return [f.name for f in self.account if f.name not in invoked]


def _profile(value: Any) -> Profile:
    if isinstance(value, str):
        return Profile.named(value)
    changes = dict(_table("account.profile", value))
    _refuse_unknown("account.profile", changes, _PROFILE)
    profile = Profile.named(
        changes.pop("name", DEFAULT_PROFILE), region=changes.pop("region", None)
    )
    return profile.replace(**changes) if changes else profile


def _function(name: str, values: Any) -> Function:
    where = f"functions.{name}"
    _refuse_unknown(where, _table(where, values), _FUNCTION)
    try:
        return Function(name, **values)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{where}: {error}", argument=f"{where}.{error.argument}"
        ) from None


def _schedule(value: Any) -> Schedule:
    if not isinstance(value, list):
        raise ConfigurationError(
            "schedule: write each call as a table [[schedule]]", argument="schedule"
        )
    calls: list[Call] = []
    for i, entry in enumerate(value):
        where = f"schedule[{i}]"
        values = dict(_table(where, entry))
        _refuse_unknown(where, values, _CALL)
        for needed in ("at", "call"):
            if needed not in values:
                raise ConfigurationError(f"{where}: {needed} is missing", argument=where)
        try:
            at = values.pop("at")
            if type(at) is int:  # seconds, as all times of a scenario; 10^400 is no float
                at = float(at) if abs(at) < 2**63 else math.inf
            calls.append(Schedule().call(at, values.pop("call"), **values).calls[0])
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{where}: {error}", argument=f"{where}.{error.argument}"
            ) from None
    try:
        return Schedule(calls)
    except ConfigurationError as error:
        text = str(error).replace("calls[", "schedule[", 1)
        raise ConfigurationError(text, argument="schedule") from None


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} = {value!r}: a table is needed", argument=where)
    return value


def _refuse_unknown(where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            full = f"{where}.{key}" if where else key
            raise ConfigurationError(
                f"unknown key {full}{_text.suggestion(key, known)}; known: {', '.join(known)}",
                argument=full,
            )
