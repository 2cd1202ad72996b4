"""Results as pages: what the templates in `templates/` are filled with.

Every word on a page may be untrusted. Jinja escapes all of it, `finalize` removes control
characters, and the pages load and run nothing, which their CSP enforces too.

Here: views and rendering to a string. Not here: files and their names (`writers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grader.points import Standing, standing, standing_of
from grader.policy import Adjusted
from grader.records import (
    CheckResult,
    Counterexample,
    ExerciseResult,
    PassedOver,
    SubmissionResult,
)
from grader.report import curves, fact_labels, failed_cells, matrices
from grader.report.costs import costs
from grader.report.manual_notes import ManualNotes
from grader.report.overview import overview
from grader.report.reasons import Reason, reasons_of
from grader.report.rounding import exercise_names, percent, points_of, shown, total_of
from grader.report.student_markdown import rendered
from grader.text import clean, clip
from grader.verdict import Status, Tone, Verdict

_MOST_LINES = 200
_LONGEST_LINE = 500
_LONGEST_TEXT = 20_200
_PLACE = re.compile(r"\bcell (\d{1,6}), line (\d{1,6})")
_USUAL = frozenset(
    (*("is", "has", "wrong", "the", "shape", "at", "got", "expected", "raised", "returned"),
     *("no", "answer", "in", "took", "longer", "than", "of", "numbers", "are"))
)  # fmt: skip
"""Words of messages beside what their examples hold."""


@dataclass(frozen=True)
class _Exercise:
    """One exercise on a student's page, its checks sorted by what to do about them."""

    result: ExerciseResult
    anchor: str
    standing: Standing
    tone: Tone
    words: str
    wrong: tuple[CheckResult, ...]
    reasons: tuple[Reason, ...]
    """The wrong ones, by what they share."""
    broken: tuple[CheckResult, ...]
    passed: tuple[CheckResult, ...]
    skipped: tuple[CheckResult, ...]
    lines: tuple[str, ...]
    cut: int
    marked: frozenset[int]
    """Lines, from 1, from which an error came."""

    @property
    def worst(self) -> Reason:
        """The reason that cost most points, for an exercise that has any."""
        return max(self.reasons, key=lambda reason: reason.lost)

    @property
    def missing(self) -> bool:
        """Whether the notebook has nothing of that name."""
        return bool(self.wrong) and all(c.verdict is Verdict.MISSING for c in self.wrong)

    @property
    def absence(self) -> tuple[str, ...]:
        """Why it is missing, each sentence once."""
        return tuple(dict.fromkeys(check.message for check in self.wrong if check.message))


@dataclass(frozen=True)
class _GridCell:
    text: str
    tone: Tone


@dataclass(frozen=True)
class _GridRow:
    student: str
    submission: str
    status: Status
    points: str
    percent: str
    cells: tuple[_GridCell, ...]


def feedback_page(
    result: SubmissionResult,
    *,
    assignment: str = "",
    notes: ManualNotes | None = None,
    adjusted: Adjusted | None = None,
) -> str:
    """Render the feedback page of one student.

    Args:
        result: of the submission.
        assignment: its title.
        notes: points and comments that a person gave.
        adjusted: what the assignment's policy makes of it; None without a policy.
    """
    exercises = [_exercise(index, one) for index, one in enumerate(result.exercises)]
    return _ENVIRONMENT.get_template("feedback.html").render(
        result=result,
        assignment=assignment or result.assignment,
        # paths of the grader's machine are not shown to students
        file_name=re.split(r"[/\\!]", result.submission)[-1],
        exercises=exercises,
        total=standing_of(result),
        asked=sum(not one.result.by_hand for one in exercises),
        complete=sum(one.tone == "good" for one in exercises),
        drawings=curves.drawings(result.curves),
        plot=curves,
        facts=fact_labels.labelled(result.facts),
        stand_ins=fact_labels.stand_ins(result.facts),
        broken=any(one.broken for one in exercises),
        written=sum(answer.state == "written" for answer in result.answers),
        failed_cells=[run for run in result.cells if run.failed],
        first=failed_cells.first_cause(result.cells),
        ended=failed_cells.in_words,
        to_see_the_same=failed_cells.to_see_the_same(result.cells),
        says_more=says_more,
        costs=costs(result),
        lay_out=matrices.lay_out,
        notes=notes or ManualNotes(),
        adjusted=adjusted,
    )


