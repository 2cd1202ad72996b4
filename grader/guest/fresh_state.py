"""Resets the settings of Python, NumPy and torch to those of a fresh process.

A cell may change the default dtype, turn gradients off or make warnings errors, for all that
follows; the questions about its functions expect none of that.
Here: what is noted at the start, how it is put back, and the seeds of a question. Not here: names
of the notebook (`recorder.py`).
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import torch

from grader.guest import cheap_batches
from grader.wire.torch_internals import has_modes, print_options

_FLAGS = [
    (backend, flag)
    for backend in (torch.backends.cudnn, torch.backends.mkldnn)
    for flag in ("enabled", "deterministic", "benchmark", "allow_tf32")
]


class FreshState:
    """The settings as they are when this object is made."""

    def __init__(self) -> None:
        self._warnings = list(warnings.filters)
        self._numpy_errors = np.geterr()
        self._numpy_printing = np.get_printoptions()
        self._torch_printing = dict(print_options())
        self._dtype = torch.get_default_dtype()
        self._threads = torch.get_num_threads()
        self._precision = torch.get_float32_matmul_precision()
        self._flags = {(b, flag): getattr(b, flag) for b, flag in _FLAGS if hasattr(b, flag)}

    def put_back(self) -> None:
        """Restore the recorded settings; fast when nothing has changed."""
        cheap_batches.forget()
        if list(warnings.filters) != self._warnings:
            warnings.resetwarnings()  # which makes Python forget what it has shown
            filters: Any = warnings.filters
            filters[:] = self._warnings
        if np.geterr() != self._numpy_errors:
            np.seterr(**self._numpy_errors)
        if np.get_printoptions() != self._numpy_printing:
            np.set_printoptions(**self._numpy_printing)
        print_options().update(self._torch_printing)
        if torch.get_default_dtype() != self._dtype:
            torch.set_default_dtype(self._dtype)
        if has_modes() and torch.get_default_device().type != "cpu":
            torch.set_default_device(None)
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        if torch.are_deterministic_algorithms_enabled():
            torch.use_deterministic_algorithms(False)
        if torch.is_anomaly_enabled():
            torch.autograd.set_detect_anomaly(False)
        if torch.is_warn_always_enabled():
            torch.set_warn_always(False)
        if torch.get_float32_matmul_precision() != self._precision:
            torch.set_float32_matmul_precision(self._precision)
        torch.set_flush_denormal(False)  # which cannot be asked
        for (backend, flag), value in self._flags.items():
            if getattr(backend, flag) != value:
                setattr(backend, flag, value)
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                torch.set_autocast_enabled(device, False)


def set_seeds(seed: int) -> None:
    """Seed the random numbers of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # torch.manual_seed formats the stack three times, for devices that are not there: 0.7 ms a call
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
