"""Where a GPU is missing, its name means the CPU: notebooks from hosted services ask for one.

`.cuda()`, `.to("cuda:0")`, `device="mps"` and the like work, and give tensors of the CPU. Events,
streams, pinned memory, mixed precision and compilation do what a program can see of them: times,
order, float32 results. Whether there is a GPU is looked up at each such call, so that a kernel
which was given one uses it. `is_available()` and `device_count()` stay true to the machine.
Not here: what a course's library says of devices.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit import _builtins
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]
from torch.utils import _device

_MAKERS = """
    arange as_tensor asarray bartlett_window blackman_window empty empty_like empty_permuted
    empty_strided eye frombuffer from_numpy full full_like hamming_window hann_window kaiser_window
    linspace load logspace normal ones ones_like rand rand_like randint randint_like randn
    randn_like randperm range scalar_tensor set_default_device sparse_coo_tensor tensor
    tril_indices triu_indices zeros zeros_like
"""
_NEW = "empty empty_strided full ones tensor zeros"
_MARK = "_stands_in"
_DEVICES = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
_NO_GPU = "no GPU: this is the CPU"
_PROPERTIES = SimpleNamespace(
    name=_NO_GPU, major=0, minor=0, total_memory=0, multi_processor_count=0
)
# functions of a GPU's module, and what they return where it is missing
_ANSWERS: dict[Any, dict[str, Any]] = {
    torch.cuda: {
        "current_device": 0,
        "empty_cache": None,
        "get_device_capability": (0, 0),
        "get_device_name": _NO_GPU,
        "get_device_properties": _PROPERTIES,
        "ipc_collect": None,
        "max_memory_allocated": 0,
        "max_memory_reserved": 0,
        "mem_get_info": (0, 0),
        "memory_allocated": 0,
        "memory_reserved": 0,
        "memory_summary": _NO_GPU,
        "reset_accumulated_memory_stats": None,
        "reset_max_memory_allocated": None,
        "reset_peak_memory_stats": None,
        "set_device": None,
        "set_per_process_memory_fraction": None,
        "set_stream": None,
        "synchronize": None,
    },
    torch.mps: {
        "current_allocated_memory": 0,
        "driver_allocated_memory": 0,
        "empty_cache": None,
        "manual_seed": None,
        "recommended_max_memory": 0,
        "seed": None,
        "set_per_process_memory_fraction": None,
        "synchronize": None,
    },
    torch.xpu: {
        "current_device": 0,
        "empty_cache": None,
        "get_device_name": _NO_GPU,
        "get_device_properties": _PROPERTIES,
        "manual_seed": None,
        "manual_seed_all": None,
        "memory_allocated": 0,
        "set_device": None,
        "synchronize": None,
    },
}
_KIND_OF = {torch.cuda: "cuda", torch.mps: "mps", torch.xpu: "xpu"}


def places() -> dict[tuple[Any, str], Callable[..., Any]]:
    """Return the functions that are replaced, with their replacements."""
    silent = {
        (owner, name): functools.partial(_answered, _KIND_OF[owner], answer)
        for owner, answers in _ANSWERS.items()
        for name, answer in answers.items()
        if hasattr(owner, name)
    }
    made = {
        (torch.cuda, "Event"): functools.partial(_made, _Event),
        (torch.cuda, "Stream"): functools.partial(_made, _Stream),
        (torch.cuda, "stream"): functools.partial(_made, _Current),
        (torch.cuda, "device"): functools.partial(_made, _Current),
        (torch.cuda, "current_stream"): functools.partial(_made, _Stream),
        (torch.cuda, "default_stream"): functools.partial(_made, _Stream),
    }
    return (
        {(kind, "to"): _moved_to for kind in (Tensor, nn.Module)}
        | {
            (kind, name): functools.partial(_left_where_it_is, name)
            for kind in (Tensor, nn.Module)
            for name in ("cuda", "xpu")
        }
        | {(torch, name): _moved for name in _MAKERS.split()}
        | {(Tensor, f"new_{name}"): _moved for name in _NEW.split()}
        | {(kind, "type"): _typed for kind in (Tensor, nn.Module)}
        | {(nn.Module, "to_empty"): _moved, (torch, "Generator"): _moved}
        | {(_device.DeviceContext, "__init__"): _moved, (Tensor, "pin_memory"): _pinned}
        | {(torch.autocast, "__init__"): _plain_precision}
        | {(torch.amp.GradScaler, "__init__"): _plain_scale}
        | {(torch, "compile"): _uncompiled, (nn.Module, "compile"): _unchanged}
        | silent
        | made
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
    if isinstance(original, type):
        setattr(owner, name, _kind_of_either(original, instead))
        return

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return instead(original, *args, **kwargs)

    setattr(call, _MARK, True)
    setattr(owner, name, call)
    # a lazy parameter answers to listed functions alone, and is shown the one in their place
    if owner is Tensor and original in UninitializedTensorMixin._allowed_methods:
        UninitializedTensorMixin._allowed_methods.append(call)
    if operator := _builtins._find_builtin(original):  # type: ignore[no-untyped-call]
        # TorchScript finds the operators of torch by their Python functions
        _builtins._register_builtin(call, operator)


def _kind_of_either(original: type, instead: Callable[..., Any]) -> type:
    """Build a class that makes what `instead` returns, and knows both kinds as its instances."""

    class Either(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return instead(original, *args, **kwargs)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, (original, *_STANDS.get(original.__name__, ())))

        def __subclasscheck__(cls, subclass: type) -> bool:
            return type.__subclasscheck__(cls, subclass) or issubclass(subclass, original)

    # a class of the notebook that inherits from it inherits from the original
    def bases(self: Any, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (original,)

    shown = {"__doc__": original.__doc__, "__module__": original.__module__}
    return Either(original.__name__, (), shown | {"__mro_entries__": bases})


def _moved(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if any(map(_is_missing, args)) or any(map(_is_missing, kwargs.values())):
        args = tuple(_cpu_for(value) for value in args)
        kwargs = {name: _cpu_for(value) for name, value in kwargs.items()}
    if _is_number(kwargs.get("device")) and not torch.cuda.is_available():
        kwargs["device"] = torch.device("cpu")
    if kwargs.get("pin_memory") and not torch.cuda.is_available():
        kwargs["pin_memory"] = False
    return original(*args, **kwargs)


def _moved_to(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> Any:
    if args and _is_number(args[0]) and not torch.cuda.is_available():
        args = (torch.device("cpu"), *args[1:])
    return _moved(original, it, *args, **kwargs)


def _left_where_it_is(
    kind: str, original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any
) -> Any:
    return original(it, *args, **kwargs) if _DEVICES[kind].is_available() else it


def _typed(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> Any:
    asked = args[0] if args else kwargs.get("dtype", kwargs.get("dst_type"))
    name = f"{asked.__module__}.{asked.__name__}" if isinstance(asked, type) else asked
    if isinstance(name, str) and name.startswith("torch.cuda.") and not torch.cuda.is_available():
        return original(it, name.replace("torch.cuda.", "torch."), *args[1:])
    return original(it, *args, **kwargs)


def _pinned(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> Any:
    return original(it, *args, **kwargs) if torch.cuda.is_available() else it


def _answered(
    kind: str, answer: Any, original: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    return original(*args, **kwargs) if _DEVICES[kind].is_available() else answer


def _made(
    stand_in: Callable[..., Any], original: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    chosen = original if torch.cuda.is_available() else stand_in
    return chosen(*args, **kwargs)


def _plain_precision(
    original: Callable[..., Any], it: Any, device_type: str, *args: Any, **kwargs: Any
) -> None:
    if _is_missing(device_type):
        _check_arguments(original, it, device_type, *args, **kwargs)
        original(it, "cpu", enabled=False)
    else:
        original(it, device_type, *args, **kwargs)


def _plain_scale(
    original: Callable[..., Any], it: Any, device: str = "cuda", *args: Any, **kwargs: Any
) -> None:
    if _is_missing(device):
        _check_arguments(original, it, device, *args, **kwargs)
        original(it, "cpu", enabled=False)
    else:
        original(it, device, *args, **kwargs)


def _check_arguments(original: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Raise the TypeError that a call with these arguments would raise."""
    inspect.signature(original).bind(*args, **kwargs)


