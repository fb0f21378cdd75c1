"""Packages that are not always there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lambdacore.errors import LambdacoreError

__all__ = ["needs"]


@contextmanager
def needs(package: str, extra: str) -> Iterator[None]:
    """Say how to install what an import inside this block does not find."""
    try:
        yield
    except ImportError as error:
        raise LambdacoreError(
            f"{package} is needed for this: pip install 'lambdacore-sim[{extra}]'"
        ) from error
