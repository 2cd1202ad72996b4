"""Devices as the book names them. Asking for a GPU that is not there is no error."""

from __future__ import annotations

import torch


def cpu() -> torch.device:
    """Return the CPU."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """Return GPU number `i`, whether it exists or not."""
    return torch.device(f"cuda:{i}")


def num_gpus() -> int:
    """Count the GPUs."""
    return torch.cuda.device_count()


def try_gpu(i: int = 0) -> torch.device:
    """Return GPU number `i` if it exists, the CPU otherwise."""
    return gpu(i) if num_gpus() > i else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return every GPU, or the CPU alone.

    Source: the 0.17 edition. 1.0 returns an empty list where there is no GPU, of no use to the
    code that takes its first entry.
    """
    return [gpu(i) for i in range(num_gpus())] or [cpu()]
