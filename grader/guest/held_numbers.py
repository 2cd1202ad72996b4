"""Inside the sandbox: multiplies tensors of given numbers that objects of a notebook hold.

A cell that runs again with other data may find them in a dictionary, a data set or a loader of an
earlier cell. Here: finding and multiplying them there, and putting the old numbers back. Not here:
data that a name holds (`recorder.py`).
Not covered: data behind the arguments of a function, in iterators that have begun, in copies that
an object changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

_DEPTH = 5  # a loader's sampler holds the data set, whose tensors lie in a tuple
_MOST_OBJECTS = 5_000
_OTHERS = (type, ModuleType, FunctionType, nn.Module, str, bytes, int, float)


@contextmanager
def multiplied(
    values: Iterable[Any], is_wanted: Callable[[Any], bool], factor: float | Tensor
) -> Iterator[None]:
    """Multiply in place the wanted tensors inside objects; restore them at the end."""
    with ExitStack() as stack, torch.no_grad():
        for tensor in _inside(values):
            if is_wanted(tensor):
                stack.callback(partial(_restore, tensor, tensor.clone()))
                with suppress(RuntimeError):  # one number stands for many: `expand`
                    tensor.copy_(times(tensor, factor))
        with torch.enable_grad():
            yield


def times(tensor: Tensor, factor: float | Tensor) -> Tensor:
    """Multiply all numbers by one factor, or each by its own."""
    if isinstance(factor, Tensor):
        return tensor * factor.reshape(tensor.shape).to(tensor.dtype)
    return tensor * factor


def _restore(tensor: Tensor, before: Tensor) -> None:
    with torch.no_grad(), suppress(RuntimeError):
        tensor.copy_(before)


def _inside(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors inside objects, and not those that are values themselves."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    level = [held for value in values if type(value) is not Tensor for held in _held_by(value)]
    for _ in range(_DEPTH):
        fresh = {id(value): value for value in level if id(value) not in seen}
        seen |= fresh.keys()
        found |= {key: value for key, value in fresh.items() if type(value) is Tensor}
        if len(seen) > _MOST_OBJECTS:
            break
        level = [held for value in fresh.values() for held in _held_by(value)]
    return list(found.values())


def _held_by(value: Any) -> list[Any]:
    """Return what an object holds, by its type: properties of the notebook's are not asked."""
    if type(value) is dict:
        return list(value.values())[:_MOST_OBJECTS]
    if type(value) in (list, tuple):
        return list(value[:_MOST_OBJECTS])
    if value is None or issubclass(type(value), (*_OTHERS, Tensor)):
        return []
    with suppress(AttributeError, TypeError):
        return list(object.__getattribute__(value, "__dict__").values())[:_MOST_OBJECTS]
    return []
