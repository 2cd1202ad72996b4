"""Which stored results still hold: of a whole submission, or of some of its exercises.

A result holds as long as everything that decides it is the same (`Plan.inputs`). Whose it is, and
under which name it was handed in, decides nothing. Where some exercises of a submission changed,
only these are graded. Of submissions with the same content in one run, the first is graded.

Here: looking results up, and storing them so that they are found. Not here: what decides a result
(`grading/inputs.py`, `grading/plan.py`), the tables (`gradebook.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grader.grading.known_packages import any_installed
from grader.grading.plan import Plan, content_of
from grader.grading.pooling import status_of
from grader.records import ExerciseResult, Submission, SubmissionResult
from grader.runs.gradebook import Gradebook
from grader.verdict import Status, Verdict

_NOT_SPENT = frozenset(
    {Verdict.PASSED, Verdict.FAILED, Verdict.RAISED, Verdict.MISSING, Verdict.SKIPPED}
)


def reused(
    gradebook: Gradebook, plan: Plan, submission: Submission, run_id: int
) -> SubmissionResult | tuple[ExerciseResult, ...]:
    """Add a stored result to a run and return it, or return the exercises that need not be graded.

    A result that was stored for another student, or under another name or path, is copied for this
    one. None serves once a package that it lacked is installed.
    """
    key = plan.key(submission)
    stored = gradebook.find(key)
    if submission.problem and (stored is None or stored.problem != submission.problem):
        return ()  # without content that could be alike
    if stored is not None:
        if any_installed(stored.missing_packages):
            return ()
        gradebook.reuse(key, run_id)
        return stored
    alike = gradebook.find_alike(content_of(key))
    exercises = plan.exercise_keys(submission)
    if alike is None or any_installed(alike.missing_packages):
        held = gradebook.holding(exercises)
        judged = {
            one.exercise: one
            for result, names in held
            for one in result.exercises
            if one.exercise in names
        }
        asked = [one.name for one in plan.assignment.exercises]
        if not judged.keys() >= set(asked) or not _tells_all(held[0][0], asked):
            return tuple(judged.values())
        alike = replace(held[0][0], exercises=tuple(judged[name] for name in asked))
        alike = replace(alike, status=status_of(alike))
    return store(gradebook, plan, submission, _for(submission, alike), run_id)


def store_for_another(
    gradebook: Gradebook, plan: Plan, result: SubmissionResult, of: Submission, to: Submission,
    run_id: int,
) -> SubmissionResult:  # fmt: skip
    """Store the result of one submission for another with the same content, and return it.

    Args:
        gradebook: where it is stored.
        plan: of the run.
        result: what was graded.
        of: the submission that was graded.
        to: the other one.
        run_id: the run.
    """
    read = [note for note in result.notes if note not in of.notes]  # found in what both hold
    copied = _for(replace(to, notes=(*to.notes, *read)), result)
    return store(gradebook, plan, to, copied, run_id)


def _for(submission: Submission, result: SubmissionResult) -> SubmissionResult:
    """Return the result of another submission with the same content as that of this one.

    `store` sets its key.
    """
    return replace(
        result, student=submission.student, submission=submission.path, notes=submission.notes
    )


def store(
    gradebook: Gradebook, plan: Plan, submission: Submission, result: SubmissionResult, run_id: int
) -> SubmissionResult:
    """Store a result with what decides it, and return it as it is stored."""
    result = replace(result, key=plan.key(submission), inputs=plan.inputs(submission))
    keys = plan.exercise_keys(submission)
    exercises = {name: keys[name] for name in _lasting(result) if name in keys}
    gradebook.save(result, run_id, exercises)
    return result


def _tells_all(result: SubmissionResult, asked: Sequence[str]) -> bool:
    """Return whether a result says of all cells that these exercises need how they ran."""
    left_out = any(run.status == "not_needed" for run in result.cells)
    return not left_out or {one.exercise for one in result.exercises} >= set(asked)


def _lasting(result: SubmissionResult) -> list[str]:
    """Return the exercises whose results depend on nothing else that was asked.

    What ran out of time or memory may have done so because of other exercises. What hangs on a
    missing package is graded as a whole once it is there.
    """
    if result.status is Status.BROKEN or result.missing_packages:
        return []
    return [
        one.exercise
        for one in result.exercises
        if all(check.verdict in _NOT_SPENT for check in one.checks)
    ]
