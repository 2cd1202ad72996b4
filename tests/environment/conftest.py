"""The course library as the sandbox sees it: on `sys.path`, a small budget, no screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest
import torch

from grader.course import load_course
from grader.guest import losses as noted
from grader.guest import training_settings

ENVIRONMENT = str(load_course().environment.folder)
if ENVIRONMENT not in sys.path:
    sys.path.insert(0, ENVIRONMENT)

mpl.use("Agg")


@pytest.fixture(autouse=True)
def budget() -> Iterator[Any]:
    """Six steps a fit, one thread; the settings module, to look into."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    training_settings.configure(training_s=30.0, training_steps=6)
    yield training_settings
    training_settings.configure()
    torch.set_num_threads(threads)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What `Tensor.backward` starts from is noted, of cell 0; the module, to look into."""
    monkeypatch.setattr(torch.Tensor, "backward", torch.Tensor.backward)
    noted.watch()
    noted.clear()
    noted.begin(0)
    yield noted
    noted.clear()
