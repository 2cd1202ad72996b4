"""What a cell sets for the rest of its process does not reach the questions."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from grader.guest.fresh_state import FreshState


def leave_autocast_on() -> None:
    torch.set_autocast_enabled("cpu", True)


def set_backend(name: str, flag: str) -> None:
    backend = getattr(torch.backends, name)
    setattr(backend, flag, not getattr(backend, flag))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("change", "ask"),
    [
        (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
        (lambda: torch.set_default_device("meta"), torch.get_default_device),
        (leave_autocast_on, lambda: torch.is_autocast_enabled("cpu")),
        (
            lambda: torch.use_deterministic_algorithms(True),
            torch.are_deterministic_algorithms_enabled,
        ),
        (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters)),
        (lambda: torch.set_printoptions(precision=1), lambda: repr(torch.tensor([0.123]))),
        (lambda: np.set_printoptions(precision=1), lambda: repr(np.array([0.123]))),
        (lambda: np.seterr(all="raise"), np.geterr),
        (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
        (
            lambda: torch.set_float32_matmul_precision("medium"),
            torch.get_float32_matmul_precision,
        ),
        (lambda: torch.set_num_threads(3), torch.get_num_threads),
        (lambda: set_backend("cudnn", "enabled"), lambda: torch.backends.cudnn.enabled),
        (lambda: set_backend("cudnn", "allow_tf32"), lambda: torch.backends.cudnn.allow_tf32),
        (lambda: set_backend("mkldnn", "enabled"), lambda: torch.backends.mkldnn.enabled),
        (
            lambda: torch.set_warn_always(True),
            torch.is_warn_always_enabled,
        ),
    ],
)
def test_what_a_cell_sets_is_put_back(
    change: Callable[[], object], ask: Callable[[], object]
) -> None:
    fresh = FreshState()
    before = ask()
    try:
        change()
        assert ask() != before
    finally:
        fresh.put_back()
    assert ask() == before
