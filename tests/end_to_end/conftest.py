"""The commands as a user or a script types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

HONEST = """
import torch
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y
"""


class Printed(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def run_grader(*args: object, cwd: Path, **environment: str) -> Printed:
    done = subprocess.run(
        [sys.executable, "-m", "grader", *map(str, args)], cwd=cwd, capture_output=True,
        encoding="utf-8", errors="replace", check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "100", **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Printed(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def honest() -> str:
    """A cell that defines a right `corr2d`."""
    return HONEST


@pytest.fixture(scope="session")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Printed]:
    """Run `python -m grader` in an empty folder, or in `cwd`."""
    empty = tmp_path_factory.mktemp("empty")

    def run(*args: object, cwd: Path = empty, **environment: str) -> Printed:
        return run_grader(*args, cwd=cwd, **environment)

    return run
