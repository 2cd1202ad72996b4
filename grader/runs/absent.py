"""Students of a roster who handed in nothing: a row with 0 points for each.

Here: names for their rows, and comparing a stored run with another roster. Not here: who is who
(`reading/matching.py`), the roster's file (`reading/roster.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.reading.matching import Who, attendance
from grader.records import UNNAMED, Attendance, Identity, Listed, SubmissionResult
from grader.text import name as tidy_name
from grader.verdict import Status

NOTHING = "nothing was handed in"


def absent_results(
    attending: Attendance | None, taken: Sequence[str], assignment: str
) -> tuple[SubmissionResult, ...]:
    """Return a result for each absent student; no two have one name, nor that of a submission.

    Args:
        attending: the roster, compared with what was handed in; None without one.
        taken: the names of the submissions.
        assignment: its name.
    """
    if attending is None:
        return ()
    plain = [_name(one) for one in attending.absent]
    count = Counter([*plain, *taken])
    names, used = [], set(taken)
    for name, one in zip(plain, attending.absent, strict=True):
        number = next(iter((*one.ids, *one.logins, one.system_id)), "")
        made = f"{name} ({number})" if count[name] > 1 and number else name
        while made in used:
            made += f" (row {one.row + 1})"
        used.add(made)
        names.append(made)
    return tuple(
        SubmissionResult(f"absent {at}", name, "", assignment, Status.ABSENT, problem=NOTHING)
        for at, name in enumerate(names)
    )


def joined(
    results: Sequence[SubmissionResult], people: Mapping[str, Identity], roster: Sequence[Listed]
) -> tuple[dict[str, Identity], Attendance]:
    """Compare stored results with a roster; two results of one student stay two rows."""
    owners = [people.get(result.key, UNNAMED) for result in results]
    who = [Who(result.student, one) for result, one in zip(results, owners, strict=True)]
    matches, attending = attendance(who, roster)
    found = {
        result.key: replace(one, listed=match.listed, members=match.members)
        for result, one, match in zip(results, owners, matches, strict=True)
    }
    count = Counter(one.listed for one in found.values() if one.listed is not None)
    twice = [
        f"{_name(one)} has {many} rows; grade with --roster to make them one submission"
        for one, many in count.items()
        if many > 1
    ]
    return found, replace(attending, notes=(*attending.notes, *twice))


def _name(one: Listed) -> str:
    known = (one.name, *one.logins, *one.ids, one.system_id)
    return tidy_name(next((text for text in known if text), ""))
