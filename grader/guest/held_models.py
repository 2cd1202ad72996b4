"""Inside the sandbox: describes and copies the models that a notebook's names hold.

A notebook may hold a model without a class or function that is named after it: `net =
nn.Sequential(...)`. Its layers are listed, so that the trusted side can recognise it; a check that
would make a model gets a copy.

Here: layers and the libraries they come from, copies. Not here: which model answers an exercise
(`grading/held_models.py`, trusted side).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from grader.guest.recorder import Definition

_MOST_MODELS = 300
_MOST_LAYERS = 400


def rows(definitions: Iterable[Definition]) -> list[tuple[int, str, list[str], str]]:
    """List the last models with layers: number, class, origins of all parts, layers in words.

    A convolution is its kernel, `5x5`, and a linear layer `linear`, in module order; layers of
    other kinds are left out. An origin is the first part of the name of a class's module.
    """
    found = []
    for one in definitions:
        if one.kind != "module" or one.below:
            continue
        parts = list(one.value.modules())[:_MOST_LAYERS]
        if layers := " ".join(filter(None, map(_in_words, parts))):
            origins = sorted({str(type(part).__module__).partition(".")[0] for part in parts})
            found.append((one.number, type(one.value).__name__[:200], origins[:20], layers))
    return found[-_MOST_MODELS:]


def _in_words(part: nn.Module) -> str:
    if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return "x".join(map(str, part.kernel_size))
    return "linear" if isinstance(part, nn.Linear) else ""


def maker_of(target: Any, *, shared: bool = False) -> Any:
    """Return what makes a model: a class or factory itself, or a function that copies a model.

    The copy can be trained, and lies on the CPU. With `shared` it holds the model's own parameters:
    for a question about shapes, half a gigabyte need not be copied.
    """
    if not isinstance(target, nn.Module):
        return target
    model = target

    def make(*args: Any, **kwargs: Any) -> nn.Module:
        if args or kwargs:
            raise TypeError("this is one model that is made already, so it takes no arguments")
        kept = {id(p): p for p in model.parameters() if not is_lazy(p)}
        if shared and all(parameter.device.type == "cpu" for parameter in kept.values()):
            return copy.deepcopy(model, dict(kept))
        made = copy.deepcopy(model).cpu()
        for parameter in made.parameters():
            if not is_lazy(parameter):
                parameter.requires_grad_()
        return made

    return make
