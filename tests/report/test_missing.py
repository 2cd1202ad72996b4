"""The packages that were not installed, as the end of a run lists them."""

from __future__ import annotations

from fractions import Fraction

from grader.records import SubmissionResult
from grader.report.missing import missing_in_words, missing_packages
from grader.verdict import Status


def result(student: str, **missing: int) -> SubmissionResult:
    found = {name: Fraction(points) for name, points in missing.items()}
    return SubmissionResult(
        student, student, "hw2.ipynb", "cnn", Status.GRADED, missing_packages=found
    )


def test_a_run_lists_what_was_missing_with_notebooks_points_and_the_command():
    results = [result("kim", cv2=7, seaborn=0), result("lee", seaborn=0, my_lib=0), result("an")]
    assert [(one.name, one.notebooks, one.points) for one in missing_packages(results)] == [
        ("cv2", 1, 7), ("seaborn", 2, 0), ("my_lib", 1, 0),
    ]  # fmt: skip
    assert missing_in_words(results) == [
        "not installed here:",
        "  cv2: 1 notebook, 7 points open",
        "  seaborn: 2 notebooks, no points open",
        "  my_lib: 1 notebook, no points open",
        "`pip install opencv-python-headless`, then give the same command again.",
    ]


def test_a_run_that_lacked_nothing_says_nothing():
    assert missing_in_words([result("kim")]) == []


def test_an_unknown_name_has_no_command():
    assert missing_packages([result("kim", my_lib=0)])[0].command == ""


def test_a_name_that_the_student_is_charged_for_leaves_no_points_open():
    """The charged points are lost, so the line cannot call the name harmless."""
    assert missing_in_words([result("kim", my_lib=0)]) == [
        "not installed here:",
        "  my_lib: 1 notebook, no points open",
    ]
