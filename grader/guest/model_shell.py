"""Inside the sandbox: gives a model the parameters of a probe, and keeps its structure.

A model that is replaced by a probe keeps its containers and the names of its layers. The
probe's layers become the first, the middle and the last layer with parameters; the others have
none. So an optimiser of `model.net[-1].parameters()` gets a part of the probe, as it would get a
part of the model; the same holds for a loop that freezes `net.0`.

Here: which layer becomes which. Not here: recording the probe (`training_replay.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from grader.wire.torch_internals import buffers_of, parameters_of, parts_of


def dress(module: nn.Module, parts: list[nn.Module]) -> list[nn.Module]:
    """Replace a module's layers by parts, and remove all its other parameters.

    An optimiser that the module holds gets the new parameters in place of the old ones.

    Args:
        module: changed in place.
        parts: the probe's, in order; each stands at another layer where there are enough.

    Returns:
        The module and those inside it that hold every part: the probe computes their forward.
    """
    layers = _layers(module)
    instead: dict[int, list[nn.Parameter]] = {}
    if layers:
        _replace(layers, parts, instead)
        for inner in module.modules():
            if not any(inner is each for part in parts for each in part.modules()):
                _strip(inner)
    else:
        _strip(module)
        parts_of(module).clear()
        parts_of(module)["net"] = nn.Sequential(*parts)
    for value in vars(module).values():
        if isinstance(value, torch.optim.Optimizer):
            _hand_over(value, instead)
    whole = []
    for inner in module.modules():
        held = {id(each) for each in inner.modules()}
        if inner not in parts and all(id(part) in held for part in parts):
            whole.append(inner)
    return whole


@dataclass
class _Layer:
    """A layer with parameters of its own, and every place where it stands."""

    layer: nn.Module
    places: list[tuple[nn.Module, str]]
    """What holds it, and its name there: a model may keep one layer in several containers."""


def _layers(module: nn.Module) -> list[_Layer]:
    """Return the layers with parameters of their own, each once, in the order of the model."""
    found: dict[int, _Layer] = {}
    for holder in module.modules():
        for name, part in parts_of(holder).items():
            if part is not None and parameters_of(part) and not parts_of(part):
                found.setdefault(id(part), _Layer(part, [])).places.append((holder, name))
    # blocks come before the last layer, wherever their holders come
    return [found[id(part)] for part in module.modules() if id(part) in found]


def _replace(
    layers: list[_Layer], parts: list[nn.Module], instead: dict[int, list[nn.Parameter]]
) -> None:
    last = len(layers) - 1
    chosen: dict[int, nn.Module] = {}
    for number, part in enumerate(parts):
        place = round(number * last / max(1, len(parts) - 1))
        if place in chosen:
            chosen[place].add_module(f"further{number}", part)
        else:
            chosen[place] = part
    for place, replaced in enumerate(layers):
        part = chosen.get(place) or _empty(replaced.layer)
        for own, parameter in parameters_of(replaced.layer).items():
            new = [p for key, p in part.named_parameters() if (key == "bias") == (own == "bias")]
            instead[id(parameter)] = new
            for each in new:
                each.requires_grad_(parameter is None or parameter.requires_grad)
        for holder, name in replaced.places:
            parts_of(holder)[name] = part


def _empty(layer: nn.Module) -> nn.Module:
    """Return a layer without parameters whose weight can still be read and initialised."""
    empty = nn.Identity()
    for name, parameter in parameters_of(layer).items():
        if parameter is not None:
            lazy = nn.parameter.is_lazy(parameter)
            axes = (1 + (name == "weight")) if lazy else parameter.ndim
            vars(empty)[name] = torch.zeros([1] * axes)
    return empty


def _strip(module: nn.Module) -> None:
    parameters_of(module).clear()
    buffers_of(module).clear()


def _hand_over(optimiser: torch.optim.Optimizer, instead: dict[int, list[nn.Parameter]]) -> None:
    optimiser.state.clear()
    for group in optimiser.param_groups:
        group["params"] = [new for old in group["params"] for new in instead.get(id(old), [])]
