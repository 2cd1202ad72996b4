"""The cells that did not run through, as a student's page tells them: causes before consequences.

Here: which failed cell to repair first, and what to do to see the same. Not here: why a cell failed
(`grading/absences.py`, `grading/missing_packages.py`), the page (`pages.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.records import CellRun
from grader.text import one_line

_MOST_LISTED = 12


@dataclass(frozen=True)
class Cause:
    """The first cell that failed by itself, and the cells that lack what it would have bound."""

    run: CellRun
    followers: str
    """Their numbers, in words; empty without any."""
    cells: frozenset[int] = frozenset()
    """The numbers of all of them, the first one included."""


def first_cause(runs: Sequence[CellRun]) -> Cause | None:
    """Return the first failed cell that is the student's to repair; None without one."""
    failed = [run for run in runs if run.failed and not run.excused]
    first = next((run for run in failed if run.cause is None and run.status != "not_run"), None)
    if first is None:
        return None
    reached = {first.index}
    for run in failed:
        if run.file == first.file and run.cause in reached:
            reached.add(run.index)
    return Cause(first, _listed(sorted(reached - {first.index})), frozenset(reached))


def to_see_the_same(runs: Sequence[CellRun]) -> str:
    """Return how to see the errors at home; empty where only this machine shows them.

    An error of missing files, packages or a connection, and the end of a time limit, is no error
    on another machine.
    """
    failed = [run for run in runs if run.failed]
    same = [run for run in failed if run.status == "raised" and not run.excused and not run.note]
    if not same:
        return ""
    if len(same) == len(failed):
        return "Restart the kernel and run all cells to see the same."
    cells = "cell" if len(same) == 1 else "cells"
    listed = _listed([run.index for run in same])
    return f"Restart the kernel and run all cells to see the same in {cells} {listed}."


def _listed(numbers: Sequence[int]) -> str:
    shown = [str(number) for number in numbers[:_MOST_LISTED]]
    if len(numbers) > _MOST_LISTED:
        return f"{', '.join(shown)} and {len(numbers) - _MOST_LISTED} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def in_words(run: CellRun) -> str:
    """Return a failed cell and its end in one sentence."""
    place = f"cell {run.index}" + (f", line {run.line}" if run.line else "")
    ended = {"timed_out": "took too long", "died": "ended the kernel"}.get(run.status, "failed")
    where = f"{one_line(run.file, limit=160)}, {place}" if run.file else place
    return f"{where[:1].upper()}{where[1:]} {ended}"
