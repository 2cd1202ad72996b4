"""The course library of *Dive into Deep Learning*, as notebooks inside the sandbox import it.

`from d2l import torch as d2l` gives the names of both editions in use (1.0.3 and 0.17.6), written
afresh to run within a budget: no network, no worker processes, no unbounded training.

Not here: anything that grades. This folder knows torch, torchvision, numpy, matplotlib and PIL.
"""

from __future__ import annotations

from typing import Any

from . import torch

__version__ = "1.0.3"
__all__ = ["__version__", "torch"]


def __getattr__(name: str) -> Any:
    """Give the names of `d2l.torch` too: `import d2l; d2l.corr2d`."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(torch, name)
