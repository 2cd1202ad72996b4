"""How long a student waits: `grader check` of one function, cold, against `import torch`.

Both are processes started in turn in one run, on the same machine under the same load; medians of
wall and processor seconds, and the ratio. Kernels that are killed count, as they have been waited
for by a process that was waited for itself.

    python benchmarks/check.py [--repeats 5] [--notebook hw2.ipynb] [--exercise corr2d]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

CORR2D = """import torch
from torch import nn

def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y
"""


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Return wall and processor seconds of a command, its waited-for children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--notebook", type=Path, help="A right one; one small cell without.")
    parser.add_argument("--exercise", default="corr2d")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notebook = options.notebook or Path(folder) / "hw2.ipynb"
        if options.notebook is None:
            cells = [nbformat.v4.new_code_cell(CORR2D)]
            nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
        check = [sys.executable, "-m", "grader", "check", str(notebook), options.exercise]
        ways = {"import torch": [sys.executable, "-c", "import torch"], "check": check}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        timed(check)  # files are read from disk once, and compiled
        for _ in range(options.repeats):
            for name, command in ways.items():
                found[name].append(timed(command))
    print(f"load {os.getloadavg()[0]:.1f}, {options.repeats} in turn, medians")
    for name, rows in found.items():
        wall, spent = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:14} {wall:6.2f} s wall {spent:6.2f} s CPU")
    pairs = zip(found["check"], found["import torch"], strict=True)
    ratios = [(a[0] / b[0], a[1] / b[1]) for a, b in pairs]
    wall, spent = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"  check is {wall:.2f} times import torch by wall time, {spent:.2f} by CPU")


if __name__ == "__main__":
    main()
