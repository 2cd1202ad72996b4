"""The tables have the columns of the contract; broken checks stay open; rounding is done once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.decisions import Decision
from grader.policy import Policy
from grader.records import Identity
from grader.report.frames import frames_of
from grader.report.gradebook_json import grades_json
from grader.report.markdown import markdown
from grader.report.rounding import percent, shown
from grader.report.tables import CHECKS, GRADES, checks_table, grades_table
from grader.runs.stored_run import StoredRun
from grader.verdict import Status, Verdict

MAX = Fraction(48)


def grades_frame(results, exercises, *, max_points=Fraction(0)):
    run = StoredRun(tuple(results), "", tuple(exercises), max_points, "")
    return grades_table(frames_of(run))


def checks_frame(results):
    return checks_table(frames_of(StoredRun(tuple(results), "", (), Fraction(0), "")))


def row(result, order, student=0):
    return grades_frame([result], order, max_points=MAX).iloc[student].to_dict()


def test_columns_are_those_of_the_contract(class_of_five, order):
    frame = grades_frame(class_of_five, order, max_points=MAX)
    assert list(frame.columns) == [*GRADES, *order]
    assert list(checks_frame(class_of_five).columns) == list(CHECKS)


def test_every_submission_has_a_row_in_the_order_given(class_of_five, order):
    frame = grades_frame(class_of_five, order, max_points=MAX)
    assert list(frame["student"]) == ["lee", "김민수", "park", "choi", "jung"]
    assert list(frame["status"]) == ["graded", "partial", "broken", "unreadable", "broken"]


def test_points_are_summed_over_the_checks(flawed, order):
    got = row(flawed, order)
    assert (got["points"], got["max_points"], got["percent"]) == (4, 18, 22.2)
    assert (got["corr2d"], got["pool2d"], got["image_kernels"]) == (4, 0, 0)


def test_a_broken_check_counts_on_neither_side_and_its_exercise_stays_open(broken, order):
    got = row(broken, order)
    assert (got["points"], got["max_points"], got["LeNet"]) == (8, 8, None)


def test_an_unreadable_file_earned_nothing_of_everything(unreadable, order):
    got = row(unreadable, order)
    assert (got["points"], got["max_points"], got["percent"], got["corr2d"]) == (0, 48, 0, 0)


def test_a_submission_that_our_side_lost_is_open_and_not_zero(lost, order):
    got = row(lost, order)
    assert (got["points"], got["percent"], got["corr2d"]) == (None, None, None)


def test_an_exercise_that_the_assignment_does_not_list_comes_last(make, exercise):
    frame = grades_frame([make("kim", exercise("extra"))], ["corr2d"])
    assert list(frame.columns)[len(GRADES) :] == ["corr2d", "extra"]


def test_no_results_are_an_empty_frame_with_all_columns(order):
    assert list(grades_frame([], order).columns) == [*GRADES, *order]
    assert len(checks_frame([])) == 0


def test_every_check_has_a_row(flawed):
    frame = checks_frame([flawed])
    assert list(frame["verdict"]) == ["passed", "failed", "skipped", "missing", "missing"]


@pytest.mark.parametrize(
    ("points", "expected"),
    [("4", 4), ("1/2", 0.5), ("1/3", 0.33), ("2/3", 0.67), ("1/8", 0.13), ("299/100", 2.99)],
)
def test_points_are_shown_with_two_decimals_at_most(points, expected):
    assert shown(Fraction(points)) == expected
    assert type(shown(Fraction(points))) is type(expected)


def test_a_hundred_percent_is_kept_for_all_points():
    assert percent(Fraction(9999, 10000)) == 99.9
    assert percent(Fraction(1)) == 100
    assert percent(None) is None


@settings(deadline=None)
@given(st.fractions(min_value=0, max_value=1000))
def test_rounding_is_off_by_half_a_hundredth_at_most(points):
    assert abs(Fraction(shown(points)) - points) <= Fraction(1, 200) + Fraction(1, 10**9)


def test_status_and_verdict_are_plain_words(make, exercise, check):
    result = make("kim", exercise("a", check("a", verdict=Verdict.TIMED_OUT)), status=Status.GRADED)
    assert checks_frame([result])["verdict"][0] == "timed_out"
    assert type(grades_frame([result], [])["status"][0]) is str


def test_points_after_the_policy_stand_beside_those_of_the_checks(flawed, order):
    due = datetime(2026, 3, 14, tzinfo=UTC)
    policy = Policy(due=due, late="percent", percent_a_day=Fraction(25))
    run = StoredRun(
        (flawed,), "", tuple(order), MAX, "", policy=policy,
        people={flawed.key: Identity(handed_in=(due + timedelta(hours=30)).isoformat())},
    )  # fmt: skip
    got = grades_table(frames_of(run)).iloc[0].to_dict()
    assert (got["points"], got["adjusted_points"], got["adjusted_percent"]) == (4, 2, 11.1)
    assert (got["days_late"], got["handed_in_at"]) == (2, "2026-03-15T06:00:00+00:00")
    assert got["adjustments"] == "2 days late: 50 % less"
    assert list(got)[: len(GRADES)] == list(GRADES)


def test_a_decision_of_an_instructor_is_named_beside_the_points(flawed, order):
    decision = Decision(flawed.student, "override", "corr2d", text="read by hand")
    run = StoredRun((flawed,), "", tuple(order), MAX, "", decisions=(decision,))
    got = grades_table(frames_of(run)).iloc[0].to_dict()
    assert got["adjustments"] == "override corr2d: read by hand"


def test_without_a_policy_or_a_decision_grades_have_the_columns_of_the_contract(flawed, order):
    assert list(row(flawed, order)) == [*GRADES, *order]


def test_points_after_the_policy_are_in_every_format(flawed, order):
    due = datetime(2026, 3, 14, tzinfo=UTC)
    policy = Policy(due=due, late="percent", percent_a_day=Fraction(25))
    people = {flawed.key: Identity("Canvas", marked_late=True)}
    run = StoredRun((flawed,), "", tuple(order), MAX, "", policy=policy, people=people)
    frames = frames_of(run)
    (one,) = msgspec.json.decode(grades_json(run, frames))["submissions"]
    assert (one["points"], one["adjusted_points"], one["days_late"]) == (4, 3, 1)
    assert one["handed_in_at"] is None
    assert one["adjustments"].startswith("Canvas marked it late")
    assert "| after the rules |" in markdown(run, frames)
    assert "| 3 |" in markdown(run, frames)
