"""The short names by which the book calls tensor functions, of both editions.

They are a table and not definitions, since `abs` and others are names of Python as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _method(name: str) -> Callable[..., Any]:
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Call `x.{name}` with the arguments that follow x."
    return call


_OF_TORCH = """
    abs arange cos cosh exp eye float32 int32 int64 linspace log matmul meshgrid normal ones
    ones_like rand randn sigmoid sin sinh stack tanh tensor zeros zeros_like
"""

ALIASES: dict[str, Any] = {name: getattr(torch, name) for name in _OF_TORCH.split()} | {
    "argmax": _method("argmax"),
    "astype": _method("type"),
    "batch_matmul": torch.bmm,
    "concat": torch.cat,
    "expand_dims": _method("unsqueeze"),
    "numpy": lambda x, *args, **kwargs: x.detach().numpy(*args, **kwargs),
    "reduce_mean": _method("mean"),
    "reduce_sum": _method("sum"),
    "repeat": _method("repeat"),
    "reshape": _method("reshape"),
    "size": lambda x: x.numel(),
    "swapaxes": _method("swapaxes"),
    "to": _method("to"),
    "transpose": _method("t"),
}
