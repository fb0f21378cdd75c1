"""Parts of a workload as plain values: for manifests, scenario files and the engine."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from lambdacore import _check, _text
from lambdacore.errors import ConfigurationError

__all__ = ["Described", "described", "kinds", "undescribed"]

#: Every kind of part by the name that files give it.
kinds: dict[str, type[Described]] = {}


@dataclass(frozen=True)
class Described:
    """A frozen part that is made of its fields; a subclass gives its `kind`."""

    kind: ClassVar[str]

    def __init_subclass__(cls, kind: str | None = None) -> None:
        if kind is not None:
            cls.kind = kind
            kinds[kind] = cls

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What is frozen stays so on the other side of a pickle.
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)

    def replace(self, **changes: Any) -> Self:
        """Give the same with some fields changed.

        Raises
        ------
        ConfigurationError
            It has no such field, or the field cannot have that value.
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            _check.one_of("field", name, names)
        return replace(self, **changes)


def described(value: Any) -> Any:
    """Give a part, and all that is in it, as plain values; arrays by their digest.

    Equal parts give equal values, on any machine: this is what a manifest compares.
    """
    if isinstance(value, Described):
        named = {field.name: described(getattr(value, field.name)) for field in fields(value)}
        return {"kind": value.kind, **named}
    if isinstance(value, np.ndarray):
        import hashlib

        data = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return f"{value.dtype.str} {value.shape} {hashlib.sha256(data.data).hexdigest()}"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): described(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [described(inner) for inner in value]
    return value


def undescribed(where: str, value: Any, allowed: tuple[type, ...]) -> Any:
    """Make a part from the table of a file: its kind and its fields.

    Raises
    ------
    ConfigurationError
        No kind, an unknown one or one that has no place there; an unknown field.
    """
    if not isinstance(value, dict):
        return value
    here = {kind: cls for kind, cls in kinds.items() if issubclass(cls, allowed)}
    if "kind" not in value:
        raise ConfigurationError(
            f"{where}: kind is missing: one of {', '.join(here)}", argument=where
        )
    kind = _check.one_of(f"{where}.kind", value["kind"], here)
    names = [field.name for field in fields(here[kind])]
    values = {}
    for key, inner in value.items():
        if key == "kind":
            continue
        if key not in names:
            raise ConfigurationError(
                f"unknown key {where}.{key}{_text.suggestion(key, names)}; known: "
                f"{', '.join(names)}",
                argument=f"{where}.{key}",
            )
        if isinstance(inner, dict) and "kind" in inner:
            inner = undescribed(f"{where}.{key}", inner, (Described,))
        elif isinstance(inner, list):
            inner = [
                undescribed(f"{where}.{key}[{i}]", part, (Described,)) if _is_part(part) else part
                for i, part in enumerate(inner)
            ]
        values[key] = inner
    try:
        return here[kind](**values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}", argument=where) from None
    except TypeError as error:  # a field without which there is no such part
        raise ConfigurationError(f"{where}: {error}", argument=where) from None


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and "kind" in value
