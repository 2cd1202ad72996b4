"""What workers bring: a class of right submissions with one worker and with two, start included.

Each row is a fresh `grader grade` as a process, in turn with `import torch`. Processor seconds are
sampled from `/proc` over the whole tree of processes, because a killed process takes what its own
children spent with it; the last look before an end is missed, so they are a little low.

    python benchmarks/workers.py [--submissions 12] [--jobs 1,2] [--repeats 1]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from grader.kernel.process_tree import tree_of

SIX = "corr2d,corr2d_multi_in,corr2d_multi_in_out,corr2d_multi_in_out_1x1,pool2d,comp_conv2d"
RIGHT = """import torch
from torch import nn

def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y

def corr2d_multi_in(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K))

def corr2d_multi_in_out(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], 0)

def corr2d_multi_in_out_1x1(X, K):
    c_i, h, w = X.shape
    c_o = K.shape[0]
    return torch.matmul(K.reshape((c_o, c_i)), X.reshape((c_i, h * w))).reshape((c_o, h, w))

def pool2d(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    Y = torch.zeros((X.shape[0] - p_h + 1, X.shape[1] - p_w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            part = X[i:i + p_h, j:j + p_w]
            Y[i, j] = part.max() if mode == "max" else part.mean()
    return Y

def comp_conv2d(conv2d, X):
    X = X.reshape((1, 1) + X.shape)
    Y = conv2d(X)
    return Y.reshape(Y.shape[2:])
"""
_LOOK_S = 0.05
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Return wall seconds of a command, and processor seconds of all processes under it."""
    seen: dict[tuple[int, str], int] = {}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        for pid in tree_of(process.pid):
            try:
                text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            seen[pid, fields[19]] = int(fields[11]) + int(fields[12])  # its own, without children
        time.sleep(_LOOK_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, sum(seen.values()) / _TICKS_A_SECOND


def write_class(folder: Path, count: int) -> None:
    """Write right notebooks; each differs in its text, so that no result is reused."""
    for number in range(count):
        cells = [nbformat.v4.new_code_cell(text) for text in (RIGHT, f"number = {number}")]
        place = folder / f"student-{number}"
        place.mkdir(parents=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), place / "hw2.ipynb")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", default=SIX)
    options = parser.parse_args()
    jobs = options.jobs.split(",")
    rows: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        handed_in = Path(folder) / "class"
        write_class(handed_in, options.submissions)
        for turn in range(options.repeats):
            rows.setdefault("import torch", []).append(
                timed([sys.executable, "-c", "import torch"])
            )
            for number in jobs:
                command = [
                    sys.executable, "-m", "grader", "grade", str(handed_in), "--quiet", "--strict",
                    "--only", options.only, "--jobs", number, "--out", f"{folder}/{turn}-{number}",
                ]  # fmt: skip
                rows.setdefault(f"{number} worker(s)", []).append(timed(command))
    print(f"load {os.getloadavg()[0]:.1f}, {options.submissions} submissions, medians")
    unit = statistics.median(wall for wall, _ in rows["import torch"])
    for name, found in rows.items():
        wall, spent = (statistics.median(column) for column in zip(*found, strict=True))
        row = f"  {name:14} {wall:7.2f} s wall {spent:7.2f} s CPU"
        print(f"{row} {wall / unit:6.2f} times import torch")


if __name__ == "__main__":
    main()
