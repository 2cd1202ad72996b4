"""Inside the sandbox: runs modules and lists their layers.

Here: which innermost modules a forward calls, their shapes, and a forward that costs next to
nothing. Not here: the questions these answer (`guest.py`).
Not covered: student code shares this process and can change everything here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

_MOST_LAYERS = 2_000
_DRAWS = ("uniform_", "normal_")  # by name: large ones are drawn by functions of ours


class NothingIsDrawn(TorchFunctionMode):
    """Skips random initialisation: drawing 129 million weights takes a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if (
            getattr(func, "__name__", "") in _DRAWS
            or getattr(func, "__module__", "") == "torch.nn.init"
        ):
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


def run_for_order(
    module: nn.Module, x: torch.Tensor
) -> tuple[list[tuple[nn.Module, tuple[int, ...]]], Any]:
    """Run a module as `run_layers` does, on no image of a batch where that calls every layer.

    Some code cannot run on an empty batch, and a loop over its images calls nothing.
    """
    with suppress(Exception):
        found, output = run_layers(module, [x[:0]])
        called = {id(part) for part, _ in found}
        leaves = (part for part in module.modules() if not any(True for _ in part.children()))
        if all(id(part) in called or not any(True for _ in part.parameters()) for part in leaves):
            return found, output
    return run_layers(module, [x])


def run_on_nothing(
    make: Callable[[], Any], shape: Sequence[int]
) -> tuple[Any, list[tuple[nn.Module, tuple[int, ...]]], Any]:
    """Make a module, run it as `run_layers` does and return it too; almost nothing is computed.

    The batch is empty and weights are not drawn, so that all shapes are there. (The meta device
    does the same, but its first use imports for 1.6 s.) Code that cannot run on an empty batch gets
    one image. What is no module is returned alone.
    """
    with torch.no_grad(), NothingIsDrawn():
        try:
            return _made_and_run(make, 0, shape)
        except Exception:
            return _made_and_run(make, 1, shape)


def _made_and_run(
    make: Callable[[], Any], batch: int, shape: Sequence[int]
) -> tuple[Any, list[tuple[nn.Module, tuple[int, ...]]], Any]:
    module = make()
    if not isinstance(module, nn.Module):
        return module, [], None
    calls, output = run_layers(module.eval(), [torch.zeros(batch, *shape[1:])])
    return module, calls, logits_in(output)


def logits_in(output: Any) -> Any:
    """Return the logits among the results of a forward that returns several.

    Of the tensors (N, C) those with the fewest columns may be logits, for hidden layers are wider;
    of these the first whose rows are no probabilities counts. Without any, the output itself.
    """
    if not isinstance(output, tuple | list | dict):
        return output
    parts = list(output.values()) if isinstance(output, dict) else list(output)
    rows = [p for p in parts if isinstance(p, torch.Tensor) and p.ndim == 2]
    rows = [p for p in rows if p.is_floating_point()]
    least = min((p.shape[1] for p in rows), default=0)
    narrow = [p for p in rows if p.shape[1] == least]
    return next((p for p in narrow if not _is_shares(p)), narrow[0] if narrow else output)


def _is_shares(y: torch.Tensor) -> bool:
    """Return whether all rows are probabilities or their logarithms."""
    with torch.no_grad():
        ones = torch.ones(len(y), device=y.device, dtype=y.dtype)
        return any(
            bool((shares >= 0).all()) and torch.allclose(shares.sum(1), ones, atol=1e-3)
            for shares in (y, y.exp())
        )


def layer_size(parameter: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a parameter; () for a lazy one that no forward has filled."""
    return () if is_lazy(parameter) else tuple(parameter.shape)


def repeats_to(value: torch.Tensor, place: torch.Tensor) -> bool:
    """Return whether a value fills a place when its axes of length 1 are repeated."""
    return value.ndim == place.ndim and all(
        a in (1, b) for a, b in zip(value.shape, place.shape, strict=True)
    )
