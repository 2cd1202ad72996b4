"""A run from submissions to reports: collect, grade what is not stored, store, write.

Here: what the commands have in common. Not here: options and printing (`cli.py`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import msgspec

from grader.course import Assignment, Exercise
from grader.decisions import Decision, settle
from grader.errors import UsageError
from grader.grading.plan import Plan, content_of
from grader.grading.warm import warm_parent
from grader.policy import Adjusted, Policy, adjust
from grader.policy_settings import as_data, from_data
from grader.reading.submissions import find
from grader.records import (
    UNNAMED,
    Attendance,
    Found,
    Identity,
    Listed,
    PassedOver,
    Submission,
    SubmissionResult,
)
from grader.runs.absent import absent_results, joined
from grader.runs.decided import decisions_of
from grader.runs.deferred_signals import raise_if_asked
from grader.runs.gradebook import Gradebook
from grader.runs.origins import Origins, why_graded
from grader.runs.reuse import reused, store, store_for_another
from grader.runs.scheduling import Event, Finished, grade_all
from grader.verdict import Status, Verdict

log = logging.getLogger(__name__)

GRADEBOOK = "gradebook.sqlite"
GradeAll = Callable[[Plan, Sequence[Submission]], Generator[Event, None, None]]
"""Grades submissions; events come as they happen."""
POINTS = "points"
"""Option of a run: what each exercise is worth, as JSON."""
_PASSED_OVER, _PEOPLE, _ATTENDANCE = "passed_over", "people", "attendance"
_POLICY = "policy"


@dataclass(frozen=True)
class StoredRun:
    """A run as the gradebook has it, with what the reports say about the assignment."""

    results: tuple[SubmissionResult, ...]
    """With what instructors decided about them."""
    title: str
    exercises: tuple[str, ...]
    max_points: Fraction
    started_at: str
    """UTC, ISO 8601."""
    origins: Origins = field(default_factory=Origins)
    """Which results were stored before, and why the others were graded."""
    passed_over: tuple[PassedOver, ...] = ()
    decisions: tuple[Decision, ...] = ()
    """Those that were applied, oldest first."""
    outdated: tuple[Decision, ...] = ()
    """Those about work that has changed since."""
    graded: tuple[SubmissionResult, ...] = ()
    """The results as the checks left them, in the same order."""
    policy: Policy = field(default_factory=Policy)
    people: Mapping[str, Identity] = field(default_factory=dict)
    """Who handed something in, by the key of the result."""
    attendance: Attendance | None = None
    """None without a roster."""
    assignment: str = ""
    """Its name; the title is for people."""

    @cached_property
    def adjusted(self) -> tuple[Adjusted, ...]:
        """What the policy makes of the results, in the same order."""
        return tuple(
            adjust(
                result, self.policy, handed_in=self.handed_in(result),
                decisions=self.decisions, max_points=self.max_points,
            )
            for result in self.results
        )  # fmt: skip

    def handed_in(self, result: SubmissionResult) -> datetime | None:
        """Return when a submission was handed in; None where nothing says so.

        A time without a zone is one of the zone of the due date.
        """
        text = self.people.get(result.key, UNNAMED).handed_in
        moment = datetime.fromisoformat(text) if text else None
        if moment is None or moment.tzinfo is not None or self.policy.due is None:
            return moment
        return moment.replace(tzinfo=self.policy.due.tzinfo)

    @property
    def absent(self) -> tuple[SubmissionResult, ...]:
        """A result for each student of the roster who handed in nothing."""
        names = [result.student for result in self.results]
        return absent_results(self.attendance, names, self.assignment)

    def with_roster(self, roster: Sequence[Listed]) -> StoredRun:
        """Compare the run with another roster."""
        people, attending = joined(self.results, self.people, roster)
        return replace(self, people=people, attendance=attending)


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
        begin: called when all is ready, before a submission is graded.
        show: called with every event.
    """
    submissions = list(submissions)
    keys = [plan.key(submission) for submission in submissions]
    origins = Origins()
    with Gradebook.open(out / GRADEBOOK) as gradebook:
        plan = replace(plan, secret=gradebook.secret())
        options = _options(plan, gradebook)
        options[_POLICY] = as_data(plan.assignment.policy)
        options[_PASSED_OVER] = _as_json(list(passed_over))
        owners = {key: one.owner for key, one in zip(keys, submissions, strict=True)}
        options[_PEOPLE] = _as_json(owners)
        options[_ATTENDANCE] = _as_json(attendance)
        run_id = gradebook.start_run(plan.assignment.name, keys=keys, options=options)
        begin()
        due: list[int] = []
        alike: dict[str, list[int]] = {}
        """Submissions by their content; the first of each is graded for all."""
        for position, submission in enumerate(submissions):
            stored = None if fresh else reused(gradebook, plan, submission, run_id)
            if isinstance(stored, SubmissionResult):
                origins = origins.with_stored()
                show(Finished(position, stored))
                continue
            if not submission.problem and (others := alike.get(content_of(keys[position]))):
                others.append(position)
                origins = origins.with_stored()
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
                alike[content_of(keys[position])] = [position]
        log.info("run %d: %d submissions, %d to grade", run_id, len(submissions), len(due))
        if due and elsewhere is None:
            plan.require_walls()
        raise_if_asked()  # torch or pytest may have swallowed a Ctrl-C
        to_grade = [submissions[i] for i in due]
        graded = elsewhere(plan, to_grade) if elsewhere else grade_all(plan, to_grade, jobs=jobs)
        with closing(graded) as events:
            for event in events:
                position = due[event.position]
                submission = submissions[position]
                if isinstance(event, Finished):
                    store(gradebook, plan, submission, event.result, run_id)
                show(replace(event, position=position))
                if isinstance(event, Finished):
                    for other in alike[content_of(keys[position])][1:]:
                        copied = store_for_another(
                            gradebook, plan, event.result, submission, submissions[other], run_id
                        )
                        show(Finished(other, copied))
                raise_if_asked()
        return replace(stored_run(gradebook, run_id), origins=origins)


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
        return stored_run(gradebook, run_id)


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


