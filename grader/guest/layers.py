"""Inside the sandbox: runs modules and lists their layers.

Here: which innermost modules a forward calls, their shapes, and a forward that costs next to
nothing. Not here: the questions these answer (`guest.py`).
Not covered: student code shares this process and can change everything here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

_MOST_LAYERS = 2_000
_DRAWS = (torch.Tensor.uniform_, torch.Tensor.normal_)


class NothingIsDrawn(TorchFunctionMode):
    """Skips random initialisation: drawing 129 million weights takes a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWS or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given.get("tensor")
        return func(*args, **given)


def run_layers(
    module: nn.Module, args: list[Any]
) -> tuple[list[tuple[nn.Module, tuple[int, ...]]], Any]:
    """Run a module: its innermost modules as they were called, with shapes, and the result."""
    found: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(part: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and len(found) < _MOST_LAYERS:
            found.append((part, tuple(output.shape)))

    leaves = [part for part in module.modules() if not any(True for _ in part.children())]
    hooks = [part.register_forward_hook(note) for part in leaves]
    try:
        return found, module(*args)
    finally:
        for hook in hooks:
            hook.remove()


def layer_size(parameter: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a parameter; () for a lazy one that no forward has filled."""
    return () if is_lazy(parameter) else tuple(parameter.shape)


def repeats_to(value: torch.Tensor, place: torch.Tensor) -> bool:
    """Return whether a value fills a place when its axes of length 1 are repeated."""
    return value.ndim == place.ndim and all(
        a in (1, b) for a, b in zip(value.shape, place.shape, strict=True)
    )
