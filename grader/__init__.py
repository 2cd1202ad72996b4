"""An autograder for notebooks of PyTorch exercises.

`grader.load("reports/latest")` returns the frames of a finished run (`report/frames.py`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from grader.version import __version__

if TYPE_CHECKING:
    from grader.report.frames import load

__all__ = ["__version__", "load"]

# nothing is printed unless asked for: `--verbose` and other programs add handlers of their own
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import `load` on first use: the commands and the sandbox need no pandas."""
    if name == "load":
        from grader.report.frames import load  # noqa: PLC0415

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