def _options(plan: Plan, gradebook: Gradebook) -> dict[str, str]:
    names = ",".join(exercise.name for exercise in plan.assignment.exercises)
    about = {"checks": plan.assignment.digest, "exercises": names, **plan.facts()}
    # the points of an earlier run of the same checks; collecting them would load torch
    if (known := gradebook.options_of(**about)) is not None:
        return known
    rubric = points_of(plan.assignment)
    return {
        **about,
        "title": plan.assignment.title,
        "max_points": str(sum((points for _, points in rubric), Fraction(0))),
        POINTS: _as_json({exercise.name: str(points) for exercise, points in rubric}),
    }


def stored_run(gradebook: Gradebook, run_id: int, *, decided_until: str = "") -> StoredRun:
    """Return a run of an open gradebook, with the decisions about its results.

    Args:
        gradebook: an open one.
        run_id: the number of the run.
        decided_until: UTC, ISO 8601; later decisions are left out. Empty for none left out.

    Raises:
        UsageError: there is no such run.
    """
    run = gradebook.run(run_id)
    graded = tuple(gradebook.results_of(run_id))
    decisions = [
        one
        for one in decisions_of(gradebook, run.assignment)
        if not decided_until or one.made_at <= decided_until
    ]
    settled = [settle(result, decisions) for result in graded]
    options = run.options
    return StoredRun(
        tuple(one.result for one in settled),
        options.get("title", run.assignment),
        tuple(name for name in options.get("exercises", "").split(",") if name),
        Fraction(options.get("max_points", "0")),
        run.started_at,
        passed_over=tuple(
            msgspec.json.decode(options.get(_PASSED_OVER, "[]"), type=list[PassedOver])
        ),
        decisions=tuple(decision for one in settled for decision in one.applied),
        outdated=tuple(decision for one in settled for decision in one.outdated),
        graded=graded,
        policy=from_data(options.get(_POLICY, "")),
        people=msgspec.json.decode(options.get(_PEOPLE, "{}"), type=dict[str, Identity]),
        attendance=msgspec.json.decode(options.get(_ATTENDANCE, "null"), type=Attendance | None),
        assignment=run.assignment,
    )


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