def report_page(
    results: Sequence[SubmissionResult],
    *,
    exercises: Sequence[str],
    max_points: Fraction,
    files: Sequence[str],
    assignment: str = "",
    started_at: str = "",
    written_at: str = "",
    passed_over: Sequence[PassedOver] = (),
    absent: Sequence[str] = (),
    remarks: Sequence[str] = (),
    adjusted: Sequence[Adjusted] = (),
) -> str:
    """Render the class at a glance.

    Args:
        results: of one run.
        exercises: names in the order of the assignment.
        max_points: what the assignment is worth.
        files: the feedback file of each result, in the same order.
        assignment: its title.
        started_at: when the run began, UTC, ISO 8601.
        written_at: UTC, ISO 8601.
        passed_over: what was found and is in no submission.
        absent: students of the roster who handed in nothing.
        remarks: sentences on the roster, on earlier attempts and on outdated decisions.
        adjusted: what the policy makes of each result, in the same order; empty without a policy.
    """
    names = exercise_names(results, exercises)
    view = overview(results, names, max_points)
    return _ENVIRONMENT.get_template("report.html").render(
        view=view,
        clusters=[
            (cluster, matrices.lay_out(cluster.example or Counterexample("", "", "")))
            for cluster in view.mistakes.clusters
        ],
        rows=[_grid_row(result, names, max_points) for result in results],
        ruled=[_after_rules(one) for one in adjusted],
        links=[f"feedback/{quote(file)}" for file in files],
        judged=any(tally.judged for tally in view.tallies),
        seconds=sum(result.seconds for result in results),
        assignment=assignment or next((result.assignment for result in results), ""),
        started_at=started_at,
        written_at=written_at,
        passed_over=passed_over,
        absent=absent,
        remarks=remarks,
    )


def render(template: str, **values: object) -> str:
    """Render a template of this package; every value is cleaned and escaped."""
    return _ENVIRONMENT.get_template(template).render(**values)


def read_templates() -> None:
    """Read and compile the templates of a run's pages, which their first use does otherwise."""
    for name in ("style.css", "macros.html", "base.html", "report.html", "feedback.html"):
        _ENVIRONMENT.get_template(name)


def _exercise(index: int, result: ExerciseResult) -> _Exercise:
    checks = result.checks
    lines = clean(result.source).rstrip("\n").split("\n") if result.source.strip() else []
    tone, words = _tone(result)
    return _Exercise(
        result,
        f"exercise-{index}",
        standing(checks),
        tone,
        words,
        wrong=(wrong := tuple(check for check in checks if check.verdict.is_wrong)),
        reasons=reasons_of(wrong),
        broken=tuple(check for check in checks if check.verdict.is_ours),
        passed=tuple(check for check in checks if check.verdict is Verdict.PASSED),
        skipped=tuple(check for check in checks if check.verdict is Verdict.SKIPPED),
        lines=tuple(clip(line, limit=_LONGEST_LINE) for line in lines[:_MOST_LINES]),
        cut=max(0, len(lines) - _MOST_LINES),
        marked=_marked(result),
    )


def _marked(result: ExerciseResult) -> frozenset[int]:
    """Return the lines of the shown cell that its errors name: `cell 7, line 3`."""
    places = (c.counterexample.where for c in result.checks if c.counterexample and not c.hidden)
    found = (_PLACE.search(where) for where in places)
    return frozenset(int(place[2]) for place in found if place and int(place[1]) == result.cell)


