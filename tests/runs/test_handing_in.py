"""Times of handing in are joined with a stored run, and later reports have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from grader.policy import Policy
from grader.reading.times import read_times
from grader.records import (
    Attendance,
    CheckResult,
    ExerciseResult,
    Identity,
    Listed,
    SubmissionResult,
)
from grader.report.frames import frames_of
from grader.runs.gradebook import Gradebook
from grader.runs.handing_in import forgotten, run_with_times, timed
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


def stored(out, people, attendance=None, policy=POLICY, **options):
    with Gradebook.open(out / GRADEBOOK) as gradebook:
        options |= about_handed_in(policy, people, (), attendance)
        run_id = gradebook.start_run("cnn", keys=list(people), options=options)
        for key in people:
            gradebook.save(result(key.removeprefix("key of ")), run_id)
    return latest(out)


def test_a_run_without_the_roster_and_times_of_the_one_before_says_so(tmp_path):
    roster = Attendance((Listed(2, ("7",), "Lee"),), (), 3)
    at = "2026-03-14T10:00:00"
    people = {"key of ada": Identity(handed_in=at), "key of bo": Identity(handed_in=at)}
    assert forgotten(tmp_path, stored(tmp_path, people, roster)) == []
    bare = {"key of ada": Identity(), "key of zoe": Identity()}
    first, second = forgotten(tmp_path, stored(tmp_path, bare))
    assert "a roster of 3" in first
    assert "report --roster" in first
    assert "when 1 of these submissions" in second
    assert "report --times" in second
    assert forgotten(tmp_path, stored(tmp_path, people, roster)) == []


def test_absent_students_and_unreadable_work_are_of_what_counts_after_the_policy(tmp_path):
    roster = Attendance((Listed(2, ("7",), "Lee"), Listed(3, ("00123",))), (), 3)
    policy = Policy(bonus=("g",), drop=1, drop_of=("h",))
    run = stored(
        tmp_path, {"key of ada": Identity()}, roster, policy, max_points="22", exercises="f,g,h",
        points='{"f": "10", "g": "10", "h": "2"}',
    )  # fmt: skip
    unreadable = SubmissionResult("u", "bo", "bo.pdf", "cnn", Status.UNREADABLE, problem="a PDF")
    run = replace(run, results=(*run.results, unreadable))
    rows = frames_of(run).submissions
    assert rows["student"].tolist() == ["ada", "bo", "Lee", "00123"]
    assert rows["adjusted_max_points"].tolist() == [10, 10, 10, 10]
    assert rows["adjusted_percent"].tolist()[1:] == [0, 0, 0]
    assert rows["max_points"].tolist()[1:] == [22, 22, 22]


def test_a_group_handed_in_when_the_last_of_its_members_did(tmp_path):
    members = (Listed(1, ("7",), "Ada"), Listed(2, ("8",), "Bo"), Listed(3, ("9",), "Cy"))
    table = tmp_path / "times.csv"
    table.write_text("id,handed in\n7,2026-03-14 10:00\n8,2026-03-15 09:00\n", encoding="utf-8")
    got = timed(["Team Rocket"], [Identity(members=members)], read_times(table))
    assert [one.handed_in for one in got.owners] == ["2026-03-15T09:00:00"]
