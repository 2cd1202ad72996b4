"""The commands as a user or a script types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from grader.cli import main

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


@pytest.fixture
def check_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Printed]]:
    """Run `grader check` in this process: one of its own takes four seconds to load torch twice."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]

    def run(*args: object, **environment: str) -> Printed:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["grader", "check", *map(str, args)])
            for name, value in {"COLUMNS": "100", **environment}.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        return Printed(int(ended.value.code or 0), out, err)

    yield run
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Printed]:
    """Run `python -m grader` in an empty folder, or in `cwd`."""
    empty = tmp_path_factory.mktemp("empty")

    def run(*args: object, cwd: Path = empty, **environment: str) -> Printed:
        return run_grader(*args, cwd=cwd, **environment)

    return run
