"""What a first failure costs: a submission with one mistake against a right one, with shrinking.

Each mistake is met for the first time by a worker that has graded right submissions, one exercise
after another; the failing example is shrunk, and the mistake compared with the known ones.

    python benchmarks/failures.py [--only corr2d,pool2d]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from _measure import setting
from _notebooks import ANSWERS, IMPORTS, SIX
from submission import kernels_counted

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.grading.sheet_files import cache_folder
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SIX))
    wanted = parser.parse_args().only.split(",")
    rows: list[tuple[float, ...]] = []
    print(f"\nA first failure, beyond a right submission; {setting()}\n")
    print("| | right wall s | more wall s | right CPU s | more CPU s |\n|---|---|---|---|---|")
    plan = Plan("cnn", only=SIX, cache=cache_folder(os.environ))
    with Grader(plan) as grader:
        for number in range(3):  # what serves a class is worked out in the first
            graded(grader, number, ANSWERS)
        for number, (name, old, new) in enumerate(FAULTS, start=3):
            if name not in wanted:
                continue
            wrong = {**ANSWERS, name: ANSWERS[name].replace(old, new)}
            assert wrong != ANSWERS, old
            wall, cpu, is_right = graded(grader, 2 * number, ANSWERS)
            assert is_right
            later_wall, later_cpu, is_right = graded(grader, 2 * number + 1, wrong)
            assert not is_right, new
            rows.append((wall, later_wall - wall, cpu, later_cpu - cpu))
            values = " | ".join(f"{value:.2f}" for value in rows[-1])
            print(f"| `{name}`: `{new}` | {values} |", flush=True)
    columns = [*zip(*rows, strict=True)]
    for label, of in (("median", statistics.median), ("most", max)):
        print(f"| {label} | {' | '.join(f'{of(column):.2f}' for column in columns)} |")


if __name__ == "__main__":
    main()
