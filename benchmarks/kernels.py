"""What kernels hold: proportional memory that each one adds, and the peak of a whole run.

Kernels of a right notebook of six exercises are forked one after another from one warm process and
kept open; what a kernel adds is what the tree of processes holds more than before. The peak is of
a `grader grade` of twelve submissions, looked at every 0.05 s.

    python benchmarks/kernels.py [--kernels 6] [--submissions 12]
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
from pathlib import Path

from _measure import grade, measured, proportional_mib, setting
from _notebooks import ANSWERS, IMPORTS, SIX, write_class

from grader.course import load_course
from grader.kernel.execution import run_notebook
from grader.kernel.processes import WarmParent
from grader.records import Cell, Limits


def added(count: int) -> tuple[float, list[float]]:
    """Return what a warm process holds, and what each kernel that is kept open adds, in MiB."""
    sources = [IMPORTS, *ANSWERS.values(), "corr2d(torch.ones(3, 3), torch.ones(2, 2))"]
    cells = [Cell(number, "code", source) for number, source in enumerate(sources)]
    alone = proportional_mib(os.getpid())
    warm = WarmParent(environment=load_course().environment)
    runs = []
    try:
        warm.wait()
        held = [proportional_mib(os.getpid())]
        for _ in range(count):
            run = run_notebook(cells, warm, Limits(), seed=0)
            runs.append(run)
            assert all(cell.status == "ok" for cell in run.cells), run.cells
            held.append(proportional_mib(os.getpid()))
    finally:
        for run in runs:
            run.close()
        warm.close()
    return held[0] - alone, [after - before for before, after in itertools.pairwise(held)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", type=int, default=6)
    parser.add_argument("--submissions", type=int, default=12)
    options = parser.parse_args()
    warm, each = added(options.kernels)
    print(f"\nProportional memory; {setting()}\n")
    print("| | MiB |\n|---|---|")
    print(f"| warm process, once a worker | {warm:.0f} |")
    print(f"| each kernel, median of {len(each)} | {statistics.median(each):.0f} |")
    print(f"| each kernel, at most | {max(each):.0f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        handed_in = Path(folder) / "class"
        write_class(handed_in, options.submissions, half_wrong=True)
        for jobs in ("1", "2"):
            wanted = ("--only", ",".join(SIX), "--jobs", jobs)
            spent = measured(grade(handed_in, Path(folder) / jobs, *wanted), memory=True)
            label = f"all processes of a run, {jobs} worker(s)"
            print(f"| {label}, at most | {spent.peak_mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
