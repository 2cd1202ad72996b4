"""What all reports of a class cost: tables, pages, and a feedback page for each student.

The sample class is graded once in another process, without its trainings; its results under other
names make the class. Printed: seconds, what the files hold, and what this process grew by.

    python benchmarks/reports.py [--students 300] [--repeats 3]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from _measure import ROOT, grade, measured, setting

from grader.course import load_assignment
from grader.records import SubmissionResult
from grader.report.writers import write_run
from grader.runs.stored_run import StoredRun, latest


def class_of(run: StoredRun, count: int) -> StoredRun:
    """Return the run with its results repeated under other names."""

    def repeated() -> Iterator[SubmissionResult]:
        for number in range(count):
            one = run.results[number % len(run.results)]
            key = f"{one.key.partition('-')[0]}-{number:016x}"
            yield replace(one, student=f"student-{number:04}", key=key)

    results = tuple(repeated())
    return replace(run, results=results, graded=results)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help="exercises; all but the trainings without")
    options = parser.parse_args()
    names = [one.name for one in load_assignment("cnn").exercises]
    plain = ",".join(name for name in names if not name.endswith("_training"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        handed_in = ROOT / "submissions"
        measured(grade(handed_in, out, "--assignment", "cnn", "--only", options.only or plain))
        run = class_of(latest(out), options.students)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = []
        for turn in range(options.repeats):
            started = time.perf_counter()
            files = write_run(run, Path(folder) / f"reports-{turn}")
            seconds.append(time.perf_counter() - started)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        held = sum(path.stat().st_size for path in files)
    print(
        f"\nAll reports of {options.students} students, {len(run.exercises)} exercises; {setting()}"
    )
    print("\n| seconds, median | files | MiB of files | MiB of memory |\n|---|---|---|---|")
    middle = statistics.median(seconds)
    print(f"| {middle:.2f} | {len(files)} | {held / 2**20:.1f} | {grown / 2**10:.0f} |")


if __name__ == "__main__":
    main()