def _uncompiled(original: Callable[..., Any], model: Any = None, **kwargs: Any) -> Any:
    return (lambda later: later) if model is None else model


def _unchanged(original: Callable[..., Any], it: Any, *args: Any, **kwargs: Any) -> None:
    return None


class _Event:
    """A moment on the CPU's clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._at = 0.0

    def record(self, stream: Any = None) -> None:
        """Note the time: what was asked for before has been done."""
        self._at = time.perf_counter()

    def elapsed_time(self, end: _Event) -> float:
        """Return the milliseconds from this moment to another."""
        return (end._at - self._at) * 1000

    def query(self) -> bool:
        """Return whether all work is done, as it is on the CPU."""
        return True

    def wait(self, stream: Any = None) -> None:
        """Return at once."""

    def synchronize(self) -> None:
        """Return at once."""


class _Current:
    """The context in which a stream or a device is the current one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        pass


class _Stream(_Current):
    """The one order in which the CPU works."""

    def record_event(self, event: Any = None) -> Any:
        """Return an event of this moment."""
        event = _Event() if event is None else event
        event.record()
        return event

    def query(self) -> bool:
        """Return whether all work is done, as it is on the CPU."""
        return True

    def synchronize(self) -> None:
        """Return at once."""

    def wait_event(self, event: Any) -> None:
        """Return at once."""

    def wait_stream(self, stream: Any) -> None:
        """Return at once."""


_STANDS = {"Event": (_Event,), "Stream": (_Stream,)}


def _is_number(value: Any) -> bool:
    """Return whether a device is given by its number, which is that of a GPU."""
    return type(value) is int


def _is_missing(value: Any) -> bool:
    """Return whether a value names a GPU of a kind that this machine lacks."""
    if isinstance(value, torch.device):
        kind = value.type
    elif isinstance(value, str):
        kind = value.partition(":")[0]
    else:
        return False
    return kind in _DEVICES and not _DEVICES[kind].is_available()


def _cpu_for(value: Any) -> Any:
    return torch.device("cpu") if _is_missing(value) else value
