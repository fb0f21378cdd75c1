"""A function: immutable, with its versions, its aliases and what is kept ready of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError

__all__ = ["Function"]

#: The alias that `provisioned_concurrency` as a plain number stands under.
LIVE = "live"
LATEST = "$LATEST"

# As AWS has them: https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_ALIAS = re.compile(r"(?!^[0-9]+$)[A-Za-z0-9_-]{1,128}")


class FixedDict(dict[str, Any]):
    """A dict that nobody changes: what a frozen class holds must not change under it."""

    def _refuse(self, *_arguments: Any, **_keywords: Any) -> Any:
        raise TypeError("this mapping is part of a frozen object: use replace()")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FixedDict, (dict(self),)


@dataclass(frozen=True)
class Function:
    """A Lambda function, as far as its concurrency is concerned.

    Parameters
    ----------
    name : str
        Its name; it ties the function to the invocations of a trace. A trace may also name a
        version or an alias: ``"checkout:3"``, ``"checkout:live"``, ``"checkout:$LATEST"``.
    reserved_concurrency : int or None, keyword
        Concurrency set apart for this function: a guarantee, since no other function may
        use it, and a cap, since the function never uses more. 0 throttles every invocation.
        None (the default) shares the unreserved pool.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    provisioned_concurrency : int, mapping or None, keyword
        Environments that are kept ready from time zero on: by qualifier, a published version
        or an alias, such as ``{"live": 50}``. A plain number is short for one version under the
        alias ``live``, to which the function's name alone then leads (without it the name
        means ``$LATEST``). It lies inside the reservation, or takes from the account's pool.
        https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
    versions : int, keyword
        How many versions are published: 1 to so many.
    aliases : mapping, keyword
        The version that each alias points to, such as ``{"live": 1}``.
    init_duration : float or None, keyword
        Seconds that a cold start runs before the handler. It occupies concurrency. None
        takes the account's value. An environment that is provisioned has run it before.
    idle_timeout : float or None, keyword
        Seconds after which an idle environment is gone; ``math.inf`` keeps it for ever.
        None takes the account's value.

    Raises
    ------
    ConfigurationError
        A value that cannot be, by name.

    Examples
    --------
    >>> import lambdacore as lc
    >>> lc.Function("checkout", reserved_concurrency=200, provisioned_concurrency=50)
    Function('checkout', reserved_concurrency=200, provisioned_concurrency=50)
    """

    name: str
    reserved_concurrency: int | None = field(default=None, kw_only=True)
    provisioned_concurrency: int | Mapping[str, int] | None = field(default=None, kw_only=True)
    versions: int = field(default=0, kw_only=True)
    aliases: Mapping[str, int | str] = field(default_factory=dict, kw_only=True)
    init_duration: float | None = field(default=None, kw_only=True)
    idle_timeout: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check.name("name", self.name)
        checked: dict[str, Any] = {}
        if self.reserved_concurrency is not None:
            checked["reserved_concurrency"] = _check.limit(
                "reserved_concurrency", self.reserved_concurrency
            )
        checked["provisioned_concurrency"] = _checked_provisioned(self.provisioned_concurrency)
        checked["versions"] = _check.limit("versions", self.versions)
        checked["aliases"] = _checked_aliases(self.aliases)
        checked |= checked_times(self.init_duration, self.idle_timeout)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash((self.name, self.reserved_concurrency, self.versions))

    def replace(self, **changes: Any) -> Self:
        """Return a function with some values changed."""
        refuse_unknown("a function", changes, self)
        return replace(self, **changes)

    @property
    def provisioned_by_qualifier(self) -> dict[str, int]:
        """What is kept ready, by version or alias; a plain number stands under ``live``."""
        given = self.provisioned_concurrency
        if given is None:
            return {}
        return dict(given) if isinstance(given, Mapping) else {LIVE: given}

    def _engine_row(self, init_duration: int, idle_timeout: int) -> tuple[Any, ...]:
        """Give the function as the engine takes it, the shorthand spelt out."""
        short = self.provisioned_concurrency is not None and not isinstance(
            self.provisioned_concurrency, Mapping
        )
        versions = max(self.versions, 1) if short else self.versions
        aliases = {alias: version_number(to) for alias, to in self.aliases.items()}
        if short:
            aliases.setdefault(LIVE, versions)
        return (
            self.name,
            self.reserved_concurrency,
            init_duration,
            idle_timeout,
            versions,
            list(aliases.items()),
            list(self.provisioned_by_qualifier.items()),
            LIVE if short else None,
        )

    def __repr__(self) -> str:
        return repr_without_defaults(self, Function("x"), positional="name")


def split_label(label: str) -> tuple[str, str]:
    """Split a label of a trace into a function's name and a qualifier, empty if there is none.

    ``name:qualifier`` has one colon; what has more, such as an ARN, is a name.
    """
    name, colon, qualifier = label.partition(":")
    known = qualifier == LATEST or _VERSION.fullmatch(qualifier) or _ALIAS.fullmatch(qualifier)
    qualified = name and known
    return (name, qualifier) if colon and qualified else (label, "")


def declare(labels: Iterable[str]) -> list[Function]:
    """Declare the functions that labels name, with the versions and aliases that they name.

    An alias points to the last version that is named, or to version 1.
    """
    qualifiers: dict[str, list[str]] = {}
    for label in labels:
        name, qualifier = split_label(label)
        qualifiers.setdefault(name, []).append(qualifier)
    functions = []
    for name, named in qualifiers.items():
        numbers = [int(q) for q in named if q.isdigit()]
        aliases = [q for q in named if q and q != LATEST and not q.isdigit()]
        versions = max([*numbers, 1 if aliases else 0], default=0)
        functions.append(
            Function(name, versions=versions, aliases=dict.fromkeys(aliases, versions))
        )
    return functions


def with_claims(
    function: Function, reserve: Mapping[str, int], provision: Mapping[str, int]
) -> Function:
    """Give a function what is reserved for its name and provisioned under its labels."""
    provisioned: Any = function.provisioned_concurrency
    by_qualifier = {
        split_label(label)[1]: value
        for label, value in provision.items()
        if split_label(label)[0] == function.name
    }
    alone = by_qualifier.pop("", None)
    if alone is not None and by_qualifier:
        raise ConfigurationError(
            f"provision: {function.name!r} is given alone and with a version or alias: "
            "give one of both",
            argument="provision",
        )
    if alone is not None:
        provisioned = alone
    elif by_qualifier:
        short = provisioned is not None and not isinstance(provisioned, Mapping)
        if short and [*by_qualifier] == [LIVE]:
            provisioned = by_qualifier[LIVE]
        elif short:
            raise ConfigurationError(
                f"provision: {function.name!r} has a plain number, for the alias {LIVE!r}: give "
                "its versions and aliases, and provisioned concurrency by these",
                argument="provision",
            )
        else:
            provisioned = {**(provisioned or {}), **by_qualifier}
    return function.replace(
        reserved_concurrency=reserve.get(function.name, function.reserved_concurrency),
        provisioned_concurrency=provisioned,
    )


def version_number(version: int | str) -> int:
    """Read a version: its number, or 0 for ``$LATEST``."""
    return 0 if version == LATEST else int(version)


def _checked_provisioned(given: Any) -> int | FixedDict | None:
    argument = "provisioned_concurrency"
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return _check.limit(argument, given)
    return FixedDict(
        (
            _check.name(f"{argument} key", str(key) if type(key) is int else key),
            _check.limit(f"{argument}[{key!r}]", value),
        )
        for key, value in given.items()
    )


def _checked_aliases(given: Any) -> FixedDict:
    _check.instance("aliases", given, 'a mapping such as {"live": 1}', isinstance(given, Mapping))
    checked: dict[str, int | str] = {}
    for alias, version in given.items():
        if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
            raise ConfigurationError(
                f"aliases: {_text.shorten(repr(alias), 60)} is no name of an alias: 1 to 128 "
                "letters, digits, _ and -, not digits alone",
                argument="aliases",
            )
        if version != LATEST:
            text = version if isinstance(version, str) else None
            if text is not None and not _VERSION.fullmatch(text):
                raise ConfigurationError(
                    f"aliases[{alias!r}] = {version!r}: a version's number is needed, or $LATEST",
                    argument="aliases",
                )
            version = _check.limit(f"aliases[{alias!r}]", version if text is None else int(text))
            if version == 0:
                version = LATEST
        checked[alias] = version
    return FixedDict(checked)


def checked_times(init_duration: Any, idle_timeout: Any) -> dict[str, float]:
    """Check the times that a function and an account both have."""
    checked = {}
    if init_duration is not None:
        checked["init_duration"] = _check.seconds("init_duration", init_duration)
    if idle_timeout is not None:
        checked["idle_timeout"] = _check.seconds("idle_timeout", idle_timeout, infinite=True)
    return checked


def refuse_unknown(what: str, changes: dict[str, Any], holder: Any) -> None:
    """Refuse to change fields that are not there."""
    known = [f.name for f in fields(holder) if f.init]
    for name in changes:
        if name not in known:
            raise ConfigurationError(
                f"{what} has no {name!r}{_text.suggestion(name, known)}; "
                f"it has: {', '.join(known)}",
                argument=name,
            )


def repr_without_defaults(holder: Any, blank: Any, positional: str) -> str:
    """Show what was set: the first field always, the others where they differ."""
    shown = [repr(getattr(holder, positional))]
    for f in fields(holder):
        value = getattr(holder, f.name)
        if f.repr and f.name != positional and value != getattr(blank, f.name):
            shown.append(f"{f.name}={_listed(value) if isinstance(value, tuple) else repr(value)}")
    return f"{type(holder).__name__}({', '.join(shown)})"


def _listed(functions: tuple[Any, ...], shown: int = 20) -> str:
    """Show a list of functions; of a long one its beginning."""
    if len(functions) <= shown:
        return repr(list(functions))
    return f"[{', '.join(map(repr, functions[:shown]))}, … {len(functions) - shown:,} more]"
