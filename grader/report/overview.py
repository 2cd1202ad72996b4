"""A class at a glance: the numbers, mistakes and open issues that `report.html` shows.

Here: counting over results. Not here: one student's page (`pages.py`), files (`writers.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from grader.points import standing
from grader.reading.written_answers import section_order
from grader.records import ExerciseResult, SubmissionResult
from grader.report import fact_labels
from grader.report.missing import MissingPackage, missing_packages
from grader.report.rounding import total_of
from grader.text import one_line
from grader.verdict import Status, Verdict

_BINS = 10
_MOST_MISTAKES = 25


@dataclass(frozen=True)
class Mistake:
    """Something that went wrong in the same way for several students."""

    exercise: str
    title: str
    named: bool
    """Whether it comes from the bank of known mistakes; otherwise it is a check and its end."""
    example: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class Worry:
    """A submission that an instructor should look at, and why."""

    index: int
    """Its place among the results."""
    student: str
    status: Status
    reasons: tuple[str, ...]

    @property
    def urgent(self) -> bool:
        """Whether grading needs the instructor; otherwise a look is enough."""
        return self.status.urgency > 1


@dataclass(frozen=True)
class Tally:
    """One exercise over the class."""

    exercise: str
    title: str
    section: str
    optional: bool
    by_hand: bool
    """Whether it is graded by hand: `solved` counts the submissions with something to grade."""
    solved: int
    """Submissions in which every check passed."""
    judged: int
    mean: Fraction | None
    """Mean share of its points, 0 to 1; None without points."""


@dataclass(frozen=True)
class Writing:
    """The written answers of the class in one section, for manual grading."""

    section: str
    answers: int
    writers: tuple[int, ...]
    """Places among the results of those who wrote something."""


@dataclass(frozen=True)
class Overview:
    """The class in numbers. Shares are 0 to 1."""

    submissions: int
    students: int
    by_status: dict[Status, int]
    mean: float | None
    median: float | None
    histogram: tuple[int, ...]
    """Submissions by share of the points, in ten bins; the last holds 100 % too."""
    tallies: tuple[Tally, ...]
    mistakes: tuple[Mistake, ...]
    worries: tuple[Worry, ...]
    answers: int
    """Passages of the students' own text that wait for manual grading."""
    written: tuple[Writing, ...]
    missing: tuple[MissingPackage, ...]
    facts: tuple[tuple[str, str], ...]
    longest: str
    """Which submission took the most time, and how much; empty without any."""
    stand_ins: str
    """The stand-ins for data sets whose files were not found; empty without any."""


def overview(
    results: Sequence[SubmissionResult], exercises: Sequence[str], max_points: Fraction
) -> Overview:
    """Count over the results of a run."""
    shares = [total_of(result, max_points).share for result in results]
    known = [float(share) for share in shares if share is not None]
    histogram = [0] * _BINS
    for share in known:
        histogram[max(0, min(int(share * _BINS), _BINS - 1))] += 1
    return Overview(
        submissions=len(results),
        students=len({result.student for result in results}),
        by_status={s: sum(result.status is s for result in results) for s in Status},
        mean=sum(known) / len(known) if known else None,
        median=median(known) if known else None,
        histogram=tuple(histogram),
        tallies=tuple(_tally(results, exercise) for exercise in exercises),
        mistakes=_mistakes(results),
        worries=tuple(_worries(results)),
        answers=sum(answer.state == "written" for r in results for answer in r.answers),
        written=_written(results),
        missing=missing_packages(results),
        facts=_facts(results),
        longest=longest_of(results),
        stand_ins="; ".join(
            sorted({found for r in results if (found := fact_labels.stand_ins(r.facts))})
        ),
    )


def _tally(results: Sequence[SubmissionResult], name: str) -> Tally:
    pairs = [(r, e) for r in results for e in r.exercises if e.exercise == name]
    found = [exercise for _, exercise in pairs]
    shares = [share for e in found if (share := standing(e.checks).share) is not None]
    title, section, optional = name, "", False
    if found:
        title, section, optional = found[0].title or name, found[0].section, found[0].optional
    return Tally(
        name,
        title,
        section,
        optional,
        by_hand=any(exercise.by_hand for exercise in found),
        solved=sum(_is_solved(result, exercise) for result, exercise in pairs),
        judged=len(found),
        mean=sum(shares, Fraction(0)) / len(shares) if shares else None,
    )


