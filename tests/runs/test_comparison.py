"""Two runs side by side: whose points changed, in which exercise, and for which reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from grader.cli.results import report
from grader.decisions import Decision
from grader.errors import UsageError
from grader.policy import Policy
from grader.records import CheckResult, ExerciseResult, Identity, SubmissionResult
from grader.report.comparison import comparison_lines, comparison_page
from grader.runs.comparison import ADDED, REMOVED, UNSTEADY, compare, compare_runs
from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK, StoredRun
from grader.verdict import Status, Verdict

INPUTS = {"submission": "a", "grader": "1", "checks of corr2d": "x"}
DUE = datetime(2026, 3, 14, tzinfo=UTC)


def result(student: str = "ada", points: int = 4, **inputs: str) -> SubmissionResult:
    verdict = Verdict.PASSED if points == 4 else Verdict.FAILED
    check = CheckResult("corr2d", "values", "", verdict, Fraction(points), Fraction(4))
    exercise = ExerciseResult("corr2d", "Corr", "7.2", False, (check,))
    return SubmissionResult(
        f"key of {student}", student, f"{student}.ipynb", "cnn", Status.GRADED, (exercise,),
        inputs=INPUTS | inputs,
    )  # fmt: skip


def run(*results: SubmissionResult, **about: object) -> StoredRun:
    made = StoredRun(tuple(results), "HW", ("corr2d",), Fraction(4), "2026-03-15T00:00:00+00:00")
    return replace(made, **about)


def reasons(before: StoredRun, after: StoredRun) -> tuple[str, ...]:
    return compare(before, after).changes[0].reasons


def test_equal_points_are_counted_and_not_listed():
    comparison = compare(run(result()), run(result(submission="b")))
    assert (comparison.changes, comparison.same) == ((), 1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"submission": "b"}, "the submission changed"),
        ({"grader": "2"}, "the grader changed"),
        ({"checks of corr2d": "y"}, "the checks of corr2d changed"),
    ],
)
def test_a_change_has_the_reason_of_what_differs(changed: dict[str, str], reason: str):
    comparison = compare(run(result()), run(result(points=1, **changed)))
    (change,) = comparison.changes
    assert (change.before, change.after, change.reasons) == (4, 1, (reason,))
    (exercise,) = change.exercises
    assert exercise.verdicts == ("values: failed, was passed",)


def test_an_instructors_decision_is_a_reason_of_its_own():
    decision = Decision("ada", "override", "corr2d", points=Fraction(4), id=7)
    after = run(result(), graded=(result(points=1),), decisions=(decision,))
    assert reasons(run(result(points=1)), after) == ("an instructor decided",)


def test_another_policy_changes_the_points_after_it_alone():
    late = (DUE + timedelta(days=1)).isoformat()
    people = {"key of ada": Identity(handed_in=late)}
    strict = Policy(due=DUE, late="percent", percent_a_day=Fraction(50))
    after = run(result(), policy=strict, people=people)
    (change,) = compare(run(result(), people=people), after).changes
    assert (change.exercises, change.adjusted) == ((), (4, 2))
    assert change.reasons == ("the policy changed",)


def test_points_that_changed_for_no_reason_are_called_unsteady():
    assert reasons(run(result()), run(result(points=1))) == (UNSTEADY,)


def test_students_in_one_run_only_are_listed():
    comparison = compare(run(result("ada")), run(result("bora")))
    assert [(one.student, one.reasons) for one in comparison.changes] == [
        ("ada", (REMOVED,)), ("bora", (ADDED,)),
    ]  # fmt: skip


def test_strange_names_do_nothing_on_the_page():
    page = comparison_page(compare(run(result("<script>alert(1)</script>")), run()))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_terminal_names_points_and_verdicts():
    lines = list(comparison_lines(compare(run(result()), run(result(points=1, grader="2")))))
    assert lines == [
        "Run 2 beside run 1: 1 student changed, 0 did not.",
        "ada: 4 -> 1 points; the grader changed",
        "  corr2d: 4 -> 1 (values: failed, was passed)",
    ]


def test_a_gradebook_with_one_run_has_nothing_to_compare_with(tmp_path):
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        gradebook.start_run("cnn")
    with pytest.raises(UsageError, match="has one run, and a comparison needs two; run"):
        compare_runs(tmp_path)


def test_the_latest_run_is_compared_with_the_one_before_or_with_the_one_asked_for(tmp_path):
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        for points in (1, 4, 4):
            one = replace(result(points=points), key=f"{points}")
            gradebook.save(one, gradebook.start_run("cnn"))
    assert compare_runs(tmp_path).same == 1
    assert compare_runs(tmp_path, 1).changes[0].before == 1


@pytest.mark.parametrize("other", [{"points": Path("p.csv")}, {"moodle": Path("m.csv")},
                                   {"excel": True}])  # fmt: skip
def test_a_comparison_does_not_drop_what_else_was_asked_for_in_silence(tmp_path, other):
    with pytest.raises(UsageError, match="--compare alone after it"):
        report(tmp_path, "last", **other)
