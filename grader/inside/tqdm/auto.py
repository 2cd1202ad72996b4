"""The same bars, by another name of the real package."""

from __future__ import annotations

from . import tqdm, trange

__all__ = ["tqdm", "trange"]
