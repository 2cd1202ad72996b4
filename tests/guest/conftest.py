"""What runs beside student code, in this process: a small budget, losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from grader.guest import losses as noted
from grader.guest import training_settings


@pytest.fixture(autouse=True)
def _nothing_trained() -> None:
    """Let no training of a test before count as one of this process."""
    noted.clear()


@pytest.fixture
def budget() -> Iterator[Any]:
    """Six steps a fit; the settings module, to look into."""
    training_settings.configure(training_s=30.0, training_steps=6)
    yield training_settings
    training_settings.configure()


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What `Tensor.backward` starts from is noted, of cell 0; the module, to look into."""
    monkeypatch.setattr(torch.Tensor, "backward", torch.Tensor.backward)
    noted.watch()
    noted.clear()
    noted.begin(0)
    yield noted
    noted.clear()


@pytest.fixture
def run(shell: Any, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run one cell; returns what it printed, and raises what it raised."""

    def run_cell(source: str) -> str:
        capfd.readouterr()
        result = shell.run_cell(source, store_history=False)
        printed = capfd.readouterr().out
        if (error := result.error_before_exec or result.error_in_exec) is not None:
            raise error
        return printed

    return run_cell
