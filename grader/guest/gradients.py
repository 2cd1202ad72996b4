"""Inside the sandbox: which parameters of a module a gradient reaches.

Each gradient is looked at and dropped as soon as it is there: those of a large model fill hundreds
of megabytes, and memory that is used for the first time costs more than the arithmetic.

Here: the way back through a result. Not here: the result (`server.py`), which parameters must be
reached (`checks/models.py`).
Not covered: student code shares this process and can change everything here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

_FIRST = 4_096


def reached_from(y: torch.Tensor, module: nn.Module) -> dict[str, bool]:
    """Back-propagate a result; return by parameter name whether a gradient other than 0 arrives.

    The numbers are weighted, because a plain sum of a softmax is constant.

    Args:
        y: the result.
        module: whose gradients were None before it was computed.
    """
    total: Any = (y.flatten() * torch.arange(1.0, y.numel() + 1)).sum()
    parameters = dict(module.named_parameters())
    able: list[Any] = [
        p for p in parameters.values() if p.requires_grad and p.is_leaf and not is_lazy(p)
    ]
    found: set[int] = set()

    def look(parameter: torch.Tensor) -> None:
        if _is_reached(parameter):
            found.add(id(parameter))
        parameter.grad = None

    hooks = [parameter.register_post_accumulate_grad_hook(look) for parameter in able]
    try:
        total.backward()
    finally:
        for hook in hooks:
            hook.remove()
    return {name: id(p) in found or _is_reached(p) for name, p in parameters.items()}


def _is_reached(parameter: torch.Tensor) -> bool:
    """Return whether a parameter has a gradient other than 0, looking at its first numbers first.

    `any` on the 17 million numbers of a large layer takes as long as computing them.
    """
    if parameter.grad is None:
        return False
    numbers = parameter.grad.reshape(-1)
    return bool(numbers[:_FIRST].any()) or bool(numbers.any())
