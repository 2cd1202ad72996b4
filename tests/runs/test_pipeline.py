"""A run stores each result as it comes, and goes on where it was broken off."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from grader.errors import UsageError
from grader.grading import grader as grading
from grader.grading.plan import Plan
from grader.reading.matching import Who, attendance
from grader.reading.submissions import find_submissions
from grader.records import CheckResult, ExerciseResult, Listed, PassedOver, SubmissionResult
from grader.report.frames import frames_of
from grader.report.tables import GRADES, grades_table
from grader.runs import pipeline, stored_run
from grader.runs.scheduling import Finished, Started
from grader.verdict import Status, Verdict

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"
times = itertools.count(1)


def made_up(plan, submission) -> SubmissionResult:
    status = Status.BROKEN if submission.student == "broken" else Status.GRADED
    return SubmissionResult(
        plan.key(submission), submission.student, submission.path, plan.assignment.name, status,
        finished_at=str(next(times)),
    )  # fmt: skip


def grade_all(plan, submissions, *, jobs, source=None):
    """Finish in the other order than they came, as workers may."""
    for position, submission in reversed(list(enumerate(submissions))):
        yield Started(position, submission)
        yield Finished(position, made_up(plan, submission))


@pytest.fixture
def run(tmp_path, write_course, write_notebook, monkeypatch):
    """Grade a class of three with made-up results; returns what was shown and the run."""
    monkeypatch.setattr(pipeline, "grade_all", grade_all)
    folder = write_course(tmp_path, {"add": (CHECK, "optional = true"), "double": CHECK})
    whole = Plan(str(folder))
    for student in ("ann", "bob", "broken"):
        write_notebook(tmp_path / "class" / student / "hw.ipynb", f"x = {student!r}")
    found = find_submissions([tmp_path / "class"], assignment="small")

    def again(count=3, plan=whole, show=lambda event: None, find=False, **options):
        shown = []
        handed_in = find_submissions([tmp_path / "class"], assignment="small") if find else found

        def note(event):
            shown.append(event)
            show(event)

        out = tmp_path / "new" / "out"
        return shown, pipeline.grade_and_store(
            plan, handed_in[:count], out, jobs=1, show=note, **options
        )

    again.plan, again.out = whole, tmp_path / "new" / "out"
    return again


def test_results_are_stored_in_the_order_of_what_was_handed_in(run):
    _, stored = run()
    assert [result.student for result in stored.results] == ["ann", "bob", "broken"]
    assert (stored.title, stored.exercises) == ("Small", ("add", "double"))
    assert stored.max_points == 2  # the optional one carries none


def test_the_same_run_again_grades_only_what_was_broken(run):
    _, before = run()
    shown, again = run()
    assert again.results[:2] == before.results[:2]  # `finished_at` too
    assert again.results[2].finished_at > before.results[2].finished_at
    assert Counter(type(event) for event in shown) == {Finished: 3, Started: 1}
    assert sorted(e.position for e in shown if isinstance(e, Finished)) == [0, 1, 2]


def test_a_run_that_was_broken_off_goes_on_where_it_stopped(run):
    class BrokenOffError(Exception):
        pass

    def break_off(event):
        if isinstance(event, Finished):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        run(2, show=break_off)
    (stored,) = stored_run.latest(run.out).results
    shown, whole = run(2)
    assert stored in whole.results
    assert [result.student for result in whole.results] == ["ann", "bob"]
    assert Counter(type(event) for event in shown) == {Finished: 2, Started: 1}


def test_fresh_grades_everything_again(run):
    _, before = run(2)
    shown, again = run(2, fresh=True)
    assert sum(isinstance(event, Started) for event in shown) == 2
    assert not {r.finished_at for r in before.results} & {r.finished_at for r in again.results}


def test_another_seed_is_another_result_and_the_old_one_is_kept(run):
    _, before = run(1)
    _, other = run(1, plan=replace(run.plan, seed=1))
    assert other.results[0].key != before.results[0].key
    shown, again = run(1)
    assert again.results == before.results
    assert not any(isinstance(event, Started) for event in shown)


def test_with_only_some_exercises_the_run_is_worth_less(run):
    _, stored = run(1, plan=replace(run.plan, only=("add",)))
    assert (stored.exercises, stored.max_points) == (("add",), 0)


def test_a_renamed_file_is_not_graded_again_and_its_row_has_the_new_name(run, tmp_path):
    _, before = run(2)
    (tmp_path / "class" / "ann").rename(tmp_path / "class" / "anna")
    shown, again = run(2, find=True)
    assert [result.student for result in again.results] == ["anna", "bob"]
    assert not any(isinstance(event, Started) for event in shown)
    renamed = again.results[0]
    assert renamed.submission == str(tmp_path / "class" / "anna" / "hw.ipynb")
    assert renamed.finished_at == before.results[0].finished_at
    assert again.origins.as_text() == "2 stored before, none graded."


def test_two_who_hand_in_the_same_bytes_have_a_row_each(run, tmp_path, write_notebook):
    text = (tmp_path / "class" / "ann" / "hw.ipynb").read_text()
    (tmp_path / "class" / "bob" / "hw.ipynb").write_text(text)
    _, stored = run(2, find=True)
    assert [result.student for result in stored.results] == ["ann", "bob"]
    _, again = run(2, find=True)
    assert [result.student for result in again.results] == ["ann", "bob"]


def test_the_same_content_is_graded_once_in_a_run_and_each_row_has_its_own_name(run, tmp_path):
    text = (tmp_path / "class" / "ann" / "hw.ipynb").read_text()
    for student in ("bob", "cleo", "dan"):
        path = tmp_path / "class" / student / "hw.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    shown, stored = run(5, find=True)
    started = [event.submission.student for event in shown if isinstance(event, Started)]
    assert sorted(started) == ["ann", "broken"]
    assert Counter(e.position for e in shown if isinstance(e, Finished)) == dict.fromkeys(
        range(5), 1
    )
    assert [(one.student, one.submission) for one in stored.results] == [
        (name, str(tmp_path / "class" / name / "hw.ipynb"))
        for name in ("ann", "bob", "broken", "cleo", "dan")
    ]
    assert len({one.key for one in stored.results}) == 5
    assert stored.origins.as_text() == (
        "0 stored before, 2 graded: 2 new. 3 more have the content of one of these and are graded "
        "with it."
    )
    _, again = run(5, find=True, fresh=True)
    assert again.origins.as_text() == (
        "0 stored before, 2 graded: 1 graded again on request, 1 broken before. 3 more have the "
        "content of one of these and are graded with it."
    )


def test_a_broken_result_serves_all_who_handed_in_the_same_until_the_next_run(run, tmp_path):
    text = (tmp_path / "class" / "broken" / "hw.ipynb").read_text()
    (tmp_path / "class" / "zoe").mkdir()
    (tmp_path / "class" / "zoe" / "hw.ipynb").write_text(text)
    shown, stored = run(4, find=True)
    assert [one.status for one in stored.results[2:]] == [Status.BROKEN] * 2
    shown, again = run(4, find=True)
    assert [e.submission.student for e in shown if isinstance(e, Started)] == ["broken"]
    assert (again.origins.stored, again.origins.equal, len(again.results)) == (2, 1, 4)


def test_files_without_content_keep_each_its_own_problem(run, tmp_path):
    for student, text in (("eve", ""), ("fay", "[]")):
        (tmp_path / "class" / student).mkdir()
        (tmp_path / "class" / student / "hw.ipynb").write_text(text)
    _, stored = run(5, find=True)
    _, again = run(5, find=True)
    problems = [one.problem for one in stored.results if one.student in ("eve", "fay")]
    assert len(set(problems)) == 2
    assert [one.problem for one in again.results if one.student in ("eve", "fay")] == problems


def test_a_corrected_helper_grades_again_and_the_run_says_why(run):
    _, first = run(2)
    assert first.origins.as_text() == "0 stored before, 2 graded: 2 new."
    helper = run.plan.assignment.folder / "helpers.txt"
    helper.write_text("corrected")
    shown, again = run(2, plan=replace(run.plan))
    assert sum(isinstance(event, Started) for event in shown) == 2
    assert (
        again.origins.as_text()
        == "0 stored before, 2 graded: 2 the checks of add and double changed."
    )
    assert again.origins.graded_again() == "Graded again: 2 the checks of add and double changed."
    helper.unlink()
    _, back = run(2, plan=replace(run.plan))
    assert back.origins.stored == 2


def test_the_run_says_that_a_submission_changed_or_is_new(run, tmp_path, write_notebook):
    run(1)
    write_notebook(tmp_path / "class" / "ann" / "hw.ipynb", "x = 2")
    _, again = run(3, find=True)
    told = again.origins.as_text()
    assert told == "0 stored before, 3 graded: 1 the submission changed, 2 new."
    _, fresh = run(2, find=True, fresh=True)
    assert fresh.origins.as_text() == "0 stored before, 2 graded: 2 graded again on request."
    assert fresh.origins.graded_again() == ""
    _, broken = run(3, find=True)
    assert broken.origins.as_text() == "2 stored before, 1 graded: 1 broken before."


def test_reports_without_a_run_are_refused_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match=r"does not exist. Run `grader grade` first"):
        stored_run.latest(tmp_path)


def test_a_file_that_cannot_be_read_is_told_without_a_grader(run, tmp_path, monkeypatch):
    def started(plan):
        raise AssertionError("nothing is to be started")

    monkeypatch.setattr(grading, "Grader", started)
    (tmp_path / "kim.ipynb").write_text("{}")
    result = pipeline.check_one(tmp_path / "kim.ipynb", run.plan)
    assert (result.status, result.student, result.exercises) == (Status.UNREADABLE, "kim", ())
    assert "has no cells" in result.problem
    assert result.facts == run.plan.facts()


def test_an_out_folder_that_cannot_be_is_refused(run, tmp_path):
    (tmp_path / "new").write_text("a file")
    with pytest.raises(UsageError, match="cannot open the gradebook"):
        run()


@pytest.mark.parametrize(
    ("verdict", "points", "fails"),
    [("passed", 2, False), ("failed", 2, True), ("failed", 0, False), ("missing", 2, True)],
)
def test_a_check_without_points_fails_nobody(verdict, points, fails):
    one = CheckResult("add", "test_it", "", Verdict(verdict), Fraction(0), Fraction(points))
    exercise = ExerciseResult("add", "", "", False, (one,))
    result = SubmissionResult("", "kim", "", "small", Status.GRADED, (exercise,))
    assert pipeline.failed(result) is fails
    assert pipeline.failed(replace(result, exercises=(), problem="not a notebook"))


def test_what_was_passed_over_is_stored_with_the_run(run):
    line = PassedOver("class/notes.pdf", "it is no notebook but a PDF")
    _, stored = run(passed_over=[line])
    assert stored.passed_over == stored_run.latest(run.out).passed_over == (line,)
    _, later = run()
    assert later.passed_over == ()


def test_all_runs_into_a_gradebook_draw_held_out_data_from_its_secret(run, monkeypatch):
    secrets = []

    def note(plan, submissions, *, jobs, source):
        secrets.append(plan.secret)
        return grade_all(plan, submissions, jobs=jobs)

    monkeypatch.setattr(pipeline, "grade_all", note)
    run(1)
    run(3, plan=replace(run.plan, secret=1))
    assert len(set(secrets)) == 1
    assert secrets[0] not in (1, run.plan.secret)


def test_a_roster_is_stored_with_the_run_and_who_is_absent_has_a_row_of_zero(run):
    students = (Listed(1, ("7",), "ann", "A"), Listed(2, ("8",), "zoe", "B"))
    who = [Who("ann"), Who("bob"), Who("broken")]
    _, attending = attendance(who, students)
    run(attendance=attending)
    stored = stored_run.latest(run.out).with_roster(students)
    assert [result.student for result in stored.results] == ["ann", "bob", "broken"]
    frames = frames_of(stored)
    assert list(frames.submissions["status"])[-1] == "absent"
    assert list(frames.roster["id"].fillna("")) == ["7", "", "", "8"]
    table = grades_table(frames)
    assert list(table.columns)[:6] == list(GRADES)
    assert list(table.columns)[-3:] == ["id", "name", "section"]
    assert list(table.iloc[-1])[:6] == ["zoe", "", "absent", 0, 2, 0]
    assert "bob is not on the list" in stored_run.latest(run.out).attendance.notes


def test_absent_students_of_one_name_have_rows_of_their_own(run):
    students = [Listed(n, (str(n),), "zoe") for n in (1, 2)] + [Listed(3, (), "ann", "A")] * 2
    _, stored = run()
    names = [one.student for one in stored.with_roster(students).absent]
    assert names[:2] == ["zoe (1)", "zoe (2)"]
    assert len({*names, "ann", "bob", "broken"}) == len(names) + 3
