"""Which points differ between two runs of a gradebook, and why.

The reasons of a difference are what differs in the inputs of a result: the submission, the checks,
the grader, libraries and data, or a decision of an instructor. Where nothing differs, the result
itself is not steady, and the comparison says so.

Here: the comparison as data. Not here: the page and the text on the terminal
(`report/comparison.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from grader.errors import UsageError
from grader.points import standing
from grader.records import ExerciseResult, SubmissionResult
from grader.runs.origins import why_graded
from grader.runs.stored_run import StoredRun, gradebook_in, latest_id, stored_run

UNSTEADY = "nothing that decides a result changed: the result is not steady"
ADDED, REMOVED = "not in the earlier run", "not in the later run"


@dataclass(frozen=True)
class ExerciseChange:
    """The points of one exercise before and after; None where they are open or not asked for."""

    exercise: str
    before: Fraction | None
    after: Fraction | None
    verdicts: tuple[str, ...] = ()
    """Each check that ended otherwise: `test_values: failed, was passed`."""


@dataclass(frozen=True)
class Change:
    """What differs for one student."""

    student: str
    before: Fraction | None
    """Points before the policy; None where the run has no such student."""
    after: Fraction | None
    reasons: tuple[str, ...]
    exercises: tuple[ExerciseChange, ...] = ()
    adjusted: tuple[Fraction, Fraction] | None = None
    """Points after the policy, before and after, where they differ from the others."""


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side."""

    earlier: int
    later: int
    changes: tuple[Change, ...]
    same: int
    """How many students have the same points and verdicts in both runs."""


def compare_runs(out: Path, run: int | None = None) -> Comparison:
    """Compare the latest run of a gradebook with an earlier one.

    Args:
        out: the folder of the gradebook.
        run: number of the earlier run; None for the one before the latest.

    Raises:
        UsageError: there is no such run.
    """
    with gradebook_in(out) as gradebook:
        latest = latest_id(gradebook)
        earlier = latest - 1 if run is None else run
        if not 0 < earlier < latest:
            raise UsageError(f"{gradebook.path} {_nothing_before(latest)}")
        after = stored_run(gradebook, latest)
        # as the earlier grades stood when the later run began
        before = stored_run(gradebook, earlier, decided_until=after.started_at)
    return compare(before, after, earlier, latest)


def _nothing_before(latest: int) -> str:
    if latest < 2:
        return "has one run, and a comparison needs two; run `grader grade` again first."
    return f"has the runs 1 to {latest}; give the number of one before the latest."


def compare(before: StoredRun, after: StoredRun, earlier: int = 1, later: int = 2) -> Comparison:
    """Compare two runs, by student.

    Args:
        before: the earlier run, with the decisions that held when the later one began.
        after: the later run.
        earlier: number of the earlier run.
        later: number of the later run.
    """
    old, new = _by_student(before), _by_student(after)
    policies = before.policy != after.policy
    changes = []
    same = 0
    known = {one.id for one in before.decisions}
    decided = {one.student for one in after.decisions if one.id not in known}
    for student in dict.fromkeys((*old, *new)):
        if student not in old or student not in new:
            changes.append(_one_sided(student, old, new))
            continue
        one = _change(student, old[student], new[student], student in decided, policies)
        if one is None:
            same += 1
        else:
            changes.append(one)
    return Comparison(earlier, later, tuple(changes), same)


_Both = tuple[SubmissionResult, SubmissionResult, Fraction]
"""A result as it was graded, with decisions, and its points after the policy."""


def _by_student(run: StoredRun) -> dict[str, _Both]:
    graded = run.graded or run.results
    triples = zip(graded, run.results, run.adjusted, strict=True)
    # of several submissions of a student the last one counts
    return {
        settled.student: (result, settled, one.standing.points) for result, settled, one in triples
    }


def _one_sided(student: str, old: Mapping[str, _Both], new: Mapping[str, _Both]) -> Change:
    if student in new:
        return Change(student, None, new[student][1].points, (ADDED,))
    return Change(student, old[student][1].points, None, (REMOVED,))


def _change(student: str, old: _Both, new: _Both, decided: bool, policies: bool) -> Change | None:
    exercises = _exercises(old[1], new[1])
    adjusted = None if old[2] == new[2] else (old[2], new[2])
    if not exercises and adjusted is None and old[1].status == new[1].status:
        return None
    reasons = []
    if old[0] != new[0] and old[0].inputs != new[0].inputs:
        reasons.append(why_graded(new[0].inputs, old[0]))
    if decided:
        reasons.append("an instructor decided")
    if adjusted and policies:
        reasons.append("the policy changed")
    if adjusted and not exercises and not policies and not decided:
        reasons.append("the time of handing in changed")
    return Change(
        student, old[1].points, new[1].points, tuple(reasons) or (UNSTEADY,), exercises,
        adjusted if policies or not exercises else None,
    )  # fmt: skip


def _exercises(old: SubmissionResult, new: SubmissionResult) -> tuple[ExerciseChange, ...]:
    before = {one.exercise: one for one in old.exercises}
    after = {one.exercise: one for one in new.exercises}
    found = []
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        verdicts = _verdicts(one, other)
        points = _points(one), _points(other)
        if points[0] != points[1] or verdicts:
            found.append(ExerciseChange(name, *points, verdicts))
    return tuple(found)


def _points(exercise: ExerciseResult | None) -> Fraction | None:
    if exercise is None:
        return None
    total = standing(exercise.checks)
    return None if total.open else total.points


def _verdicts(old: ExerciseResult | None, new: ExerciseResult | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    before = {check.check: str(check.verdict) for check in old.checks}
    after = {check.check: str(check.verdict) for check in new.checks}
    return tuple(
        f"{name}: {after.get(name, 'no longer there')}, was {before.get(name, 'not there')}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )
