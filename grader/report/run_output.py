"""What `grader grade` prints at the end of a run: results on stdout, remarks on stderr.

Here: the order. Not here: each part (`terminal.py`, `missing.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from grader.points import Standing
from grader.report.missing import missing_in_words
from grader.report.overview import longest_of
from grader.report.terminal import (
    attendance_lines,
    lateness_lines,
    passed_over_view,
    summary_table,
)
from grader.runs.handing_in import forgotten
from grader.runs.stored_run import StoredRun


def print_run(run: StoredRun, out: Path, delivered: Sequence[str], *, quiet: bool) -> None:
    """Print the class, what is missing, what was passed over and what was written.

    Args:
        run: that has ended.
        out: the folder of its reports.
        delivered: lines on files for other systems.
        quiet: print only what needs a look.
    """
    if quiet:
        _quietly(run, out)
    else:
        _in_full(run, out)
    if delivered:
        print(*delivered, sep="\n")


def _in_full(run: StoredRun, out: Path) -> None:
    rows = (*run.results, *run.absent)
    after = [one.standing for one in run.adjusted] if run.policy.changes_points else []
    after += [Standing(max_points=run.most_after) for _ in run.absent if after]
    Console().print(summary_table(rows, max_points=run.max_points, adjusted=after))
    people = [*attendance_lines(run), *lateness_lines(run), *forgotten(out, run)]
    for lines in (people, missing_in_words(run.results)):
        if lines:
            print("", *lines, sep="\n")
    count = f"{len(run.results)} submission{'s' * (len(run.results) != 1)}"
    print(f"\n{run.origins.as_text()}")
    print(f"{count}; reports in {out / 'report.html'}")
    if longest := longest_of(run.results):
        print(f"longest: {longest}")
    Console().print(passed_over_view(run.passed_over))


def _quietly(run: StoredRun, out: Path) -> None:
    if again := run.origins.graded_again():
        print(again, file=sys.stderr)
    for note in (*(run.attendance.notes if run.attendance else ()), *forgotten(out, run)):
        print(note, file=sys.stderr)
    if run.passed_over:
        print(f"{len(run.passed_over)} passed over; {out / 'report.html'} names them")
