"""Times of handing in are joined with a stored run, and later reports have them."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from grader.policy import Policy
from grader.reading.times import read_times
from grader.records import CheckResult, ExerciseResult, Identity, SubmissionResult
from grader.runs.gradebook import Gradebook
from grader.runs.handing_in import run_with_times
from grader.runs.stored_run import GRADEBOOK, about_handed_in, keep_people, latest
from grader.verdict import Status, Verdict

POLICY = Policy(
    due=datetime.fromisoformat("2026-03-14T23:59:00+09:00"), late="percent",
    percent_a_day=Fraction(10),
)  # fmt: skip


def result(student):
    check = CheckResult("f", "values", "", Verdict.PASSED, Fraction(10), Fraction(10))
    exercise = ExerciseResult("f", "f", "7.2", False, (check,))
    return SubmissionResult(
        f"key of {student}", student, f"{student}.ipynb", "cnn", Status.GRADED, (exercise,)
    )


def test_times_of_a_table_are_kept_with_the_run_and_decide_about_lateness(tmp_path):
    people = {
        "key of kimada": Identity("Canvas", "501", "kimada", marked_late=True),
        "key of 홍길동": Identity("Canvas", "502", "홍길동"),
    }
    with Gradebook.open(tmp_path / GRADEBOOK) as gradebook:
        options = about_handed_in(POLICY, people, (), None)
        run_id = gradebook.start_run("cnn", keys=list(people), options=options)
        for student in ("kimada", "홍길동"):
            gradebook.save(result(student), run_id)
    before = latest(tmp_path)
    assert [one.days_late for one in before.adjusted] == [1, 0]
    table = tmp_path / "times.csv"
    # the zone is that of the due date where a time names none
    table.write_text(
        'ID,Student,SIS Login ID,Submitted At\n501,"Kim, Ada",a,2026-03-16 00:00\n'
        "502,홍길동,h,2026-03-14T14:59:00Z\n",
        encoding="utf-8",
    )
    run, notes = run_with_times(before, read_times(table))
    keep_people(tmp_path, run)
    assert notes == ("times of handing in: known for 2 of 2 submissions",)
    again = latest(tmp_path)
    assert [one.days_late for one in again.adjusted] == [2, 0]
    assert [one.standing.points for one in again.adjusted] == [8, 10]
    moment = again.handed_in(again.results[1])
    assert moment is not None
    assert moment == datetime(2026, 3, 14, 14, 59, tzinfo=UTC)
