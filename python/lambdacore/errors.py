"""The errors of lambdacore: typed, with the facts as fields and the remedy in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdacore._core import Throttle

__all__ = [
    "ConfigurationError",
    "ForkError",
    "LambdacoreError",
    "PermitError",
    "SeriesSizeError",
    "ThrottledError",
    "TraceError",
]


class LambdacoreError(Exception):
    """Anything that lambdacore refuses."""


class ConfigurationError(LambdacoreError, ValueError):
    """An account, a function, a profile or an argument that cannot be.

    Attributes
    ----------
    argument : str or None
        The argument that was refused, e.g. ``"functions[1].reserved_concurrency"``.
    aws_code, aws_message : str or None
        What the AWS API answers, word by word, where the refusal is a rule of AWS.
    """

    def __init__(
        self,
        message: str,
        *,
        argument: str | None = None,
        aws_code: str | None = None,
        aws_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.argument = argument
        self.aws_code = aws_code
        self.aws_message = aws_message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.__dict__)


class TraceError(LambdacoreError, ValueError):
    """Traffic that cannot be: an array or a file that does not hold a trace.

    Attributes
    ----------
    argument : str or None
        The argument that was refused.
    index : int or None
        The first bad index of an array, from 0.
    path : str or None
        The file.
    line : int or None
        The first bad line of the file, from 1.
    column : str or None
        The column of the file, by name where it has one.
    """

    def __init__(
        self,
        message: str,
        *,
        argument: str | None = None,
        index: int | None = None,
        path: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message)
        self.argument = argument
        self.index = index
        self.path = path
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.__dict__)


class ThrottledError(LambdacoreError):
    """There was no permit, or not in time.

    Attributes
    ----------
    throttle : Throttle or None
        The refusal: its cause, AWS's reason, and when to ask again if that is known.
    """

    def __init__(self, message: str, *, throttle: Throttle | None = None) -> None:
        super().__init__(message)
        self.throttle = throttle

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.__dict__)


class PermitError(LambdacoreError, RuntimeError):
    """A permit that was given back before, or belongs to another controller."""


class ForkError(PermitError):
    """A controller or permit of the parent, used in a forked child."""


class SeriesSizeError(LambdacoreError, MemoryError):
    """A series that would not fit: the text names its size and what makes it smaller."""


def _rebuild(cls: type[LambdacoreError], message: str, fields: dict[str, Any]) -> LambdacoreError:
    """Unpickle an error with its fields, which the default way would lose."""
    error = cls(message)
    error.__dict__.update(fields)
    return error
