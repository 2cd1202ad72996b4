"""What a failure costs: a submission with one mistake against a right one, with its reasons.

Each mistake is met three times. First by a worker that has graded right submissions: the failing
example is shrunk, and the mistake compared with the known ones. Then by the same worker in another
submission. Then by a new worker that finds on disk what the first has kept. All start with an
empty cache.

    python benchmarks/failures.py [--only corr2d,pool2d]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

from _measure import setting
from _notebooks import ANSWERS, IMPORTS, SIX
from submission import kernels_counted

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Cell, Submission

FAULTS = (
    ("corr2d", "(X[i:i + h, j:j + w] * K)", "(X[i:i + h, j:j + w] * K.flip(0))"),
    ("corr2d", "(X[i:i + h, j:j + w] * K).sum()", "(X[i:i + h, j:j + w] * K).mean()"),
    ("corr2d", "h, w = K.shape", "w, h = K.shape"),
    ("corr2d", "range(Y.shape[1])", "range(Y.shape[1] - 1)"),
    ("corr2d_multi_in", "zip(X, K))", "zip(X[:1], K))"),
    ("corr2d_multi_in", "zip(X, K))", "zip(X, K.flip(0)))"),
    ("corr2d_multi_in_out", "for k in K], 0)", "for k in K], 1)"),
    ("corr2d_multi_in_out", "for k in K], 0)", "for k in K.flip(0)], 0)"),
    ("corr2d_multi_in_out_1x1", "torch.matmul(", "2 * torch.matmul("),
    ("corr2d_multi_in_out_1x1", "((c_o, h, w))", "((c_o, w, h))"),
    ("pool2d", "part.mean()", "part.sum()"),
    ("pool2d", "part.max() if", "part.abs().max() if"),
    ("pool2d", "p_h, p_w = pool_size", "p_w, p_h = pool_size"),
    ("comp_conv2d", "Y.reshape(Y.shape[2:])", "Y.reshape(X.shape[2:])"),
    ("comp_conv2d", "Y.reshape(Y.shape[2:])", "Y"),
)


def graded(grader: Grader, number: int, answers: dict[str, str]) -> tuple[float, float, bool]:
    """Return wall and processor seconds of a submission, and whether it is right."""
    sources = (IMPORTS, *answers.values(), f"number = {number}")
    cells = tuple(Cell(position, "code", source) for position, source in enumerate(sources))
    submission = Submission(f"s{number}", f"{number}.ipynb", f"{number:064x}", cells)
    with kernels_counted() as kernels:
        wall, cpu = time.perf_counter(), time.process_time()
        result = grader.grade(submission)
        cpu = time.process_time() - cpu
        return time.perf_counter() - wall, cpu + sum(kernels), result.points == result.max_points


def more(grader: Grader, number: int, answers: dict[str, str]) -> tuple[float, float, float, float]:
    """Return wall and processor seconds of a right submission, and what a wrong one takes more."""
    wall, cpu, is_right = graded(grader, 2 * number, ANSWERS)
    assert is_right
    later_wall, later_cpu, is_right = graded(grader, 2 * number + 1, answers)
    assert not is_right
    return wall, cpu, later_wall - wall, later_cpu - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SIX))
    wanted = parser.parse_args().only.split(",")
    faults = [fault for fault in FAULTS if fault[0] in wanted]
    wrong = [{**ANSWERS, name: ANSWERS[name].replace(old, new)} for name, old, new in faults]
    numbers = itertools.count(3)
    met: dict[str, list[tuple[float, float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan("cnn", only=SIX, cache=Path(folder))
        for times in (("first", "again"), ("stored",)):
            with Grader(plan) as grader:
                for number in range(3):  # what serves a class is worked out in the first
                    graded(grader, number, ANSWERS)
                for answers in wrong:
                    for time_ in times:
                        found = more(grader, next(numbers), answers)
                        met.setdefault(time_, []).append(found)
    print(f"\nA failure, beyond a right submission, in seconds; {setting()}\n")
    print("| | right CPU | more CPU: first | again | stored | more wall: first | again | stored |")
    print("|---|---|---|---|---|---|---|---|")
    columns = [[row[1] for row in met["first"]]]
    columns += [[row[part] for row in met[time_]] for part in (3, 2) for time_ in met]
    labels = [f"`{name}`: `{new}`" for name, _, new in faults]
    for label, row in zip(labels, zip(*columns, strict=True), strict=True):
        print(f"| {label} | {' | '.join(f'{value:.2f}' for value in row)} |")
    for label, of in (("median", statistics.median), ("most", max)):
        print(f"| {label} | {' | '.join(f'{of(column):.2f}' for column in columns)} |")


if __name__ == "__main__":
    main()
