"""A stored result serves again as long as what decides it is the same, exercise by exercise."""

from dataclasses import replace
from fractions import Fraction

import pytest

from grader.grading.plan import Plan
from grader.reading.submissions import find
from grader.records import CheckResult, ExerciseResult, SubmissionResult
from grader.runs import pipeline
from grader.runs.gradebook import Gradebook
from grader.runs.origins import ASKED, Origins, why_graded
from grader.runs.scheduling import Finished
from grader.verdict import Status, Verdict

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"


def row(name, verdict=Verdict.PASSED):
    check = CheckResult(name, "test_it", "It holds.", verdict, Fraction(2), Fraction(2))
    return ExerciseResult(name, name, "1", False, (check,))


class Class:
    """One student and an assignment of three exercises; grading makes results up."""

    def __init__(self, folder, out, plan, monkeypatch):
        self.folder, self.out, self.plan = folder, out, plan
        self.verdicts, self.missing, self.status = {}, {}, Status.GRADED
        self.graded = []
        monkeypatch.setattr(pipeline, "grade_all", self.grade_all)

    def grade_all(self, plan, submissions, *, jobs, source=None):
        for position, one in enumerate(submissions):
            known = {result.exercise: result for result in one.judged}
            asked = [e.name for e in plan.assignment.exercises]
            self.graded.append([name for name in asked if name not in known])
            rows = [known.get(n) or row(n, self.verdicts.get(n, Verdict.PASSED)) for n in asked]
            yield Finished(position, SubmissionResult(
                plan.key(one), one.student, one.path, plan.assignment.name, self.status,
                tuple(rows), missing_packages=self.missing, run_notes=("seen while it ran",),
            ))  # fmt: skip

    def grade(self, *only):
        """Grade; return what was asked of each submission that was graded, and the run."""
        self.graded.clear()
        plan = replace(self.plan, only=only)
        found = find([self.folder], assignment="small").submissions
        run = pipeline.grade_and_store(plan, found, self.out, jobs=1)
        return list(self.graded), run

    def change(self, exercise):
        path = self.plan.assignment.folder / exercise / f"test_{exercise}.py"
        path.write_text(path.read_text() + "# a change\n")


@pytest.fixture
def kim(tmp_path, write_course, write_notebook, monkeypatch):
    folder = write_course(tmp_path, {"add": CHECK, "double": CHECK, "half": CHECK})
    write_notebook(tmp_path / "class" / "kim" / "hw.ipynb", "x = 1")
    return Class(tmp_path / "class", tmp_path / "out", Plan(str(folder)), monkeypatch)


def names(run):
    (result,) = run.results
    return [one.exercise for one in result.exercises]


def test_a_corrected_check_grades_its_exercise_alone(kim):
    kim.grade()
    kim.change("double")
    asked, run = kim.grade()
    assert asked == [["double"]]
    assert names(run) == ["add", "double", "half"]
    told = "0 stored before, 1 graded: 1 the checks of double changed."
    assert (
        run.origins.as_text()
        == f"{told} Of these, 2 exercises were stored before, and 1 were graded."
    )
    assert kim.grade()[0] == []


def test_some_exercises_of_a_graded_submission_are_not_graded_again(kim):
    kim.grade()
    asked, run = kim.grade("half", "add")
    assert (asked, names(run)) == ([], ["add", "half"])
    (result,) = run.results
    assert result.max_points == 4
    assert result.run_notes == ("seen while it ran",)
    assert run.origins.as_text() == "1 stored before, none graded."


def test_exercises_that_were_asked_one_by_one_make_a_whole(kim):
    for name in ("add", "double", "half"):
        assert kim.grade(name)[0] == [[name]]
    asked, run = kim.grade()
    assert (asked, names(run)) == ([], ["add", "double", "half"])


def test_the_status_is_that_of_the_exercises_asked_for(kim):
    kim.verdicts, kim.status = {"half": Verdict.MISSING}, Status.PARTIAL
    kim.grade()
    assert kim.grade("half")[1].results[0].status is Status.PARTIAL
    assert kim.grade("add")[1].results[0].status is Status.GRADED


def test_another_student_with_the_same_cells_is_not_graded(kim, write_notebook):
    kim.grade()
    kim.change("add")
    write_notebook(kim.folder / "lee" / "other.ipynb", "x = 1")
    asked, run = kim.grade()
    assert asked == [["add"]]  # the other one has the same cells
    assert [names(replace(run, results=(one,))) for one in run.results] == [
        ["add", "double", "half"]
    ] * 2


@pytest.mark.parametrize("verdict", [Verdict.TIMED_OUT, Verdict.OUT_OF_MEMORY])
def test_what_another_exercise_may_have_used_up_is_asked_again(kim, verdict):
    kim.verdicts = {"double": verdict}
    kim.grade()
    kim.change("add")
    assert kim.grade()[0] == [["add", "double"]]


def test_a_broken_result_serves_for_no_exercise(kim):
    kim.status = Status.BROKEN
    kim.grade()
    kim.change("add")
    assert kim.grade()[0] == [["add", "double", "half"]]


def test_what_hangs_on_a_missing_package_is_graded_as_a_whole(kim):
    kim.missing = {"cv2": Fraction(2)}
    kim.grade()
    kim.change("add")
    assert kim.grade()[0] == [["add", "double", "half"]]


def test_another_answer_is_graded_as_a_whole(kim, write_notebook):
    kim.grade()
    write_notebook(kim.folder / "kim" / "hw.ipynb", "x = 2")
    asked, run = kim.grade()
    assert asked == [["add", "double", "half"]]
    assert run.origins.as_text() == "0 stored before, 1 graded: 1 the submission changed."


def test_a_gradebook_gives_each_exercise_once_and_the_fullest_result_first(tmp_path):
    with Gradebook.open(tmp_path / "gradebook.sqlite") as book:
        run = book.start_run("small")
        for key, held in (("a", ("add",)), ("b", ("double", "half")), ("c", ("add",))):
            result = SubmissionResult(key, "kim", "", "small", Status.GRADED, tuple(map(row, held)))
            book.save(result, run, {name: f"key of {name}" for name in held})
        wanted = {name: f"key of {name}" for name in ("add", "double", "half", "other")}
        found = [(result.key, sorted(held)) for result, held in book.holding(wanted)]
    assert found == [("b", ["double", "half"]), ("c", ["add"])]


def test_work_that_only_lies_elsewhere_is_not_called_graded_on_request(kim):
    before = replace(kim.grade()[1].results[0], status=Status.UNREADABLE)
    reason = why_graded(before.inputs, before)
    assert reason == "handed in under another name"
    assert why_graded(before.inputs, before, otherwise=ASKED) == "graded again on request"
    assert Origins().with_graded(reason).graded_again() == ""


def test_a_package_that_was_installed_is_the_reason_why_work_is_graded(kim):
    kim.missing = {"json": Fraction(2)}
    kim.grade()
    assert kim.grade()[1].origins.graded_again() == (
        "Graded again: 1 a package that was missing is installed."
    )
