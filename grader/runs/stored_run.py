"""A run as the gradebook has it: results with decisions, the policy, people, what was passed over.

Here: reading a run, and what a run says about itself. Not here: grading (`pipeline.py`), the file
(`gradebook.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import msgspec

from grader.decisions import Decision, settle
from grader.errors import UsageError
from grader.policy import Adjusted, Policy, adjust, most_after
from grader.policy_settings import as_data, from_data
from grader.records import UNNAMED, Attendance, Identity, Listed, PassedOver, SubmissionResult
from grader.runs.absent import absent_results, joined
from grader.runs.decided import decisions_of
from grader.runs.gradebook import Gradebook
from grader.runs.origins import Origins

GRADEBOOK = "gradebook.sqlite"
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
    worth: Mapping[str, Fraction] = field(default_factory=dict)
    """What each exercise is worth; empty where the gradebook has it in no run."""

    @cached_property
    def most_after(self) -> Fraction:
        """Of how many points work is, after the policy, that was not handed in or not readable."""
        return most_after(self.policy, self.worth) if self.worth else self.max_points

    @cached_property
    def adjusted(self) -> tuple[Adjusted, ...]:
        """What the policy makes of the results, in the same order."""
        return tuple(
            adjust(
                result, self.policy, handed_in=self.handed_in(result),
                marked_late_by=self._marked_late_by(result), decisions=self.decisions,
                max_points=self.most_after,
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

    def _marked_late_by(self, result: SubmissionResult) -> str:
        who = self.people.get(result.key, UNNAMED)
        return who.system if who.marked_late else ""

    @property
    def absent(self) -> tuple[SubmissionResult, ...]:
        """A result for each student of the roster who handed in nothing."""
        names = [result.student for result in self.results]
        return absent_results(self.attendance, names, self.assignment)

    def with_roster(self, roster: Sequence[Listed]) -> StoredRun:
        """Compare the run with another roster."""
        people, attending = joined(self.results, self.people, roster)
        return replace(self, people=people, attendance=attending)


def latest(out: Path) -> StoredRun:
    """Return the latest run of a gradebook.

    Raises:
        UsageError: there is no gradebook, or it is empty.
    """
    with gradebook_in(out) as gradebook:
        return stored_run(gradebook, latest_id(gradebook))


def gradebook_in(out: Path) -> Gradebook:
    """Open the gradebook of a folder of reports.

    Raises:
        UsageError: there is none.
    """
    path = out / GRADEBOOK
    if not path.is_file():
        raise UsageError(f"{path} does not exist. Run `grader grade` first, or give --out.")
    return Gradebook.open(path)


def latest_id(gradebook: Gradebook) -> int:
    """Return the number of the latest run.

    Raises:
        UsageError: there is no run.
    """
    found = gradebook.latest_run()
    if found is None:
        raise UsageError(f"{gradebook.path} holds no run yet. Run `grader grade` first.")
    return found


def keep_people(out: Path, run: StoredRun) -> None:
    """Store who handed in what, and when, with the latest run, for later reports of it."""
    with Gradebook.open(out / GRADEBOOK) as gradebook, gradebook.transaction() as execute:
        execute(
            "UPDATE runs SET options = json_set(options, ?, ?, ?, ?) "
            # a run that began meanwhile has people of its own
            "WHERE id = (SELECT max(id) FROM runs) AND started_at = ?",
            (f"$.{_PEOPLE}", as_json(run.people), f"$.{_ATTENDANCE}", as_json(run.attendance),
             run.started_at),
        )  # fmt: skip


def about_handed_in(
    policy: Policy,
    people: Mapping[str, Identity],
    passed_over: Sequence[PassedOver],
    attendance: Attendance | None,
) -> dict[str, str]:
    """Return the options of a run on what was handed in.

    Args:
        policy: of the assignment.
        people: who handed something in, by the key of the result.
        passed_over: what was found and is in no submission.
        attendance: the roster, compared with the submissions.
    """
    return {
        _POLICY: as_data(policy),
        _PEOPLE: as_json(people),
        _PASSED_OVER: as_json(list(passed_over)),
        _ATTENDANCE: as_json(attendance),
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
        people=people_in(options),
        attendance=attendance_in(options),
        assignment=run.assignment,
        worth={
            name: Fraction(text)
            for name, text in msgspec.json.decode(
                options.get(POINTS, "{}"), type=dict[str, str]
            ).items()
        },
    )


def people_in(options: Mapping[str, str]) -> dict[str, Identity]:
    """Return who handed something in, by the key of the result, from the options of a run."""
    return msgspec.json.decode(options.get(_PEOPLE, "{}"), type=dict[str, Identity])


def attendance_in(options: Mapping[str, str]) -> Attendance | None:
    """Return the roster that a run was compared with, from its options; None without one."""
    return msgspec.json.decode(options.get(_ATTENDANCE, "null"), type=Attendance | None)


def as_json(value: object) -> str:
    """Return a value as JSON, for an option of a run."""
    return msgspec.json.encode(value).decode()
