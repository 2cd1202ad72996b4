"""A gradebook of a small class with written answers, and a browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from grader.records import CheckResult, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK
from grader.serve.desk import Desk
from grader.verdict import Status, Verdict

HOSTILE = "<script>document.title='hit'</script>"


def result(student: str, *texts: str, points: int = 4, section: str = "7.2") -> SubmissionResult:
    verdict = Verdict.PASSED if points == 4 else Verdict.FAILED
    check = CheckResult(
        "corr2d", "values", "A claim.", verdict, Fraction(points), Fraction(4), message="wrong"
    )
    written = CheckResult(
        "written", "written", "", Verdict.PASSED, Fraction(0), Fraction(0)
    )  # fmt: skip
    return SubmissionResult(
        f"key of {student}", student, f"{student}.ipynb", "cnn", Status.GRADED,
        (
            ExerciseResult("corr2d", "Cross-correlation", "7.2", False, (check,), source="def f"),
            ExerciseResult("written", "Written answers", "7", False, (written,), by_hand=True),
        ),
        answers=tuple(
            WrittenAnswer(section, "Exercises", 4 + n, text) for n, text in enumerate(texts)
        ),
    )  # fmt: skip


CLASS = (
    result("ada", "The kernel is small, so the edges of an image are lost."),
    result("bora", "Padding keeps the size of an image."),
    result("=1+2", "The kernel is small, so the edges of an image are lost!"),
    result(HOSTILE, f"{HOSTILE} **bold** <img src=x onerror=alert(1)>", points=1),
)


def store(out: Path, *results: SubmissionResult) -> None:
    with Gradebook.open(out / GRADEBOOK) as gradebook:
        options = {"title": "HW2", "exercises": "corr2d,written", "max_points": "4"}
        run = gradebook.start_run("cnn", options=options)
        for one in results:
            gradebook.save(one, run)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    store(tmp_path, *CLASS)
    return tmp_path


@pytest.fixture
def desk(out: Path) -> Iterator[Desk]:
    opened = Desk(out)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium here: apt-get install chromium runs this test")
    return found
