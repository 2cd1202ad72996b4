"""The rules of an assignment: late work, bonus, dropped exercises and rounding."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.decisions import Decision
from grader.policy import Adjusted, Policy, adjust, most_after
from grader.records import CheckResult, ExerciseResult, SubmissionResult
from grader.verdict import Status, Verdict

DUE = datetime(2026, 3, 14, 23, 59, tzinfo=UTC)
PERCENT = Policy(due=DUE, late="percent", percent_a_day=Fraction(10))


def exercise(name: str, points: int, most: int, verdict: Verdict = Verdict.FAILED):
    check = CheckResult(name, "values", "", verdict, Fraction(points), Fraction(most))
    return ExerciseResult(name, name, "7.2", False, (check,))


RESULT = SubmissionResult(
    "k", "ada", "ada.ipynb", "cnn", Status.GRADED,
    (exercise("a", 5, 10), exercise("b", 9, 10), exercise("c", 1, 2)),
)  # fmt: skip


def late(policy: Policy, by: timedelta, decisions: tuple[Decision, ...] = ()) -> Adjusted:
    return adjust(RESULT, policy, handed_in=DUE + by, decisions=decisions)


@pytest.mark.parametrize(
    ("by", "points"),
    [
        (timedelta(days=-1), 15),
        (timedelta(0), 15),
        (timedelta(seconds=1), Fraction(27, 2)),
        (timedelta(days=1), Fraction(27, 2)),
        (timedelta(days=1, seconds=1), 12),
        (timedelta(days=40), 0),
    ],
)
def test_each_day_begun_costs_its_percentage(by: timedelta, points: Fraction):
    assert late(PERCENT, by).standing.points == points


def test_grace_forgives_a_little_and_nothing_of_what_is_later():
    policy = replace(PERCENT, grace=timedelta(minutes=15))
    assert late(policy, timedelta(minutes=15)).days_late == 0
    assert late(policy, timedelta(minutes=16)).standing.points == Fraction(27, 2)


def test_free_days_are_taken_off_first_and_said():
    adjusted = late(replace(PERCENT, late_days=2), timedelta(days=3))
    assert adjusted.standing.points == Fraction(27, 2)
    assert adjusted.reasons == ("3 days late, 2 of them free: 10 % less",)


def test_a_deduction_has_its_largest_value_and_a_last_day():
    policy = replace(PERCENT, most_percent=Fraction(40), cut_off_days=7)
    assert late(policy, timedelta(days=6)).standing.points == 9
    assert late(policy, timedelta(days=8)).standing.points == 0


def test_a_cut_off_counts_no_late_work_and_the_maximum_stays():
    standing = late(Policy(due=DUE, late="cut-off"), timedelta(hours=1)).standing
    assert (standing.points, standing.max_points) == (0, 22)


def test_an_extension_moves_the_due_date_of_that_student_alone():
    extension = Decision("ada", "extension", text="2026-03-20T23:59:00+00:00 illness")
    adjusted = late(PERCENT, timedelta(days=5), (extension,))
    assert adjusted.standing.points == 15
    assert "illness" in adjusted.reasons[0]
    others = (replace(extension, student="bora"),)
    assert late(PERCENT, timedelta(days=5), others).standing.points == Fraction(15, 2)


def test_an_extension_to_an_earlier_date_takes_no_time_from_a_student():
    earlier = Decision("ada", "extension", text="2026-03-01T00:00:00+00:00")
    assert late(PERCENT, timedelta(0), (earlier,)).days_late == 0


def test_work_without_a_known_time_is_on_time_and_that_is_said():
    adjusted = adjust(RESULT, PERCENT)
    assert adjusted.standing.points == 15
    assert adjusted.reasons == ("no time of handing in is known: taken as on time",)


def test_bonus_points_count_and_their_maximum_does_not():
    standing = adjust(RESULT, Policy(bonus=("b",))).standing
    assert (standing.points, standing.max_points) == (15, 12)


def test_the_lowest_exercises_are_dropped_from_both_sides():
    standing = adjust(RESULT, Policy(drop=1)).standing
    assert (standing.points, standing.max_points) == (10, 12)  # a and c have a half, a is worth 10


def test_an_exercise_that_an_internal_error_left_open_is_not_dropped():
    broken = replace(RESULT, exercises=(exercise("x", 0, 4, Verdict.BROKEN), *RESULT.exercises))
    adjusted = adjust(broken, Policy(drop=1))
    assert adjusted.reasons == ("a is dropped",)
    assert adjusted.standing.open == 4


@pytest.mark.parametrize(
    ("direction", "points"), [("nearest", 14), ("up", 14), ("down", Fraction(27, 2))]
)
def test_points_are_rounded_last_and_halves_go_up(direction: str, points: Fraction):
    policy = replace(PERCENT, percent_a_day=Fraction(8), step=Fraction(1, 2))
    policy = replace(policy, direction=direction)  # 13.8
    assert late(policy, timedelta(days=1)).standing.points == points


def test_a_file_that_could_not_be_read_keeps_the_whole_maximum():
    unreadable = replace(RESULT, exercises=(), status=Status.UNREADABLE)
    standing = adjust(unreadable, PERCENT, max_points=Fraction(22)).standing
    assert (standing.points, standing.max_points) == (0, 22)


@given(
    days=st.integers(0, 30), free=st.integers(0, 5), percent=st.integers(0, 100),
    most=st.integers(0, 100),
)  # fmt: skip
def test_later_work_never_earns_more_and_never_less_than_nothing(days, free, percent, most):
    policy = replace(
        PERCENT, late_days=free, percent_a_day=Fraction(percent), most_percent=Fraction(most)
    )
    now, next_day = (late(policy, timedelta(days=d)).standing.points for d in (days, days + 1))
    assert 0 <= next_day <= now <= 15


@given(st.data())
def test_the_default_rules_change_nothing(data):
    by = data.draw(st.none() | st.timedeltas(timedelta(-9), timedelta(9)))
    adjusted = adjust(RESULT, Policy(), handed_in=by and DUE + by)
    assert adjusted == Adjusted(adjusted.standing)
    assert adjusted.standing.points == RESULT.points
    assert adjusted.standing.max_points == RESULT.max_points


def test_what_a_system_marked_late_is_one_day_late_until_its_time_is_known():
    marked = adjust(RESULT, PERCENT, marked_late_by="Canvas")
    assert (marked.standing.points, marked.days_late) == (Fraction(27, 2), 1)
    assert marked.reasons[0].startswith("Canvas marked it late and names no time: taken as 1 day")
    assert "--times" in marked.reasons[0]
    known = adjust(RESULT, PERCENT, handed_in=DUE + timedelta(days=2), marked_late_by="Canvas")
    assert known.days_late == 2
    assert adjust(RESULT, PERCENT, handed_in=DUE, marked_late_by="Canvas").standing.points == 15
    assert adjust(RESULT, Policy(), marked_late_by="Canvas") == adjust(RESULT, Policy())


def test_a_late_mark_does_not_overrule_an_extension():
    extension = Decision("ada", "extension", text=f"{(DUE + timedelta(days=3)).isoformat()} ill")
    marked = adjust(RESULT, PERCENT, marked_late_by="Canvas", decisions=[extension])
    assert marked.standing.points == 15
    assert "within the extension" in marked.reasons[-1]


WORTH = {one.exercise: sum((c.max_points for c in one.checks), Fraction(0))
         for one in RESULT.exercises}  # fmt: skip


@pytest.mark.parametrize(
    "policy",
    [
        Policy(), Policy(bonus=("a",)), Policy(drop=1), Policy(drop=2),
        Policy(drop=1, bonus=("b",)),
        Policy(drop=1, drop_of=("c",)), Policy(drop=2, drop_of=("a", "c"), bonus=("c",)),
        Policy(bonus=("a", "b", "c")),
    ],
)  # fmt: skip
def test_who_handed_in_nothing_is_measured_by_the_maximum_of_who_earned_nothing(policy):
    nothing = [exercise(name, 0, int(most)) for name, most in WORTH.items()]
    result = replace(RESULT, exercises=tuple(nothing))
    assert most_after(policy, WORTH) == adjust(result, policy).standing.max_points
