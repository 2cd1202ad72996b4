"""A run as frames: real dtypes, open points missing, loaded from a folder of reports."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

import grader
from grader.errors import UsageError
from grader.records import CellRun, CheckResult, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.report.frames import ANSWERS, CELLS, CHECKS, EXERCISES, SUBMISSIONS, frames_of
from grader.runs.gradebook import Gradebook
from grader.runs.pipeline import GRADEBOOK, StoredRun
from grader.verdict import STYLES, Status, Verdict


def exercise(name: str, points: int, verdict: Verdict = Verdict.PASSED) -> ExerciseResult:
    check = CheckResult(name, "test_it", "It holds.", verdict, Fraction(points), Fraction(4))
    return ExerciseResult(name, name, "7.2", False, (check,), cell=3)


def submission(student: str, a: int, b: int, **more) -> SubmissionResult:
    result = SubmissionResult(
        student, student, f"{student}.ipynb", "small", Status.GRADED,
        (exercise("a", a), exercise("b", b)), cells=(CellRun(0, "ok", 0.5),), seconds=2.0,
        answers=(WrittenAnswer("7.2", "Discussion", 5, "Kernels slide."),),
        finished_at="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    return replace(result, **more)


def run(*results: SubmissionResult) -> StoredRun:
    return StoredRun(tuple(results), "Small", ("a", "b"), Fraction(8), "2026-01-02T03:04:00+00:00")


OPTIONS = {"title": "Small", "exercises": "a,b", "max_points": "8"}
CLASS = run(
    submission("kim", 4, 4),
    submission("lee", 2, 1),
    submission("mia", 0, 0, status=Status.PARTIAL),
    submission("noa", 1, 0, exercises=(exercise("a", 1), exercise("b", 0, Verdict.BROKEN))),
    SubmissionResult("x", "oli", "oli.ipynb", "small", Status.UNREADABLE, problem="It is empty."),
)


def test_every_column_has_a_dtype_of_its_own_also_in_an_empty_run():
    for frames in (frames_of(CLASS), frames_of(run())):
        kinds = frames.submissions.dtypes.astype(str)
        assert kinds["student"] == "string"
        assert {kinds[name] for name in ("points", "percent", "a", "b")} == {"Float64"}
        assert frames.submissions["finished_at"].dt.tz is not None
        assert frames.checks["verdict"].dtype == "category"
        assert str(frames.cells["cell"].dtype) == "Int64"
        assert str(frames.exercises["optional"].dtype) == "boolean"


def test_the_columns_are_those_that_are_documented():
    frames = frames_of(CLASS)
    assert list(frames.submissions) == [*SUBMISSIONS, "a", "b"]
    for frame, columns in (
        (frames.exercises, EXERCISES), (frames.checks, CHECKS), (frames.cells, CELLS),
        (frames.answers, ANSWERS),
    ):  # fmt: skip
        assert list(frame) == list(columns)
    text = (Path(__file__).resolve().parents[2] / "docs" / "frames.md").read_text()
    for column in {*SUBMISSIONS, *EXERCISES, *CHECKS, *CELLS, *ANSWERS}:
        assert f"`{column}`" in text


def test_points_can_be_described_grouped_and_correlated():
    frames = frames_of(CLASS)
    assert frames.submissions["points"].describe()["max"] == 8
    means = frames.exercises.groupby("exercise", observed=True)["points"].mean()
    assert list(means.index) == ["a", "b"]
    assert -1 <= frames.submissions[["a", "b"]].corr().loc["a", "b"] <= 1


def test_points_that_a_broken_check_leaves_open_are_missing():
    frames = frames_of(CLASS).submissions.set_index("student")
    assert pd.isna(frames.loc["noa", "b"])
    assert frames.loc["noa", "a"] == 1
    assert frames.loc["oli", "points"] == 0


def test_a_run_is_loaded_from_the_folder_of_its_reports(tmp_path):
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        run_id = gradebook.start_run("small", options=OPTIONS)
        for number, result in enumerate(CLASS.results):
            gradebook.save(replace(result, key=str(number)), run_id)
    loaded = grader.load(tmp_path)
    assert loaded.title == "Small"
    assert sorted(loaded.submissions["student"]) == ["kim", "lee", "mia", "noa", "oli"]


def test_a_folder_without_a_gradebook_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match="Run `grader grade` first"):
        grader.load(tmp_path)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_knows_its_words_its_tone_and_who_pays(verdict):
    assert verdict.words
    assert verdict.style == STYLES[verdict.tone]
    assert (verdict.pays == "grader") == (verdict is Verdict.BROKEN)
    assert (verdict.pays == "") == (verdict is Verdict.PASSED)
    pages = Path(__file__).resolve().parents[2] / "grader" / "report" / "templates"
    styles = "".join(path.read_text() for path in pages.iterdir())
    assert f".{verdict.tone}" in styles
