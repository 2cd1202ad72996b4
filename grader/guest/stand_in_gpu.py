"""Without a GPU, `cuda` means the CPU: notebooks for hosted services often use `cuda` unasked.

`.cuda()`, `.to("cuda:0")`, `device="cuda"` and the like work, and give tensors of the CPU. Whether
there is a GPU is tested at each such call, so that a kernel with a GPU uses it.
`torch.cuda.is_available()` and `device_count()` report the real machine.
Not here: what a course's library says of devices.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit import _builtins
from torch.utils import _device

_MAKERS = """
    arange as_tensor empty empty_like eye from_numpy full full_like linspace load logspace ones
    ones_like rand rand_like randint randint_like randn randn_like randperm set_default_device
    tensor zeros zeros_like
"""
_MARK = "_stands_in"


def places() -> dict[tuple[Any, str], Callable[..., Any]]:
    """Return the functions that are replaced, with their replacements."""
    return (
        {(kind, "to"): _moved for kind in (Tensor, nn.Module)}
        | {(kind, "cuda"): _left_where_it_is for kind in (Tensor, nn.Module)}
        | {(torch, name): _moved for name in _MAKERS.split()}
        | {(Tensor, f"new_{name}"): _moved for name in ("full", "ones", "tensor", "zeros")}
        | {(torch.cuda, "get_device_name"): _named}
        | {(torch.cuda, name): _nothing for name in ("reset_peak_memory_stats", "synchronize")}
    )


def install() -> None:
    """Change torch as the docstring of this module says; a second call changes nothing."""
    if hasattr(Tensor.to, _MARK):
        return
    # torch keeps a table of the functions that obey `with torch.device(...)`: the real ones
    getattr(_device, "_device_constructors", tuple)()
    for (owner, name), instead in places().items():
        _wrap(owner, name, instead)


def _wrap(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return instead(original, *args, **kwargs)

    setattr(call, _MARK, True)
    setattr(owner, name, call)
    if operator := _builtins._find_builtin(original):  # type: ignore[no-untyped-call]
        # TorchScript finds the operators of torch by their Python functions
        _builtins._register_builtin(call, operator)


def _moved(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    asks = any(map(_is_gpu, args)) or any(map(_is_gpu, kwargs.values()))
    if asks and not torch.cuda.is_available():
        args = tuple(_cpu_for(value) for value in args)
        kwargs = {name: _cpu_for(value) for name, value in kwargs.items()}
    return original(*args, **kwargs)


def _left_where_it_is(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> Any:
    return original(it, *args, **kwargs) if torch.cuda.is_available() else it


def _nothing(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return original(*args, **kwargs) if torch.cuda.is_available() else None


def _named(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return original(*args, **kwargs) if torch.cuda.is_available() else "no GPU: this is the CPU"


def _is_gpu(value: Any) -> bool:
    if isinstance(value, str):
        return value == "cuda" or value.startswith("cuda:")
    return isinstance(value, torch.device) and value.type == "cuda"


def _cpu_for(value: Any) -> Any:
    return torch.device("cpu") if _is_gpu(value) else value
