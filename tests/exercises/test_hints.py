"""The sentence beside a wrong result does not send a student to the wrong place."""

import pytest

from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import student_of
from reference import pool2d

SIDE = {"test_leaves_its_arguments_alone", "test_same_call_same_answer", "test_keeps_fractions"}


@pytest.mark.parametrize("exercise", ["corr2d", "corr2d_multi_in", "corr2d_multi_in_out"])
def test_a_wrong_result_is_to_be_mended_before_its_side_effects(grade_in_process, exercise):
    results = grade_in_process(exercise, lambda X, K: X * 0)
    told = [r.hint for r in results if r.check in SIDE and r.verdict != "passed"]
    assert told
    assert all(hint.startswith("If the result itself is wrong, mend that first.") for hint in told)


@pytest.mark.parametrize(("given", "both"), [("max", "largest number"), ("avg", "mean")])
def test_a_mode_that_is_misspelt_is_named_by_what_it_gives(session, assignment, given, both):
    def misspelt(X, pool_size, mode="max"):
        other = {"max": "avg", "avg": "max"}[given]
        return pool2d(X, pool_size, other if mode == other.upper() else given)

    (exercise,) = assignment.only(["pool2d"]).exercises
    results = session.run(exercise, student_of(exercise, misspelt))
    named = Diagnosis(session).name_mistake(
        exercise, results, lambda: student_of(exercise, misspelt)
    )
    assert named is not None
    assert named.title == f"both modes give the {both}"
