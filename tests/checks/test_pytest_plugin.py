"""What an instructor types to debug the checks of an exercise."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORR2D = """
import torch
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y
"""


def run_pytest(*args: object) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "exercises/cnn/corr2d", *map(str, args)]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_without_a_notebook_the_checks_are_skipped_with_the_remedy():
    code, printed = run_pytest("-rs")
    assert code == 0
    assert "no notebook is being graded: give one with --submission hw2.ipynb" in printed
    assert "6 skipped" in printed


def test_the_checks_run_on_a_notebook(tmp_path, write_notebook):
    wrong = CORR2D.replace("* K", "* K.flip(0, 1)")
    code, printed = run_pytest("--submission", write_notebook(tmp_path / "hw2.ipynb", wrong))
    assert code == 1
    assert "3 failed, 3 passed" in printed
    assert "is wrong at (0, 0)" in printed


def test_a_path_that_does_not_exist_is_told_once(tmp_path):
    code, printed = run_pytest("--submission", tmp_path / "hw3.ipynb")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert printed.count("hw3.ipynb does not exist; check the path.") == 1
    assert "Traceback" not in printed
