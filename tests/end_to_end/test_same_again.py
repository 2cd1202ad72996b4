"""One class graded twice has the same points, verdicts and words, on a busy machine too."""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ONLY = "corr2d,corr2d_multi_in"
RANDOM = """
import random, torch
NAMES = {"x", "w", "b", "y"}
def corr2d_multi_in(X, K):
    parts = {str(i): corr2d(x, k) for i, (x, k) in enumerate(zip(X, K))}
    return sum(parts[name] for name in set(parts)) + 1e-3 * (hash("a") % 2) * torch.rand(1)
"""


@pytest.fixture(scope="module")
def class_of_two(tmp_path_factory, write_notebook, honest):
    """A class where one answer hangs on the hash seed and on random numbers."""
    folder = tmp_path_factory.mktemp("class")
    write_notebook(folder / "cnn" / "ann" / "hw2.ipynb", honest, RANDOM)
    write_notebook(folder / "cnn" / "bea" / "hw2.ipynb", honest.replace("* K", "* K.flip(0, 1)"))
    (folder / "cnn" / "notes.csv").write_text("not homework")
    with zipfile.ZipFile(folder / "cnn" / "bea" / "more.zip", "w") as archive:
        archive.writestr("desktop.ini", "")
    return folder


@pytest.fixture(scope="module")
def first(class_of_two, grader):
    """Return what the first of all runs wrote."""
    return graded(class_of_two, grader, "first", PYTHONHASHSEED="1")


def graded(folder, grader, out, **environment):
    printed = grader("grade", "cnn", "--only", ONLY, "--jobs", "1", "--quiet", "--out", out,
                     cwd=folder, **environment)  # fmt: skip
    assert printed.code == 0, printed
    with (folder / out / "checks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    return [{name: text for name, text in row.items() if name != "seconds"} for row in rows], (
        printed.out
    )


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep the processors busy with processes that this test starts and ends."""
    loop = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"
    processes = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_class_graded_twice_has_the_same_checks_on_a_busy_machine_too(
    class_of_two, grader, first
):
    with busy(2):  # as many as cores: each process of the run gets half of one
        again, _ = graded(class_of_two, grader, "second", PYTHONHASHSEED="12345")
    assert again == first[0]


def test_a_quiet_run_counts_what_was_passed_over(first):
    assert "passed over" in first[1]
    assert first[1].split()[0].isdigit()
    assert "report.html names them" in first[1]
