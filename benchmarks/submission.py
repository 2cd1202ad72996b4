"""What the checks cost: processor seconds of a whole assignment, beyond a notebook's own cells.

A right notebook is graded with all exercises, without the trainings, and with no exercise at all;
grader and kernels are counted. The difference to the last is what the checks cost. Medians.
With `--phases`: six exercises of that notebook without its trainings, once right and once with two
of them wrong: the kernel with its own cells alone, and the whole; by the wall clock too.

    python benchmarks/submission.py [--repeats 5] [--notebook submissions/cnn/ada-k/hw2.ipynb]
        [--phases]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.course import load_assignment
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel.processes import ForkedProcess
from grader.reading.submissions import find_submissions
from grader.records import Submission

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def kernels_counted() -> Iterator[list[float]]:
    """Note the processor seconds of every kernel that ends, children included."""
    seconds: list[float] = []
    close = ForkedProcess.close

    def noted(process: ForkedProcess) -> None:
        still_there = process.alive >= 0
        close(process)
        if still_there and process._exited is not None:
            seconds.append(process._exited.cpu_s)

    ForkedProcess.close = noted  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        ForkedProcess.close = close  # type: ignore[method-assign]


def spent(
    grader: Grader, submission: Submission, *, judge: bool, right: bool = True
) -> tuple[float, float]:
    """Processor seconds of the grader and of the kernels for one notebook."""
    with kernels_counted() as kernels:
        started = time.process_time()
        if judge:
            result = grader.grade(submission)
            wrong = [e.name for e in result.exercises if e.points != e.max_points]
            assert bool(wrong) is not right, wrong
        else:
            with grader.open(submission):
                pass
        return time.process_time() - started, sum(kernels)


SIX = ("corr2d", "Conv2D", "corr2d_multi_in", "corr2d_multi_in_out", "pool2d", "vgg_block")
FAULTS = {".mean()": ".sum()", "for k in K], 0)": "for k in K], 1)"}


def six_alone(notebook: Path, folder: Path, faults: dict[str, str]) -> Submission:
    """Return a submission of the cells that import, or define one of the six exercises."""
    whole = json.loads(notebook.read_text(encoding="utf-8"))
    beginnings = (
        "import ",
        "from ",
        *(f"{word} {name}(" for word in ("def", "class") for name in SIX),
    )
    kept = []
    for cell in whole["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and text.startswith(beginnings):
            for right, wrong in faults.items():
                text = text.replace(right, wrong)
            kept.append({**cell, "source": text, "outputs": []})
    path = folder / "hw2.ipynb"
    path.write_text(json.dumps({**whole, "cells": kept}), encoding="utf-8")
    (submission,) = find_submissions([path], assignment="cnn")
    return submission


def by_phase(notebook: Path, repeats: int) -> None:
    """Print what a right and a wrong submission of six exercises cost, by phase."""
    for label, faults in (("right", {}), ("two wrong", FAULTS)):
        rows: dict[str, list[tuple[float, float, float]]] = {"own cells": [], "whole": []}
        with tempfile.TemporaryDirectory() as folder, Grader(Plan("cnn", only=SIX)) as grader:
            submission = six_alone(notebook, Path(folder), faults)
            for turn in range(repeats + 2):  # in the first two, what serves a class is worked out
                for phase, judge in (("own cells", False), ("whole", True)):
                    started = time.perf_counter()
                    ours, theirs = spent(grader, submission, judge=judge, right=not faults)
                    if turn > 1:
                        rows[phase].append((ours, theirs, time.perf_counter() - started))
        for phase, found in rows.items():
            ours, theirs, wall = (statistics.median(part) for part in zip(*found, strict=True))
            print(
                f"{label:10} {phase:10} processor {ours + theirs:5.2f} s   grader {ours:5.2f}   "
                f"kernels {theirs:5.2f}   wall {wall:5.2f} s"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--notebook", type=Path, default=ROOT / "submissions" / "cnn" / "ada-k" / "hw2.ipynb"
    )
    parser.add_argument("--phases", action="store_true")
    options = parser.parse_args()
    if options.phases:
        by_phase(options.notebook, options.repeats)
        return
    (submission,) = find_submissions([options.notebook], assignment="cnn")
    names = [exercise.name for exercise in load_assignment("cnn").exercises]
    plain = tuple(name for name in names if not name.endswith("_training"))
    rows: dict[str, list[tuple[float, float]]] = {}
    for label, only in (("all exercises", tuple(names)), ("without trainings", plain)):
        with Grader(Plan("cnn", only=only)) as grader:
            spent(grader, submission, judge=True)  # what is worked out once for a class
            for _ in range(options.repeats):
                rows.setdefault(label, []).append(spent(grader, submission, judge=True))
                rows.setdefault("own cells", []).append(spent(grader, submission, judge=False))
    own = statistics.median(map(sum, rows["own cells"]))
    for label, found in rows.items():
        ours, theirs = (statistics.median(part) for part in zip(*found, strict=True))
        total = statistics.median(map(sum, found))
        print(
            f"{label:18} {total:6.2f} s   grader {ours:5.2f}   kernels {theirs:5.2f}   "
            f"beyond own cells {total - own:6.2f}"
        )


if __name__ == "__main__":
    main()
