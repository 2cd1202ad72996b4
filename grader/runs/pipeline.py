"""A run from submissions to reports: collect, grade what is not stored, store, write.

Here: what the commands have in common. Not here: options and printing (`cli/`).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from grader.course import Assignment, Exercise
from grader.errors import UsageError
from grader.grading.plan import Plan
from grader.grading.warm import warm_parent
from grader.reading.submissions import find
from grader.records import (
    Attendance,
    Found,
    Listed,
    PassedOver,
    Submission,
    SubmissionResult,
)
from grader.runs.deferred_signals import raise_if_asked
from grader.runs.gradebook import Gradebook
from grader.runs.scheduling import Event, Finished, grade_all
from grader.runs.sorting import Sorting, unreadable
from grader.runs.stored_run import (
    GRADEBOOK,
    POINTS,
    StoredRun,
    about_handed_in,
    as_json,
    stored_run,
)
from grader.runs.worker_source import CannotForkError, WorkerSource
from grader.verdict import Verdict

log = logging.getLogger(__name__)

GradeAll = Callable[[Plan, Sequence[Submission]], Generator[Event, None, None]]
"""Grades submissions; events come as they happen."""


def collect(
    paths: Sequence[Path],
    plan: Plan,
    *,
    zip_encoding: str = "",
    roster: Sequence[Listed] | None = None,
) -> Found:
    """Find what was handed in.

    Raises:
        UsageError: a path does not exist, or there is no submission at all.
    """
    name = plan.assignment.name
    found = find(paths, assignment=name, zip_encoding=zip_encoding, roster=roster)
    if not found.submissions:
        places = ", ".join(str(path) for path in paths)
        raise UsageError(f"there is no notebook in {places}. Give notebooks, folders or a zip.")
    return found


def grade_and_store(
    plan: Plan,
    submissions: Sequence[Submission],
    out: Path,
    *,
    jobs: int,
    elsewhere: GradeAll | None = None,
    fresh: bool = False,
    passed_over: Sequence[PassedOver] = (),
    attendance: Attendance | None = None,
    begin: Callable[[], None] = lambda: None,
    show: Callable[[Event], None] = lambda event: None,
) -> StoredRun:
    """Grade what the gradebook does not hold yet; store each result at once.

    Args:
        plan: what and how.
        submissions: what was handed in.
        out: the folder of the gradebook.
        jobs: how many workers.
        elsewhere: grades in place of workers of this machine.
        fresh: grade again what is stored.
        passed_over: what was found and is in no submission, for the reports.
        attendance: the roster, compared with the submissions, for the reports.
        begin: called while workers load, before a submission is graded.
        show: called with every event.
    """
    with (
        Gradebook.open(out / GRADEBOOK) as gradebook,
        closing(WorkerSource(plan, submissions)) as source,
    ):
        known = gradebook.options_of(**_about(plan))
        if known is None and elsewhere is None and not _has_torch():
            source.start()  # it loads while what is due is found
        begin()
        keys = [plan.key(submission) for submission in submissions]
        plan = plan.with_secret(gradebook.secret())
        options = known or _options(plan, source if elsewhere is None else None)
        people = {key: one.owner for key, one in zip(keys, submissions, strict=True)}
        options |= about_handed_in(plan.assignment.policy, people, passed_over, attendance)
        run_id = gradebook.start_run(plan.assignment.name, keys=keys, options=options)
        sorting = Sorting(gradebook, plan, run_id, keys, fresh=fresh)
        for position, submission in enumerate(submissions):
            if (ended := sorting.look(position, submission)) is not None:
                show(Finished(position, ended))
        due = sorting.due
        log.info("run %d: %d submissions, %d to grade", run_id, len(submissions), len(due))
        if due and elsewhere is None:
            plan.require_walls()
        raise_if_asked()  # torch or pytest may have swallowed a Ctrl-C
        to_grade = [sorting.submissions[i] for i in due]
        if elsewhere:
            graded = elsewhere(plan, to_grade)
        else:
            graded = grade_all(plan, to_grade, jobs=jobs, source=source)
        with closing(graded) as events:
            for event in events:
                position = due[event.position]
                if isinstance(event, Finished):
                    for other, result in sorting.store(position, event.result):
                        show(Finished(other, result))
                else:
                    show(replace(event, position=position))
                raise_if_asked()
        return replace(stored_run(gradebook, run_id), origins=sorting.origins)


def require_unclaimed(out: Path) -> None:
    """Refuse an out folder that another run has locked; make none.

    Raises:
        UsageError: another run has it.
    """
    if out.is_dir():
        with claimed(out):
            pass


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Lock an out folder against other runs until the block ends.

    Two runs would not harm the gradebook, but grade everything twice and mix their reports. On a
    file system without locks, both run.

    Raises:
        UsageError: another run has it.
    """
    with ExitStack() as stack:
        with suppress(ImportError, OSError):  # opening the gradebook reports a bad folder
            import fcntl  # noqa: PLC0415  (not on Windows)

            out.mkdir(parents=True, exist_ok=True)
            folder = os.open(out, os.O_RDONLY)
            stack.callback(os.close, folder)  # which unlocks it, as the end of a process does
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"another `grader grade` is at work in {out}; wait for its end, or choose "
                    "another --out."
                ) from None
        yield


def check_one(path: Path, plan: Plan) -> SubmissionResult:
    """Grade one notebook in this process; nothing is stored.

    Raises:
        UsageError: the path holds no notebook, or several.
    """
    found = collect([path], plan).submissions
    if len(found) != 1:
        raise UsageError(f"{path} holds {len(found)} submissions; give the notebook to check.")
    if found[0].problem:
        return unreadable(found[0], plan)
    plan.require_walls()
    warm = warm_parent(plan, found[0]) if plan.can_fork else None
    try:
        # loads torch, at the same time as the warm process
        from grader.grading.grader import Grader  # noqa: PLC0415

        with Grader(plan, warm=warm) as grader:
            return grader.grade(found[0])
    finally:
        if warm is not None:
            warm.close()


def points_of(assignment: Assignment) -> list[tuple[Exercise, Fraction]]:
    """Return every exercise with what it is worth."""
    from grader.grading.check_session import rubric_points  # noqa: PLC0415  (loads torch)

    return rubric_points(assignment)


def failed(result: SubmissionResult) -> bool:
    """Return whether a check that carries points did not pass."""
    return bool(result.problem) or any(
        check.verdict is not Verdict.PASSED and check.max_points > 0
        for exercise in result.exercises
        for check in exercise.checks
    )


def _about(plan: Plan) -> dict[str, str]:
    """Return what two runs have in common that are worth the same."""
    names = ",".join(exercise.name for exercise in plan.assignment.exercises)
    return {"checks": plan.assignment.digest, "exercises": names, **plan.facts()}


def _options(plan: Plan, source: WorkerSource | None) -> dict[str, str]:
    """Return what a run says about itself, the points of its checks among it."""
    try:
        if source is None or _has_torch():
            raise CannotForkError("collecting the checks here takes less time")
        points = source.points()
    except CannotForkError:
        points = {exercise.name: worth for exercise, worth in points_of(plan.assignment)}
    return {
        **_about(plan),
        "title": plan.assignment.title,
        "max_points": str(sum(points.values(), Fraction(0))),
        POINTS: as_json({name: str(worth) for name, worth in points.items()}),
    }


def _has_torch() -> bool:
    """Return whether this process has loaded torch, which takes most of the time of a start."""
    return "torch" in sys.modules
