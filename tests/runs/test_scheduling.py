"""Workers that are killed. Most workers here are light: they answer without running a notebook."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from grader.errors import CourseError, KernelLost
from grader.grading.plan import Plan
from grader.grading.write_offs import WriteOff
from grader.reading.submissions import find_submissions
from grader.records import CheckResult, ExerciseResult, Limits, Submission, SubmissionResult
from grader.runs import scheduling, worker_bounds
from grader.runs.scheduling import Started, grade_all
from grader.verdict import Status, Verdict

CHECK = """
@check(points=2)
def test_values(student):
    "Every number is doubled."
    assert_equal(student.double(torch.ones(1)), 2 * torch.ones(1), call="double([1])")
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory, write_course) -> Plan:
    return Plan(str(write_course(tmp_path_factory.mktemp("course"), {"double": CHECK})))


@pytest.fixture(scope="module")
def submissions(tmp_path_factory, write_notebook, plan) -> list[Submission]:
    folder = tmp_path_factory.mktemp("class")
    for student in ("ann", "bob", "cleo"):
        write_notebook(folder / student / "hw.ipynb", "def double(x): return 2 * x")
    return find_submissions([folder], assignment=plan.assignment.name)


def kill_workers() -> None:
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


def light_worker(plan, pipe):
    """Grade without a kernel: whatever comes is right, but bob's takes too long."""
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            one = pipe.recv()
            if one.student == "bob":
                time.sleep(600)
            pipe.send(
                SubmissionResult(plan.key(one), one.student, one.path, "small", Status.GRADED)
            )


DOUBLE = ExerciseResult(
    "double",
    "Double",
    "1",
    False,
    (CheckResult("double", "test_values", "", Verdict.PASSED, Fraction(2), Fraction(2)),),
)
_GROWTH = 1 << 30  # beside what a worker holds when it starts


def spends(plan, pipe):
    """Grade without a kernel; but ann's text takes all the time, and bob's all the memory."""
    kept = []
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            order = pipe.recv()
            if isinstance(order, WriteOff):
                one = order.submission
                done = SubmissionResult(
                    plan.key(one), one.student, one.path, "small", Status.PARTIAL,
                    exercises=order.judged, notes=(order.message,),
                )  # fmt: skip
                pipe.send(done)
                continue
            if order.student == "ann":
                pipe.send(DOUBLE)
                while multiprocessing.parent_process().is_alive():
                    pass
            if order.student == "bob":
                kept.append(bytearray(b"x") * _GROWTH)
                time.sleep(600)
            done = SubmissionResult(
                plan.key(order), order.student, order.path, "small", Status.GRADED
            )
            pipe.send(done)


def ends_at_once(plan, pipe):
    """End before anything is graded."""


def waits_for_a_gpu(plan, pipe):
    """Wait for longer than a start, and then than a submission, may take."""
    pipe.send("waiting")
    time.sleep(1.0)
    pipe.send("holding")
    pipe.send("ready")
    one = pipe.recv()
    pipe.send("waiting")
    time.sleep(1.0)
    pipe.send("holding")
    pipe.send(SubmissionResult(plan.key(one), one.student, one.path, "small", Status.GRADED))


class FaultyGrader:
    """Stands in for a grader with a fault that its own code does not catch."""

    def __init__(self, plan, tell, warm, loaded):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def grade(self, submission):
        raise ZeroDivisionError("by zero")


def raises_in_the_grader(plan, pipe):
    # in place of the module that loads torch, and without a warm process
    sys.modules["grader.grading.grader"] = SimpleNamespace(Grader=FaultyGrader)
    scheduling.warm_parent = lambda _plan: None
    scheduling._work(plan, pipe)


def says_the_course_is_wrong(plan, pipe):
    pipe.send(CourseError("test_double.py cannot be imported"))


def grade_and_kill(plan, submissions, *, jobs, kill_at):
    """Grade, killing every worker when a student is started for the n-th time."""
    started: Counter[str] = Counter()
    results: dict[str, SubmissionResult] = {}
    for event in grade_all(plan, submissions, jobs=jobs):
        if isinstance(event, Started):
            started[event.submission.student] += 1
            if (event.submission.student, started[event.submission.student]) in kill_at:
                kill_workers()
        else:
            results[event.result.student] = event.result
    return started, results


def test_a_submission_whose_worker_was_killed_is_graded_by_another(plan, submissions):
    kill_at = {("ann", 1)}
    started, results = grade_and_kill(plan, submissions[:1], jobs=1, kill_at=kill_at)
    assert started["ann"] == 2
    assert (results["ann"].status, results["ann"].points) == (Status.GRADED, 2)


def test_one_that_ended_two_workers_is_broken_and_the_others_are_fine(
    plan, submissions, monkeypatch
):
    monkeypatch.setattr(scheduling, "_work", light_worker)
    kill_at = {("bob", 1), ("bob", 2)}
    started, results = grade_and_kill(plan, submissions, jobs=1, kill_at=kill_at)
    assert started == {"ann": 1, "bob": 2, "cleo": 1}
    assert results["ann"].status is results["cleo"].status is Status.GRADED
    bob = results["bob"]
    assert bob.status is Status.BROKEN
    assert bob.problem.startswith("Internal error, no points are lost")
    assert bob.traceback.count("ended with exit code -9 (SIGKILL)") == 2
    assert (bob.key, bool(bob.finished_at)) == (plan.key(submissions[1]), True)
    assert multiprocessing.active_children() == []


