"""Sorts the submissions of a run: stored before, unreadable, equal to another, or due.

Submissions of equal content are graded once, and each of their owners gets the result. Here: that
decision, and storing what it leads to. Not here: looking a result up (`reuse.py`), grading
(`pipeline.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from grader.grading.known_packages import any_installed
from grader.grading.plan import Plan, content_of
from grader.records import Submission, SubmissionResult
from grader.runs.gradebook import Gradebook
from grader.runs.origins import ASKED, INSTALLED, Origins, why_graded
from grader.runs.reuse import reused, store, store_for_another
from grader.verdict import Status


class Sorting:
    """The submissions of a run, looked at one after another.

    Args:
        gradebook: where results are found and stored.
        plan: what is graded and how.
        run_id: the run.
        keys: of the results, one a submission.
        fresh: grade again what is stored.
    """

    def __init__(
        self, gradebook: Gradebook, plan: Plan, run_id: int, keys: Sequence[str], *, fresh: bool
    ) -> None:
        self._gradebook = gradebook
        self._plan = plan
        self._run_id = run_id
        self._keys = keys
        self._fresh = fresh
        self._alike: dict[str, list[int]] = {}
        """Places of submissions by their content; the first of each is graded for all."""
        self.submissions: list[Submission] = []
        """Those looked at, each with what is known of it already."""
        self.due: list[int] = []
        """Places of those that are to be graded."""
        self.origins = Origins()

    def look(self, position: int, submission: Submission) -> SubmissionResult | None:
        """Look at the next submission; return its result where nothing has to be graded."""
        self.submissions.append(submission)
        gradebook, plan = self._gradebook, self._plan
        stored = None if self._fresh else reused(gradebook, plan, submission, self._run_id)
        if isinstance(stored, SubmissionResult):
            self.origins = self.origins.with_stored()
            return stored
        content = content_of(self._keys[position])
        if not submission.problem and content in self._alike:
            self._alike[content].append(position)
            self.origins = self.origins.with_equal()
            return None
        before = gradebook.previous(submission.student, plan.assignment.name)
        otherwise = ASKED if self._fresh else ""
        if before is not None and any_installed(before.missing_packages):
            otherwise = otherwise or INSTALLED
        reason = why_graded(plan.inputs(submission), before, otherwise=otherwise)
        self.origins = self.origins.with_graded(reason)
        if stored:
            fresh = len(plan.judged) - len(stored)
            self.origins = self.origins.with_exercises(len(stored), fresh)
            self.submissions[position] = replace(submission, judged=stored)
        if submission.problem:  # nothing to run, and no worker to wait for
            result = unreadable(submission, plan)
            gradebook.save(result, self._run_id)
            return result
        self.due.append(position)
        self._alike[content] = [position]
        return None

    def store(
        self, position: int, result: SubmissionResult
    ) -> Iterator[tuple[int, SubmissionResult]]:
        """Store a result, and yield it and those of equal submissions with their places."""
        gradebook, plan, submissions = self._gradebook, self._plan, self.submissions
        store(gradebook, plan, submissions[position], result, self._run_id)
        yield position, result
        for other in self._alike[content_of(self._keys[position])][1:]:
            yield (
                other,
                store_for_another(
                    gradebook, plan, result, submissions[position], submissions[other], self._run_id
                ),
            )


def unreadable(submission: Submission, plan: Plan) -> SubmissionResult:
    """Return the result of an unreadable file, without a kernel, checks or torch."""
    return SubmissionResult(
        key=plan.key(submission),
        student=submission.student,
        submission=submission.path,
        assignment=plan.assignment.name,
        status=Status.UNREADABLE,
        notes=submission.notes,
        problem=submission.problem,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=plan.facts(),
        inputs=plan.inputs(submission),
    )
