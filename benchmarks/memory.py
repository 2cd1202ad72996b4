"""What a worker holds: its memory after a class, one submission after another in one process.

Small notebooks with two or three right or wrong answers each, and three wrong VGGs, whose mistakes
are recognised by running the known wrong networks of the bank in the worker. Printed: the resident
memory of the worker, and of it the part that no other process shares.

    python benchmarks/memory.py [--submissions 300]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Cell, Submission
from grader.runs import worker_memory

_FEWEST = 8
WRONG_HEADS = (
    "nn.LazyLinear(4096), nn.ReLU(), nn.LazyLinear(4096), nn.ReLU(), nn.LazyLinear(num_classes)",
    "nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.2),"
    " nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.2), nn.LazyLinear(num_classes)",
    "nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(4096), nn.ReLU(),"
    " nn.Dropout(0.5), nn.LazyLinear(num_classes), nn.Softmax(dim=1)",
)
NAMED = ("no unit is dropped in training", "dropout of 0.2 in place of 0.5", "softmax at the end")
VGG = """
import torch
from torch import nn
from d2l import torch as d2l
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))
class VGG(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        blocks = [vgg_block(*one) for one in arch]
        self.net = nn.Sequential(*blocks, nn.Flatten(), HEAD)
"""
CORR2D = """
import torch
def corr2d(X, K):  # NUMBER
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * KERNEL).sum()
    return Y
def comp_conv2d(conv2d, X):
    return conv2d(X.reshape((1, 1) + X.shape)).reshape(X.shape)
"""


def class_of(count: int) -> list[str]:
    """Return the notebooks: three wrong VGGs in the first half, small ones around them."""
    notebooks = [
        CORR2D.replace("NUMBER", str(number)).replace("KERNEL", "K" if number % 3 else "K.flip(0)")
        for number in range(count)
    ]
    for number, head in enumerate(WRONG_HEADS, 1):
        notebooks[min(count - 1, number * count // 8)] = VGG.replace("HEAD", head)
    return notebooks


def held() -> tuple[int, int]:
    """Return resident and private memory of this process in MiB."""
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    kib = {name: int(value) for name, value in re.findall(r"(\w+): +(\d+) kB", text)}
    return kib["Rss"] >> 10, (kib["Private_Clean"] + kib["Private_Dirty"]) >> 10


def show(label: str, first: int) -> int:
    """Print one row, with the difference to the first; return what is resident."""
    resident, private = held()
    more = f"{resident - first:+d}" if first else ""
    print(f"{label:>24} {resident:>9} {private:>9} {more:>7}", flush=True)
    return resident


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=300)
    count = parser.parse_args().submissions
    if count < _FEWEST:
        parser.error(f"at least {_FEWEST}: the first half holds three wrong networks")
    shown = {1, count, *(n for n in (10, 50, 100, 150, 200) if n < count)}
    named: set[str] = set()
    with Grader(Plan("cnn")) as grader:
        worker_memory.settle()
        print(f"{'submissions':>24} {'resident':>9} {'private':>9}   MiB")
        first = show("none", 0)
        for number, source in enumerate(class_of(count), 1):
            cells = (Cell(0, "code", source),)
            submission = Submission(f"s{number}", f"{number}.ipynb", f"{number:064x}", cells)
            result = grader.grade(submission)
            worker_memory.give_back()
            titles = {e.mistake.title for e in result.exercises if e.mistake}
            if "HEAD" not in source and "VGG" in source:
                named |= titles
                show(f"{number}, a wrong VGG", first)
            elif number in shown:
                show(str(number), first)
    assert named >= set(NAMED), named


if __name__ == "__main__":
    main()
