"""When students handed in, from a table of times, joined with who they are.

Here: which submission has which time, what to report, and what a later run lacks of it. Not here:
reading the table (`reading/times.py`), what lateness costs (`policy.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from grader.reading.matching import Matcher, find_all
from grader.reading.times import HandedIn
from grader.records import UNNAMED, Found, Identity
from grader.runs.stored_run import StoredRun, attendance_in, gradebook_in, latest_id, people_in
from grader.text import one_line

_MOST_NAMED = 20


@dataclass(frozen=True)
class Timed:
    """Owners with their times."""

    owners: tuple[Identity, ...]
    notes: tuple[str, ...]
    """Lines on what was found, and on who has no time."""


def timed(labels: Sequence[str], owners: Sequence[Identity], times: Sequence[HandedIn]) -> Timed:
    """Give owners the times of a table; who is not in it keeps what is known already.

    Args:
        labels: the names of their rows.
        owners: in the same order.
        times: one for each student.
    """
    matcher = Matcher([one.listed for one in times])
    at = {one.listed: one.at for one in times}
    made, missing = [], []
    for label, owner in zip(labels, owners, strict=True):
        if found := find_all(matcher, label, owner):
            # each member of a group has a row; they may differ where one handed in again
            made.append(replace(owner, handed_in=max((at[one] for one in found), key=_in_order)))
            continue
        made.append(owner)
        if not owner.handed_in:
            missing.append(one_line(label, limit=60))
    known = len(made) - len(missing)
    notes = [f"times of handing in: known for {known} of {len(made)} submissions"]
    if missing:
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        notes.append(f"  no time for ({len(missing)}): {', '.join(missing[:_MOST_NAMED])}{more}")
    return Timed(tuple(made), tuple(notes))


def _in_order(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def found_with_times(found: Found, times: Sequence[HandedIn]) -> tuple[Found, tuple[str, ...]]:
    """Return what was found with the times of its owners, and the lines to print."""
    every = found.submissions
    one = timed([s.student for s in every], [s.owner for s in every], times)
    submissions = tuple(replace(s, owner=owner) for s, owner in zip(every, one.owners, strict=True))
    return replace(found, submissions=submissions), one.notes


def run_with_times(run: StoredRun, times: Sequence[HandedIn]) -> tuple[StoredRun, tuple[str, ...]]:
    """Return a stored run with the times of its owners, and the lines to print."""
    owners = [run.people.get(result.key, UNNAMED) for result in run.results]
    one = timed([result.student for result in run.results], owners, times)
    people: Mapping[str, Identity] = {
        **run.people,
        **{r.key: owner for r, owner in zip(run.results, one.owners, strict=True)},
    }
    return replace(run, people=people), one.notes


def forgotten(out: Path, run: StoredRun) -> list[str]:
    """Return sentences on what the run before knew about students and this one does not.

    Args:
        out: the folder of the gradebook.
        run: the latest one.
    """
    with gradebook_in(out) as gradebook:
        number = latest_id(gradebook) - 1
        before = gradebook.run(number) if number > 0 else None
    if before is None or before.assignment != run.assignment:
        return []
    lines = []
    roster = attendance_in(before.options)
    if roster is not None and run.attendance is None:
        lines.append(
            f"The run before had a roster of {roster.count}, this one has none: who handed in "
            "nothing has no row. `grader report --roster FILE.csv` adds them."
        )
    lost = sum(
        bool(one.handed_in) and key in run.people and not run.people[key].handed_in
        for key, one in people_in(before.options).items()
    )
    if lost:
        lines.append(
            f"The run before knew when {lost} of these submissions were handed in, this one does "
            "not. `grader report --times FILE.csv` adds the times."
        )
    return lines