def _is_solved(result: SubmissionResult, exercise: ExerciseResult) -> bool:
    if exercise.by_hand:
        return any(answer.state == "written" for answer in result.answers)
    return all(check.verdict is Verdict.PASSED for check in exercise.checks)


def _written(results: Sequence[SubmissionResult]) -> tuple[Writing, ...]:
    """Count the students' own text by section, in the order of the book."""
    passages: Counter[str] = Counter()
    writers: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for index, result in enumerate(results):
        for answer in result.answers:
            if answer.state == "written":
                passages[answer.section] += 1
                writers[answer.section][index] = None
    order = sorted(passages, key=section_order)
    return tuple(Writing(s, passages[s], tuple(writers[s])) for s in order)


def _mistakes(results: Sequence[SubmissionResult]) -> tuple[Mistake, ...]:
    """Group what went wrong: by the mistake's name where it has one, else by check and verdict."""
    students: defaultdict[tuple[str, str, bool], dict[str, None]] = defaultdict(dict)
    example: dict[tuple[str, str, bool], str] = {}
    for result in results:
        for exercise in result.exercises:
            for title, named, message in _went_wrong(exercise):
                key = (exercise.exercise, title, named)
                students[key][result.student] = None
                example.setdefault(key, one_line(message, limit=200))
    found = [Mistake(*key, example[key], tuple(who)) for key, who in students.items()]
    found.sort(key=lambda mistake: -len(mistake.students))
    return tuple(found[:_MOST_MISTAKES])


def _went_wrong(exercise: ExerciseResult) -> list[tuple[str, bool, str]]:
    failed = [check for check in exercise.checks if check.verdict.is_wrong]
    if exercise.mistake and failed:
        return [(exercise.mistake.title, True, failed[0].message)]
    if failed and all(check.verdict is Verdict.MISSING for check in failed):
        # an optional exercise may be left out
        return [] if exercise.optional else [("not found in the notebook", False, "")]
    return [
        (f"{one_line(check.claim or check.check, limit=160)} ({check.verdict.words})", False,
         check.message)
        for check in failed
    ]  # fmt: skip


def _worries(results: Sequence[SubmissionResult]) -> list[Worry]:
    found = []
    for index, result in enumerate(results):
        if result.status.urgency:
            reasons = tuple(_reasons(result))
            found.append(Worry(index, result.student, result.status, reasons))
    return sorted(found, key=lambda worry: -worry.status.urgency)


def _reasons(result: SubmissionResult) -> list[str]:
    reasons = [one_line(result.problem)] if result.problem else []
    for exercise in result.exercises:
        broken = [check for check in exercise.checks if check.verdict.is_ours]
        reasons += [
            f"{c.exercise}: {c.check} is broken, points open: {one_line(c.message, limit=200)}"
            for c in broken
        ]
    failed = [run for run in result.cells if run.status in ("raised", "timed_out", "died")]
    if failed:
        cells = ", ".join(str(run.index) for run in failed[:8])
        more = f" and {len(failed) - 8} more" if len(failed) > 8 else ""
        reasons.append(
            f"{'cells' if len(failed) > 1 else 'cell'} {cells}{more} did not run through"
        )
    missing = [
        exercise.exercise
        for exercise in result.exercises
        if not exercise.optional and any(c.verdict is Verdict.MISSING for c in exercise.checks)
    ]
    if missing:
        reasons.append(f"not found: {', '.join(missing)}")
    return reasons


def longest_of(results: Sequence[SubmissionResult]) -> str:
    """Name the submission that took the most time, and how much; empty without any."""
    slowest = max(results, key=lambda result: result.seconds, default=None)
    return "" if slowest is None else f"{slowest.student}, {slowest.seconds:.0f} s"


def _facts(results: Sequence[SubmissionResult]) -> tuple[tuple[str, str], ...]:
    """List what the run used; a fact that differs between submissions is listed with each value."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for result in results:
        for fact, value in result.facts.items():
            found[fact][value] = None
    return tuple(fact_labels.labelled({fact: ", ".join(values) for fact, values in found.items()}))
