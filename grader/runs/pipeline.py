"""A run from submissions to reports: collect, grade what is not stored, store, write.

Here: what the commands have in common. Not here: options and printing (`cli.py`).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import msgspec

from grader.course import Assignment, Exercise
from grader.errors import UsageError
from grader.grading.plan import Plan
from grader.grading.warm import warm_parent
from grader.reading.submissions import find
from grader.records import Found, PassedOver, Submission, SubmissionResult
from grader.runs.deferred_signals import raise_if_asked
from grader.runs.gradebook import Gradebook
from grader.runs.origins import Origins, why_graded
from grader.runs.reuse import reused, store
from grader.runs.scheduling import Event, Finished, grade_all
from grader.runs.worker_source import CannotForkError, WorkerSource
from grader.verdict import Status, Verdict

log = logging.getLogger(__name__)

GRADEBOOK = "gradebook.sqlite"
_PASSED_OVER = "passed_over"


@dataclass(frozen=True)
class StoredRun:
    """A run as the gradebook has it, with what the reports say about the assignment."""

    results: tuple[SubmissionResult, ...]
    title: str
    exercises: tuple[str, ...]
    max_points: Fraction
    started_at: str
    """UTC, ISO 8601."""
    origins: Origins = field(default_factory=Origins)
    """Which results were stored before, and why the others were graded."""
    passed_over: tuple[PassedOver, ...] = ()


def collect(paths: Sequence[Path], plan: Plan, *, zip_encoding: str = "") -> Found:
    """Find what was handed in.

    Raises:
        UsageError: a path does not exist, or there is no submission at all.
    """
    found = find(paths, assignment=plan.assignment.name, zip_encoding=zip_encoding)
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
    fresh: bool = False,
    passed_over: Sequence[PassedOver] = (),
    show: Callable[[Event], None] = lambda event: None,
) -> StoredRun:
    """Grade what the gradebook does not hold yet; store each result at once.

    Args:
        plan: what and how.
        submissions: what was handed in.
        out: the folder of the gradebook.
        jobs: how many workers.
        fresh: grade again what is stored.
        passed_over: what was found and is in no submission, for the reports.
        show: called with every event.
    """
    submissions = list(submissions)
    origins = Origins()
    with (
        Gradebook.open(out / GRADEBOOK) as gradebook,
        closing(WorkerSource(plan, submissions)) as source,
    ):
        known = gradebook.options_of(**_about(plan))
        if known is None and not _has_torch():
            source.start()  # it loads while what is due is found
        keys = [plan.key(submission) for submission in submissions]
        plan = replace(plan, secret=gradebook.secret())
        options = known or _options(plan, source)
        options[_PASSED_OVER] = msgspec.json.encode(list(passed_over)).decode()
        run_id = gradebook.start_run(plan.assignment.name, keys=keys, options=options)
        due: list[int] = []
        for position, submission in enumerate(submissions):
            stored = None if fresh else reused(gradebook, plan, submission, run_id)
            if isinstance(stored, SubmissionResult):
                origins = origins.with_stored()
                show(Finished(position, stored))
                continue
            before = gradebook.previous(submission.student, plan.assignment.name)
            origins = origins.with_graded(why_graded(plan.inputs(submission), before))
            if stored:
                origins = origins.with_exercises(len(stored), len(plan.judged) - len(stored))
                submissions[position] = replace(submission, judged=stored)
            if submission.problem:  # nothing to run, and no worker to wait for
                unreadable = _unreadable(submission, plan)
                gradebook.save(unreadable, run_id)
                show(Finished(position, unreadable))
            else:
                due.append(position)
        log.info("run %d: %d submissions, %d to grade", run_id, len(submissions), len(due))
        if due:
            plan.require_walls()
        raise_if_asked()  # torch or pytest may have swallowed a Ctrl-C
        graded = grade_all(plan, [submissions[i] for i in due], jobs=jobs, source=source)
        with closing(graded) as events:
            for event in events:
                position = due[event.position]
                if isinstance(event, Finished):
                    store(gradebook, plan, submissions[position], event.result, run_id)
                show(replace(event, position=position))
                raise_if_asked()
        return replace(_stored(gradebook, run_id), origins=origins)


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


def latest(out: Path) -> StoredRun:
    """Return the latest run of a gradebook.

    Raises:
        UsageError: there is no gradebook, or it is empty.
    """
    path = out / GRADEBOOK
    if not path.is_file():
        raise UsageError(f"{path} does not exist. Run `grader grade` first, or give --out.")
    with Gradebook.open(path) as gradebook:
        run_id = gradebook.latest_run()
        if run_id is None:
            raise UsageError(f"{path} holds no run yet. Run `grader grade` first.")
        return _stored(gradebook, run_id)


def check_one(path: Path, plan: Plan) -> SubmissionResult:
    """Grade one notebook in this process; nothing is stored.

    Raises:
        UsageError: the path holds no notebook, or several.
    """
    found = collect([path], plan).submissions
    if len(found) != 1:
        raise UsageError(f"{path} holds {len(found)} submissions; give the notebook to check.")
    if found[0].problem:
        return _unreadable(found[0], plan)
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


def _unreadable(submission: Submission, plan: Plan) -> SubmissionResult:
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


def _options(plan: Plan, source: WorkerSource) -> dict[str, str]:
    """Return what a run says about itself, the points of its checks among it."""
    try:
        if _has_torch():
            raise CannotForkError("collecting the checks here takes less time")
        most = source.max_points()
    except CannotForkError:
        most = sum((points for _, points in points_of(plan.assignment)), Fraction(0))
    return {**_about(plan), "title": plan.assignment.title, "max_points": str(most)}


def _has_torch() -> bool:
    """Return whether this process has loaded torch, which takes most of the time of a start."""
    return "torch" in sys.modules


def _stored(gradebook: Gradebook, run_id: int) -> StoredRun:
    run = gradebook.run(run_id)
    return StoredRun(
        tuple(gradebook.results_of(run_id)),
        run.options.get("title", run.assignment),
        tuple(name for name in run.options.get("exercises", "").split(",") if name),
        Fraction(run.options.get("max_points", "0")),
        run.started_at,
        passed_over=tuple(
            msgspec.json.decode(run.options.get(_PASSED_OVER, "[]"), type=list[PassedOver])
        ),
    )
