"""What an instructor decided changes the points of the work that was looked at, and no other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from grader.decisions import BY_HAND, Decision, in_force, mark_of, question_of, settle
from grader.points import standing_of
from grader.records import CheckResult, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.verdict import Status, Verdict


def check(name: str, verdict: Verdict, points: int, most: int) -> CheckResult:
    return CheckResult("pool2d", name, "A claim.", verdict, Fraction(points), Fraction(most))


ANSWER = WrittenAnswer("7.2", "Exercises", 4, "Because the kernel is small.")
POOL = ExerciseResult(
    "pool2d", "Pooling", "7.5", False,
    (check("values", Verdict.PASSED, 4, 4), check("negatives", Verdict.FAILED, 0, 2),
     check("dtype", Verdict.BROKEN, 0, 2)),
    source="def pool2d(X): ...",
)  # fmt: skip
WRITTEN = ExerciseResult(
    "written", "Written", "7", False,
    (replace(check("written", Verdict.PASSED, 0, 0), exercise="written"),), by_hand=True,
)  # fmt: skip
RESULT = SubmissionResult(
    "k", "ada", "ada.ipynb", "cnn", Status.GRADED, (POOL, WRITTEN), answers=(ANSWER,)
)


def total(result: SubmissionResult) -> tuple[Fraction, Fraction, Fraction]:
    sums = standing_of(result)
    return sums.points, sums.max_points, sums.open


def decided(kind: str, **about: object) -> Decision:
    return replace(Decision("ada", "comment", "pool2d"), kind=kind, **about)


def test_an_override_of_an_exercise_decides_its_points_and_closes_what_broke():
    settled = settle(RESULT, [decided("override", points=Fraction(5), text="half a mark more")])
    assert total(settled.result) == (5, 8, 0)
    row = settled.result.exercises[0].checks[-1]
    assert (row.check, row.points, row.message) == (BY_HAND, 1, "half a mark more")


def test_an_override_of_a_check_changes_that_check_alone():
    one = decided("override", item="negatives", points=Fraction(2), text="the text was unclear")
    changed = settle(RESULT, [one]).result.exercises[0].checks
    assert changed[1].verdict is Verdict.PASSED
    assert changed[1].message == "the text was unclear"
    assert (changed[0], changed[2]) == (POOL.checks[0], POOL.checks[2])


def test_points_of_a_written_answer_count_as_a_row_of_its_question():
    question = question_of(ANSWER)
    one = decided(
        "points", exercise="written", item=question, points=Fraction(3), max_points=Fraction(4)
    )
    settled = settle(RESULT, [one]).result
    assert total(settled) == (7, 10, 2)
    assert settled.exercises[1].checks[-1].check == question


def test_an_excused_exercise_counts_on_neither_side_whatever_else_was_decided():
    excused = [decided("excuse", text="ill"), decided("override", points=Fraction(8))]
    assert total(settle(RESULT, excused).result) == (0, 0, 0)


def test_reopening_takes_back_what_was_decided_before_and_nothing_after():
    first, again = decided("override", points=Fraction(8)), decided("reopen")
    later = decided("override", points=Fraction(1))
    assert settle(RESULT, [first, again]).result == RESULT
    assert total(settle(RESULT, [first, again, later]).result)[0] == 1


def test_a_decision_about_work_that_changed_is_not_applied_but_listed():
    seen = mark_of(RESULT, "pool2d")
    one = decided("override", points=Fraction(8), seen=seen)
    assert settle(RESULT, [one]).applied == (one,)
    other = replace(RESULT, exercises=(replace(POOL, source="def pool2d(X): pass"), WRITTEN))
    assert settle(other, [one]).result == other
    assert settle(other, [one]).outdated == (one,)


def test_points_for_an_answer_hold_while_its_text_is_the_same_wherever_it_stands():
    question = question_of(ANSWER)
    seen = mark_of(RESULT, "written", question)
    one = decided("points", exercise="written", item=question, points=Fraction(1), seen=seen)
    moved = replace(RESULT, answers=(replace(ANSWER, cell=9),))
    rewritten = replace(RESULT, answers=(replace(ANSWER, text="Another thought."),))
    assert settle(moved, [one]).applied
    assert settle(rewritten, [one]).outdated


def test_nobody_is_touched_by_a_decision_about_another_student():
    assert settle(RESULT, [replace(decided("excuse"), student="bora")]).result == RESULT


@given(st.lists(st.sampled_from(("points", "override", "excuse", "comment", "reopen"))))
def test_only_the_latest_decision_of_each_kind_counts(kinds: list[str]):
    made = [replace(decided(kind), id=place) for place, kind in enumerate(kinds)]
    start = max((place + 1 for place, kind in enumerate(kinds) if kind == "reopen"), default=0)
    latest = {one.kind: one for one in made[start:]}
    assert {one.kind: one for one in in_force(made)} == latest
    assert len(in_force(made)) == len(latest)
