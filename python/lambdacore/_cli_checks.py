"""Checks of options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["picture"]


def picture(_context: Any, _parameter: Any, path: Path | None) -> Path | None:
    """Refuse the name of a picture that could not be written, before anything is run."""
    if path is None:
        return None
    formats = ("png", "pdf", "svg", "jpg", "jpeg", "webp")
    if path.suffix.lower().lstrip(".") not in formats:
        raise click.BadParameter(f"{str(path)!r}: end the name in .{', .'.join(formats)}")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}")
    from lambdacore._optional import needs

    with needs("matplotlib", "plot"):
        import matplotlib.figure  # noqa: F401
    return path
