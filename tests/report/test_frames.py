"""A run as frames: real dtypes, open points missing, loaded from a folder of reports."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grader
from grader.errors import UsageError
from grader.records import CellRun, CheckResult, ExerciseResult, SubmissionResult, WrittenAnswer
from grader.report.frames import ANSWERS, CELLS, CHECKS, EXERCISES, SUBMISSIONS, frames_of
from grader.report.tables import GRADES, grades_table
from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK, StoredRun
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


def test_the_rows_of_an_unreadable_submission_are_there_and_have_no_points():
    rows = frames_of(CLASS).exercises.query("student == 'oli'").set_index("exercise")
    assert list(rows.index) == ["a", "b"]
    assert list(rows["points"]) == [0, 0]
    assert list(rows["max_points"]) == [4, 4]  # as the results of the others say


def test_two_submissions_of_one_student_are_told_apart():
    twice = run(submission("kim", 4, 4), submission("kim", 1, 0))
    frames = frames_of(twice)
    joined = frames.exercises.join(frames.submissions["status"], on="number")
    assert len(joined) == 4
    assert list(frames.exercises.groupby("number")["points"].sum()) == [8, 1]


def test_a_check_that_broke_has_open_points_a_payer_and_a_traceback():
    broke = exercise("b", 0, Verdict.BROKEN)
    check = replace(broke.checks[0], traceback="Traceback ...")
    noa = submission("noa", 1, 0, exercises=(replace(broke, checks=(check,)),))
    row = frames_of(run(noa, submission("kim", 4, 4))).checks.iloc[0]
    assert pd.isna(row["points"])
    assert (row["max_points"], row["pays"], row["traceback"]) == (4, "grader", "Traceback ...")
    assert frames_of(run(noa)).submissions.loc[0, "open_points"] == 4


def test_correlation_of_exercises_over_the_class_leaves_open_points_out():
    points = frames_of(CLASS).exercises.pivot(index="number", columns="exercise", values="points")
    assert points.shape == (5, 2)
    assert 0 < points.corr().loc["a", "b"] <= 1


@pytest.mark.parametrize("name", ["points", "number", "status", "percent"])
def test_an_exercise_called_as_a_column_hides_it_neither_here_nor_in_the_csv(name):
    frames = frames_of(run(submission("kim", 0, 0, exercises=(exercise(name, 3),))))
    assert frames.submissions.loc[0, f"{name} (exercise)"] == 3
    assert frames.submissions.loc[0, "student"] == "kim"
    table = grades_table(frames)
    assert list(table.columns) == [*GRADES, "a", "b", name]
    assert table.iloc[0, -1] == 3


@settings(deadline=None, max_examples=30)
@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_can_stand_in_a_frame(text):
    one = submission(
        text, 1, 1, exercises=(exercise(text, 1),), finished_at=text, problem=text, traceback=text
    )
    frames = frames_of(run(one))
    assert not frames.exercises["exercise"].isna().any()
    assert frames.submissions.loc[0, "points"] == 1


def test_importing_the_package_loads_neither_pandas_nor_torch():
    script = "import sys, grader; print(sorted({'pandas', 'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True,
        cwd=Path(grader.__file__).parents[1],
    )  # fmt: skip
    assert done.stdout == "[]\n"


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