def test_every_submission_has_one_result_whatever_the_number_of_workers(
    plan, submissions, monkeypatch
):
    monkeypatch.setattr(scheduling, "_work", light_worker)
    others = [one for one in submissions if one.student != "bob"]
    for jobs in (1, 9):
        _, results = grade_and_kill(plan, others, jobs=jobs, kill_at=set())
        assert sorted(results) == ["ann", "cleo"]


def test_workers_that_cannot_start_end_the_run_with_a_sentence(plan, submissions, monkeypatch):
    monkeypatch.setattr(scheduling, "_work", ends_at_once)
    with pytest.raises(KernelLost, match="workers exit during start-up"):
        list(grade_all(plan, submissions, jobs=1))


def test_waiting_for_a_gpu_that_others_hold_counts_against_no_deadline(
    plan, submissions, monkeypatch
):
    monkeypatch.setattr(scheduling, "_work", waits_for_a_gpu)
    monkeypatch.setattr(scheduling, "_MOST_START_S", 0.5)  # begins when the process is started
    team = scheduling._Team(plan, submissions[:1], jobs=1)
    team._most_s = 0.5
    monkeypatch.setattr(scheduling._Team, "_hire", patient(scheduling._Team._hire))
    try:
        _, finished = team.work()
    finally:
        team.close()
    assert finished.result.status is Status.GRADED


def test_a_worker_that_does_nothing_for_far_too_long_is_an_error_of_ours(
    plan, submissions, monkeypatch
):
    monkeypatch.setattr(scheduling, "_work", light_worker)
    team = scheduling._Team(plan, [submissions[1], submissions[0]], jobs=1)
    monkeypatch.setattr(scheduling._Team, "_hire", patient(scheduling._Team._hire))
    team._most_s = 3.0
    try:
        events = list(team.work())
    finally:
        team.close()
    assert [event.submission.student for event in events if isinstance(event, Started)] == [
        "bob", "ann",
    ]  # fmt: skip
    bob = next(event.result for event in events if isinstance(event, scheduling.Finished))
    assert (bob.status, "did nothing" in bob.problem) == (Status.BROKEN, True)


def test_what_fills_two_workers_or_takes_all_the_time_ends_with_what_was_judged(
    plan, submissions, monkeypatch
):
    monkeypatch.setattr(scheduling, "_work", spends)
    monkeypatch.setattr(worker_bounds, "MOST_BYTES", _GROWTH)
    # of two seconds, the margin by the wall clock is less than a busy machine takes for a turn
    monkeypatch.setattr(worker_bounds, "_MARGIN", 10.0)
    team = scheduling._Team(plan, submissions, jobs=1)
    monkeypatch.setattr(scheduling._Team, "_hire", patient(scheduling._Team._hire))
    team._most_s = 2.0
    try:
        events = list(team.work())
    finally:
        team.close()
    started = Counter(event.submission.student for event in events if isinstance(event, Started))
    assert started == {"ann": 2, "bob": 3, "cleo": 1}  # once more to write it off
    found = {e.result.student: e.result for e in events if not isinstance(e, Started)}
    assert found["ann"].exercises == (DOUBLE,)
    assert "kept the grader busy" in found["ann"].notes[0]
    assert "filled the grader's memory" in found["bob"].notes[0]
    assert found["cleo"].status is Status.GRADED


def test_a_write_off_has_a_row_for_every_exercise(plan, submissions):
    from grader.grading.grader import Grader  # torch, which light workers go without

    order = WriteOff(submissions[0], (), Verdict.TIMED_OUT, "Not judged.", 3.0)
    with Grader(plan) as grader:
        nothing = grader.write_off(order)
        something = grader.write_off(replace(order, judged=(DOUBLE,)))
    (row,) = nothing.exercises
    assert [check.verdict for check in row.checks] == [Verdict.TIMED_OUT]
    assert (nothing.points, nothing.max_points, nothing.seconds) == (0, 2, 3.0)
    assert something.exercises == (DOUBLE,)
    assert (something.status, something.run_notes) == (Status.PARTIAL, ("Not judged.",))


def patient(hire):
    """Let a process take its time until it says the first word: the machine may be busy."""

    def hire_without_deadline(team):
        hire(team)
        team._workers[-1].bounds.forget()

    return hire_without_deadline


def test_what_a_worker_raised_is_stored_with_the_submission(plan, submissions, monkeypatch):
    monkeypatch.setattr(scheduling, "_work", raises_in_the_grader)
    _, results = grade_and_kill(plan, submissions[:1], jobs=1, kill_at=set())
    assert results["ann"].status is Status.BROKEN
    assert results["ann"].traceback.count("ZeroDivisionError: by zero") == 2
    assert "in grade" in results["ann"].traceback


def test_an_error_of_the_course_ends_the_run(plan, submissions, monkeypatch):
    monkeypatch.setattr(scheduling, "_work", says_the_course_is_wrong)
    with pytest.raises(CourseError, match=r"test_double\.py cannot be imported"):
        list(grade_all(plan, submissions, jobs=1))


def test_a_run_that_is_left_leaves_no_worker(plan, submissions, monkeypatch):
    monkeypatch.setattr(scheduling, "_work", light_worker)
    events = grade_all(plan, submissions, jobs=2)
    next(events)
    events.close()
    assert multiprocessing.active_children() == []


def test_a_submission_may_hold_a_worker_for_25_minutes():
    assert worker_bounds.most_seconds(Limits()) == 25 * 60


def test_nothing_to_do_starts_no_worker(plan):
    assert list(grade_all(plan, [], jobs=4)) == []
