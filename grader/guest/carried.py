"""Inside the sandbox: what a probe's layers compute, where a notebook calls its model in parts.

A loop may call `head(body(x))`, or each layer of a model, with functions between them. The probe
has three layers with parameters; each computes its share. What one hands to the next passes
unchanged through what a notebook puts between: pooling, activations, another shape. So the answers
are those of the whole probe, and a graph that is cut between the parts stays cut.

Here: the shares and what passes. Not here: where the layers stand (`model_shell.py`), recording
(`training_replay.py`). Not covered: a function between two parts that is none of torch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from grader.wire.torch_internals import without_overloads

_SHAPES = {"view", "view_as", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "mean"}
_ACTIVATIONS = {"relu", "sigmoid", "tanh", "gelu", "elu", "selu", "silu", "mish", "hardtanh"}
_ACTIVATIONS |= {"hardswish", "leaky_relu", "softplus"}
_JOINS = {"add", "cat", "concat"}
_PASSES = _SHAPES | _ACTIVATIONS
_FAMILIES = ("pool", "dropout", "norm")
# up to a ReLU, up to the next, and the flat features to logits
_SHARES = (slice(0, 3), slice(3, 6), slice(6, 8))


class Carried(Tensor):
    """The features that one part of a probe hands to the next."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return the features themselves where a function between two layers gets them."""
        name = str(getattr(func, "__name__", "")).strip("_").removeprefix("i")
        given = args[0] if args else None
        if isinstance(given, Carried) and (
            name in _PASSES or any(family in name for family in _FAMILIES)
        ):
            return given
        if name in _JOINS and (joined := _joined(args)) is not None:
            return joined
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def _joined(args: Sequence[Any]) -> Tensor | None:
    """Return the features of a block whose branches are added or laid side by side."""
    parts = args[0] if isinstance(args[0], list | tuple) else args[:2]
    carried = [part for part in parts if isinstance(part, Carried)]
    return carried[0] if carried and len(carried) == len(parts) else None


def share_of(layers: nn.Sequential, number: int, x: Tensor) -> Tensor:
    """Compute the share of the first, second or last part of a probe's layers.

    Args:
        layers: of a `ProbeNetwork`.
        number: 0, 1 or 2.
        x: images in the probe's size, or features in any shape.
    """
    with without_overloads():
        features = x.as_subclass(Tensor)
        if number == 1:  # flattened before the second part
            channels = int(layers[1].num_channels)  # type: ignore[arg-type]
            side = int((features[0].numel() // channels) ** 0.5)
            features = features.reshape(len(features), channels, side, side)
        for layer in list(layers)[_SHARES[number]]:
            features = type(layer).forward(layer, features)
    return features


def carry(features: Tensor) -> Carried:
    """Let features pass through functions between layers."""
    return features.as_subclass(Carried)
