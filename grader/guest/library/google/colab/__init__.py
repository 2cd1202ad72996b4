"""Stands in for the package of a hosted service: every function succeeds without effect.

`google` is a namespace package on purpose, so that other packages below that name stay visible.
"""

from __future__ import annotations

from . import drive, files, output, patches

__all__ = ["drive", "files", "output", "patches"]
