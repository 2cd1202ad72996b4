"""Inside the sandbox: draws the numbers of very large tensors at the cost of copying them.

A layer may have 100 million weights; drawing them takes half a second, and a notebook does so
several times. A tensor of more than `MOST` numbers is drawn in part, and the rest repeats that
part. The length of the part is prime, so that no two rows of a usual layer begin at the same place
and no two of its units are equal.

Here: the two draws that initialisers end in. Not here: models that are only looked at, whose
weights are not drawn at all (`layers.py`).
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.overrides import has_torch_function

MOST = 4_194_304
PART = 1_048_573
_MARK = "_draws_in_part"
_NAMES = ("uniform_", "normal_")


def install() -> None:
    """Let the draws of large tensors be cheap; a second call changes nothing."""
    for name in _NAMES:
        original = getattr(Tensor, name)
        if not hasattr(original, _MARK):
            setattr(Tensor, name, _in_part(original))


def _in_part(original: Any) -> Any:
    @functools.wraps(original)
    def draw(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not _is_large(self):
            return original(self, *args, **kwargs)  # type: ignore[no-any-return]
        flat = self.view(-1)
        part = original(flat[:PART], *args, **kwargs)
        whole = len(flat) // PART * PART
        flat[PART:whole].view(-1, PART).copy_(part)
        flat[whole:].copy_(part[: len(flat) - whole])
        return self

    setattr(draw, _MARK, True)
    return draw


def _is_large(tensor: Tensor) -> bool:
    """Return whether a tensor is drawn in part: large, in order, in this machine's memory."""
    return (
        tensor.numel() > MOST
        and not has_torch_function((tensor,))  # which comes back here, or draws nothing
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and tensor.is_contiguous()
        and not (tensor.requires_grad and torch.is_grad_enabled())  # an error of torch's own
    )
