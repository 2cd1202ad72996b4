"""A class at a glance: the numbers, mistakes and open issues that `report.html` shows.

Here: counting over results. Not here: statistics of exercises and checks (`item_analysis.py`),
groups of mistakes (`clusters.py`), one student's page (`pages.py`), files (`writers.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.points import standing
from grader.reading.written_answers import section_order
from grader.records import ExerciseResult, SubmissionResult
from grader.report import fact_labels, statistics
from grader.report.clusters import Mistakes, mistakes
from grader.report.item_analysis import ItemAnalysis, analyse
from grader.report.missing import MissingPackage, missing_packages
from grader.report.rounding import total_of
from grader.text import one_line
from grader.verdict import Status, Verdict

_MOST_FAILURES = 20


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
    found: int
    """Submissions in which something of that name was judged: it is not missing."""
    worth: Fraction
    spread: tuple[int, int, int, int]
    """Submissions with all of its points, with half or more, with less than half, with none."""
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
class MachineFailure:
    """An error of cells for which this machine is the reason, and whose cells."""

    error: str
    note: str
    who: tuple[int, ...]
    """Places among the results."""


@dataclass(frozen=True)
class Overview:
    """The class in numbers. Shares are 0 to 1."""

    submissions: int
    students: int
    by_status: dict[Status, int]
    distribution: statistics.Distribution | None
    """Of the shares of the points."""
    histogram: tuple[int, ...]
    """Submissions by share of the points, in ten bins; the last holds 100 % too."""
    tallies: tuple[Tally, ...]
    mistakes: Mistakes
    """Grouped by behaviour."""
    analysis: ItemAnalysis
    machine_failures: tuple[MachineFailure, ...]
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
    return Overview(
        submissions=len(results),
        students=len({result.student for result in results}),
        by_status={s: sum(result.status is s for result in results) for s in Status},
        distribution=statistics.distribution(known),
        histogram=statistics.histogram(known),
        tallies=tuple(_tally(results, exercise) for exercise in exercises),
        mistakes=mistakes(results),
        analysis=analyse(results, exercises),
        machine_failures=_machine_failures(results),
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
        found=sum(not _is_missing(exercise) for exercise in found),
        worth=max((exercise.max_points for exercise in found), default=Fraction(0)),
        spread=_spread(shares),
        mean=sum(shares, Fraction(0)) / len(shares) if shares else None,
    )


def _spread(shares: Sequence[Fraction]) -> tuple[int, int, int, int]:
    half = Fraction(1, 2)
    return (
        sum(share == 1 for share in shares),
        sum(half <= share < 1 for share in shares),
        sum(0 < share < half for share in shares),
        sum(share == 0 for share in shares),
    )


def _is_missing(exercise: ExerciseResult) -> bool:
    wrong = [check.verdict for check in exercise.checks if check.verdict.is_wrong]
    return bool(wrong) and all(verdict is Verdict.MISSING for verdict in wrong)


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


def _machine_failures(results: Sequence[SubmissionResult]) -> tuple[MachineFailure, ...]:
    """Group the failed cells that no student pays for, the most frequent first."""
    who: defaultdict[tuple[str, str], dict[int, None]] = defaultdict(dict)
    for index, result in enumerate(results):
        for run in result.cells:
            if run.failed and run.excused:
                error = one_line(run.error, limit=200) or run.status.replace("_", " ")
                who[error, one_line(run.note, limit=200)][index] = None
    found = [MachineFailure(*key, tuple(indices)) for key, indices in who.items()]
    found.sort(key=lambda one: -len(one.who))
    return tuple(found[:_MOST_FAILURES])


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
