"""The parts of a scenario file that say which traffic is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lambdacore import _text
from lambdacore._described import undescribed
from lambdacore.arrivals import Arrivals, Superposition
from lambdacore.distributions import Distribution
from lambdacore.errors import ConfigurationError
from lambdacore.rate import Rate
from lambdacore.readers import read_trace
from lambdacore.recorded import Recorded
from lambdacore.workload import Stream, Workload

__all__ = ["read_settings", "read_workload"]

_STREAM = ("arrivals", "duration", "init")
_SETTINGS = ("horizon", "replications", "seed", "warm_up", "start", "period")
#: Ways to write a rate: each is a constructor of `Rate`.
_RATES = ("steps", "step", "ramp", "daily", "weekly")


def read_workload(table: dict[str, Any], folder: Path) -> Workload | None:
    """Read the tables ``[workload.NAME]``; None where there are none."""
    streams = {}
    for name, values in table.items():
        where = f"workload.{name}"
        if not isinstance(values, dict):
            raise ConfigurationError(f"{where} = {values!r}: a table is needed", argument=where)
        _refuse_unknown(where, values, _STREAM)
        if "arrivals" not in values:
            raise ConfigurationError(f"{where}: arrivals is missing", argument=where)
        try:
            streams[name] = Stream(
                _arrivals(f"{where}.arrivals", values["arrivals"], folder),
                *(
                    undescribed(f"{where}.{key}", values.get(key), (Distribution,))
                    for key in ("duration", "init")
                ),
            )
        except ConfigurationError as error:
            text = str(error)
            prefix = "" if text.startswith((where, "unknown key")) else f"{where}: "
            raise ConfigurationError(prefix + text, argument=where) from None
    return Workload(streams) if streams else None


def read_settings(table: dict[str, Any]) -> dict[str, Any] | None:
    """Read the table ``[monte_carlo]``; its values are checked where they are used."""
    _refuse_unknown("monte_carlo", table, _SETTINGS)
    return dict(table) or None


def _arrivals(where: str, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        parts = [_arrivals(f"{where}[{i}]", part, folder) for i, part in enumerate(value)]
        return Superposition(parts)
    if not isinstance(value, dict):
        return value
    value = dict(value)
    if isinstance(value.get("rate"), dict):
        value["rate"] = _rate(f"{where}.rate", value["rate"])
    if isinstance(value.get("of"), dict):
        value["of"] = _arrivals(f"{where}.of", value["of"], folder)
    if value.get("kind") == "recorded" and "trace" in value:
        trace = read_trace(folder / str(value.pop("trace")), value.pop("format", None))
        del value["kind"]
        function = value.pop("function", None)
        try:
            return Recorded.from_trace(trace, function, **value)
        except (ConfigurationError, TypeError) as error:
            raise ConfigurationError(f"{where}: {error}", argument=where) from None
    return undescribed(where, value, (Arrivals,))


def _rate(where: str, value: dict[str, Any]) -> Any:
    """Read a rate: its pieces, or one of the ways to make one: ``{ daily = [...] }``."""
    ways = [way for way in _RATES if way in value]
    if not ways:
        return undescribed(where, {"kind": "rate", **value}, (Rate,))
    (way, *_) = ways
    given = dict(value)
    content = given.pop(way)
    try:
        if isinstance(content, dict):
            return getattr(Rate, way)(**content, **given)
        return getattr(Rate, way)(content, **given)
    except (ConfigurationError, TypeError) as error:
        raise ConfigurationError(f"{where}: {error}", argument=where) from None


def _refuse_unknown(where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"unknown key {where}.{key}{_text.suggestion(key, known)}; known: "
                f"{', '.join(known)}",
                argument=f"{where}.{key}",
            )