def _tone(result: ExerciseResult) -> tuple[Tone, str]:
    """Choose a colour and a word for how an exercise went, by its checks and not by points alone.

    An optional exercise has no points and can be right or wrong all the same.
    """
    verdicts = [check.verdict for check in result.checks]
    if any(verdict.is_ours for verdict in verdicts):
        return "open", "internal error, open"
    share = standing(result.checks).share
    if result.by_hand:
        return ("none", "to grade by hand") if share is None else ("good", "graded by hand")
    if not verdicts:
        return "none", "not asked"
    # a person may have set other points than the checks gave
    if all(verdict is Verdict.PASSED for verdict in verdicts) and share in (None, 1):
        return "good", "complete"
    if all(verdict in (Verdict.MISSING, Verdict.SKIPPED) for verdict in verdicts):
        return ("none", "not tried") if result.optional else ("bad", "not found")
    if share is None:
        passed = sum(verdict is Verdict.PASSED for verdict in verdicts)
        share = Fraction(passed, len(verdicts))
    if not share:
        return "bad", Verdict.FAILED.words
    return ("part" if share >= Fraction(1, 2) else "low"), "partly right"


def says_more(check: CheckResult) -> bool:
    """Return whether a message says what its example does not: a layer, a place, a cause."""
    if check.counterexample is None:
        return True
    example = check.counterexample
    fields = (example.call, example.got, example.expected, example.where)
    return bool(_words(check.message) - _words(" ".join(fields)) - _USUAL)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text.lower()))


def _after_rules(adjusted: Adjusted) -> tuple[str, str]:
    """Return points after the policy, and why they are what they are."""
    total = adjusted.standing
    return f"{shown(total.points)} / {shown(total.max_points)}", "; ".join(adjusted.reasons)


def _grid_row(result: SubmissionResult, names: Sequence[str], max_points: Fraction) -> _GridRow:
    total = total_of(result, max_points)
    share = percent(total.share)
    by_name = {exercise.exercise: exercise for exercise in result.exercises}
    points = f"{shown(total.points)} / {shown(total.max_points)}"
    if total.open:
        points += f", {shown(total.open)} open"
    if result.status is Status.BROKEN and not total.max_points:
        points = "?"
    return _GridRow(
        result.student,
        result.submission,
        result.status,
        points,
        percent="" if share is None else str(share),
        cells=tuple(_grid_cell(result, by_name.get(name), name) for name in names),
    )


def _grid_cell(result: SubmissionResult, exercise: ExerciseResult | None, name: str) -> _GridCell:
    points = points_of(result, name)
    if exercise is None:
        return _GridCell("0", "bad") if points is not None else _GridCell("–", "none")
    tone, _ = _tone(exercise)
    if points is None:
        return _GridCell("?", "open")
    if exercise.by_hand and not exercise.max_points:
        return _GridCell(f"{sum(a.state == 'written' for a in result.answers)} ✎", tone)
    if not exercise.max_points:
        return _GridCell({"good": "✓", "none": "–"}.get(tone, "✗"), tone)
    return _GridCell(str(shown(points)), tone)


# ---- Jinja


def finalize(value: object) -> object:
    """Clean a value of a template and bound its length; Jinja escapes it afterwards."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return clip(clean(value), limit=_LONGEST_TEXT)
    return value


def _moment(text: str) -> str:
    """Return an ISO 8601 time in readable form; any other text unchanged."""
    try:
        return datetime.fromisoformat(text).strftime("%d %B %Y, %H:%M UTC")
    except ValueError:
        return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


FILTERS = {
    "points": shown,
    "percent": percent,
    "markdown": rendered,
    "moment": _moment,
    "capital": _capital,
    "clip": lambda text, limit: clip(str(text), limit=limit),
}
"""What the templates of all pages call."""
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= FILTERS
