"""Two submissions at a time: what one spends is no loss of the other."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.conftest import CHECKOUT, RIGHT

CROWD = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
started, (gate, opener) = [], os.pipe()
try:
    while len(started) < 60:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.close(opener)
            os.read(gate, 1)  # until all are there
            {busy}
        started.append(pid)
except OSError:
    pass
os.close(opener)
time.sleep(4)
for pid in started:
    os.kill(pid, signal.SIGKILL)
"""
BUSY = {
    "busy children": "while True: pass",
    "children that start children": ("while True:\n                if os.fork() == 0: os._exit(0)"),
}
LEARNS = """
import torch
from torch import nn
X = torch.ones((6, 8)); X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
X, Y = X.reshape((1, 1, 6, 8)), Y.reshape((1, 1, 6, 7))
for i in range(20):
    l = (conv2d(X) - Y) ** 2
    conv2d.zero_grad()
    l.sum().backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
total = sum(i % 7 for i in range(3_000_000))
"""


@pytest.fixture(scope="module")
def checks_of_ada(tmp_path_factory, write_notebook):
    """Grade a class with two workers; return Ada's rows of checks.csv, seconds left out."""

    def grade(*attack: str) -> list[dict[str, str]]:
        folder = tmp_path_factory.mktemp("class")
        write_notebook(folder / "cnn" / "ada" / "hw.ipynb", RIGHT, LEARNS)
        if attack:
            write_notebook(folder / "cnn" / "mallory" / "hw.ipynb", *attack)
        subprocess.run(
            [sys.executable, "-m", "grader", "grade", "cnn", "--jobs", "2", "--quiet",
             "--only", "corr2d,learn_kernel", "--out", "out"],
            cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip
        return _rows(folder / "out" / "checks.csv")

    return grade


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["student"] == "ada"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def alone(checks_of_ada):
    rows = checks_of_ada()
    assert {row["verdict"] for row in rows} == {"passed"}, rows
    return rows


@pytest.mark.parametrize("kind", BUSY)
def test_an_honest_submission_gets_the_same_checks_beside_a_crowd(checks_of_ada, alone, kind):
    attack = CROWD.format(busy=BUSY[kind])
    assert checks_of_ada(attack) == alone
