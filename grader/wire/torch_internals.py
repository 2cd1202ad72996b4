"""Uses of torch beyond its public interface, for every room.

Covered by `tests/test_third_party_internals.py`. Here: tensors without their overloads and their
changes in place, active modes, the tables of a module, how loaders fetch a batch, the start of
CUDA, the load of the compiler. Not here: their callers (`codec.py`, `guest/model_shell.py`,
`guest/loaders.py`, `sandbox/kernel_process.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data._utils.fetch import _MapDatasetFetcher


def without_overloads() -> AbstractContextManager[None]:
    """Return a context in which no subclass of `Tensor` runs code of its own."""
    return torch._C.DisableTorchFunctionSubclass()


def has_modes() -> bool:
    """Return whether a mode is active for all functions of torch, such as a default device.

    `get_default_device` takes 4 us to say that there is none.
    """
    return torch._C._len_torch_function_stack() > 0


def parts_of(module: nn.Module) -> dict[str, nn.Module | None]:
    """Return the table of a module's direct parts, to be read and changed.

    `named_children` leaves out a part that is there a second time, and empty places.
    """
    return module._modules


def parameters_of(module: nn.Module) -> dict[str, nn.Parameter | None]:
    """Return the table of a module's own parameters, to be read and changed.

    `named_parameters` leaves out those that are None, and with them what kind of layer it is.
    """
    return module._parameters


def buffers_of(module: nn.Module) -> dict[str, Tensor | None]:
    """Return the table of a module's own buffers, to be read and changed."""
    return module._buffers


def is_made(module: nn.Module) -> bool:
    """Return whether `nn.Module.__init__` has run for a module, so that it has its tables."""
    return "_modules" in vars(module)


def version_of(tensor: Tensor) -> int:
    """Return how often a tensor was changed in place, so that a change is seen without a look."""
    return tensor._version


def change_fetch(change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace the function by which loaders of data with places make a batch.

    Args:
        change: called with the function, which takes a fetcher and the places of a batch; returns
            what stands in for it.
    """
    fetcher: Any = _MapDatasetFetcher
    fetcher.fetch = change(fetcher.fetch)


def when_cuda_starts(call: Callable[[], None]) -> None:
    """Call a function as soon as torch starts CUDA in this process; at once where it has.

    torch queues `manual_seed` in the same place. Starting CUDA costs seconds and hundreds of MB.
    """
    torch.cuda._lazy_call(call)  # type: ignore[no-untyped-call]


def leave_compiler_out() -> None:
    """Let optimisers of this process work without torch's compiler.

    The first one loads it, only to be left alone by it: 2 s, and 140 MB for good.
    """
    for function in vars(torch.optim.Optimizer).values():
        if plain := getattr(function, "__wrapped__", None):
            plain.__dynamo_disable = plain


def print_options() -> dict[str, object]:
    """Return the table of torch's print options, to be read and changed.

    `set_printoptions` cannot set `sci_mode` back to what it is at the start.
    """
    return vars(torch._tensor_str.PRINT_OPTS)
