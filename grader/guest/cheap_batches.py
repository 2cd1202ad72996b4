"""Inside the sandbox: batches of full size that cost little, for loops that train for long.

A *repeated* batch has the size that was asked for and few different images, again and again: a
model computes these alone, and its answers are repeated. An *idle* batch is an earlier one again:
a model answers it from memory, new gradients are zero, and optimisers do nothing. So a loop goes
through all its batches when its time is spent, and finds every length as it expects it.

Here: what models and optimisers do with such batches. Not here: which batches are such
(`loaders.py`). Not covered: a network that is no `nn.Module` computes every row of every batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from grader.wire.torch_internals import version_of

_MARK = "_knows_cheap_batches"


@dataclass
class _State:
    """What the running cell was handed last."""

    idle: bool = False
    distinct: dict[int, int] = field(default_factory=dict)
    """The number of different rows of a repeated batch, by its size."""
    repeated: tuple[ref[Tensor], int] | None = None
    """The images of the last repeated batch, and how often they had been changed in place."""
    computing: bool = False
    """Whether a model is at work: its layers are asked by it."""
    answers: WeakKeyDictionary[nn.Module, dict[Any, Any]] = field(default_factory=WeakKeyDictionary)
    cleared: WeakSet[Any] = field(default_factory=WeakSet)
    """Optimisers and models whose gradients are zero since the batches are idle."""


_state = _State()


def forget() -> None:
    """Let models and optimisers work as in plain torch again."""
    global _state  # noqa: PLW0603
    _state = _State()


def set_idle(idle: bool) -> None:
    """Note whether the batch that is handed out next is idle."""
    if _state.idle and not idle:
        _state.answers.clear()
        _state.cleared.clear()
    _state.idle = idle


def is_idle() -> bool:
    """Return whether the last batch that was handed out is idle."""
    return _state.idle


def repeat(batch: list[Any] | tuple[Any, ...], most: int) -> list[Any] | tuple[Any, ...]:
    """Return a batch of the same size with its first `most` rows again and again."""
    whole = len(batch[0])
    if whole <= most or (_is_repeated(batch[0]) and _state.distinct.get(whole) == most):
        return batch
    fits = [isinstance(part, Tensor) and part.ndim and len(part) == whole for part in batch]
    parts = _again(batch, fits, most, whole)
    return parts if type(batch) is list else tuple(parts)


def fill(few: list[Tensor], whole: int) -> list[Any]:
    """Return a batch of `whole` rows that are the rows of a smaller one again and again.

    Args:
        few: images, and what belongs to each.
        whole: how many rows the batch is to have.
    """
    most = len(few[0])
    return few if whole <= most else _again(few, [True] * len(few), most, whole)


def _again(parts: Sequence[Any], fits: Sequence[Any], most: int, whole: int) -> list[Any]:
    rows = torch.arange(whole) % most
    made = [part[rows] if fit else part for part, fit in zip(parts, fits, strict=True)]
    _state.distinct[whole] = most
    if fits[0]:
        _state.repeated = ref(made[0]), version_of(made[0])
    return made


def _is_repeated(x: Tensor) -> bool:
    """Return whether images are those of the last repeated batch, unchanged."""
    if _state.repeated is None:
        return False
    made, version = _state.repeated
    return made() is x and version_of(x) == version


def install() -> None:
    """Let models and optimisers make use of cheap batches; a second call changes nothing."""
    if hasattr(nn.Module.__call__, _MARK):
        return
    _wrap(nn.Module, "__call__", _called)
    _wrap(nn.Module, "zero_grad", _zeroed)
    _wrap(Optimizer, "zero_grad", _zeroed)
    for kind in vars(torch.optim).values():
        if isinstance(kind, type) and issubclass(kind, Optimizer) and "step" in vars(kind):
            _wrap(kind, "step", _stepped)


def _wrap(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def call(it: Any, *args: Any, **kwargs: Any) -> Any:
        if not _state.idle and not _state.distinct:
            return original(it, *args, **kwargs)
        return instead(original, it, *args, **kwargs)

    setattr(call, _MARK, True)
    setattr(owner, name, call)


def _called(original: Callable[..., Any], model: nn.Module, *args: Any, **kwargs: Any) -> Any:
    tensor = bool(args) and isinstance(args[0], Tensor)
    if _state.computing or not tensor or not any(True for _ in model.parameters()):
        return original(model, *args, **kwargs)
    compute = functools.partial(_distinct_rows, original, model, *args, **kwargs)
    _state.computing = True
    try:
        return _from_memory(model, compute, args, kwargs) if _state.idle else compute()
    finally:
        _state.computing = False


def _from_memory(
    model: nn.Module, compute: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    given = [*args, *kwargs.values()]
    sizes = tuple(part.shape if isinstance(part, Tensor) else type(part) for part in given)
    key = model.training, sizes
    known = _state.answers.setdefault(model, {})
    if key not in known:
        with torch.no_grad():
            known[key] = compute()
    parameters = [p for p in model.parameters() if p.requires_grad]
    learns = torch.is_grad_enabled() and bool(parameters)

    def again(y: Tensor) -> Tensor:
        if learns and y.is_floating_point():
            answer: Tensor = _WithoutGradient.apply(y, *parameters)
            return answer
        return y.clone()

    return _map(again, known[key])


class _WithoutGradient(torch.autograd.Function):
    """A known answer, as if computed from parameters: their gradients stay, or become zero."""

    @staticmethod
    def forward(ctx: Any, answer: Tensor, *parameters: Tensor) -> Tensor:
        """Return a copy of the answer."""
        ctx.parameters = parameters
        return answer.clone()

    @staticmethod
    def backward(ctx: Any, _gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return zeros for parameters that have no gradient."""
        given = (torch.zeros_like(p) if p.grad is None else None for p in ctx.parameters)
        return None, *given


def _distinct_rows(
    original: Callable[..., Any], model: nn.Module, x: Tensor, *args: Any, **kwargs: Any
) -> Any:
    """Compute the answer to a repeated batch from its different rows."""
    whole = len(x) if x.ndim else 0
    most = _state.distinct.get(whole, whole)
    if most == whole or x.ndim != 4 or not _repeats(x, most):
        return original(model, x, *args, **kwargs)

    def few(part: Any) -> Any:
        fits = isinstance(part, Tensor) and part.ndim and len(part) == whole
        return part[:most] if fits else part

    rows = torch.arange(whole, device=x.device) % most

    def many(y: Tensor) -> Tensor:
        return y[rows] if y.ndim and len(y) == most else y

    with suppress(Exception):  # a forward that knows the size of its batches
        others = {name: few(part) for name, part in kwargs.items()}
        return _map(many, original(model, few(x), *map(few, args), **others))
    return original(model, x, *args, **kwargs)


def _repeats(x: Tensor, most: int) -> bool:
    """Return whether a batch is its first `most` rows again and again.

    Of a batch that was made here, changes through `.data` or NumPy are not seen.
    """
    # 25 MB that this module made need no look
    return _is_repeated(x) or torch.equal(x[most:], x[: len(x) - most])


def _map(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to the tensors of an answer, nested ones included."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_map(change, part) for part in value)
    if isinstance(value, dict):
        return type(value)({key: _map(change, part) for key, part in value.items()})
    return value


def _zeroed(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> None:
    if not _state.idle:
        original(it, *args, **kwargs)
    elif it not in _state.cleared:
        _state.cleared.add(it)
        original(it, set_to_none=False)


def _stepped(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> Any:
    if not _state.idle:
        return original(it, *args, **kwargs)
    closure = args[0] if args else kwargs.get("closure")
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
