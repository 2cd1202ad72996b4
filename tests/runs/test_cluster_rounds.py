"""What a client of a cluster does with answers; the cluster here is an object in this process."""

from __future__ import annotations

from collections import Counter

import pytest

from grader.errors import CourseError, KernelLost, UsageError
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.records import SubmissionResult
from grader.runs import cluster_pool
from grader.runs import cluster_worker as there
from grader.runs.cluster import Cluster
from grader.runs.scheduling import Finished, Started
from grader.verdict import Status

HERE = (("device", "cpu"), ("isolation", "all walls"), ("libraries", "torch 2"))
OTHER = (("device", "cpu"), ("isolation", "all walls"), ("libraries", "torch 3"))


class Future:
    """A task that ended at once."""

    def __init__(self, answer):
        self.answer = answer

    def add_done_callback(self, call):
        call(self)

    def cancelled(self):
        return False

    def result(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Machines:
    """A client of dask whose workers answer from a table; tasks go to each in turn."""

    def __init__(self, **inputs):
        self.inputs = dict(inputs)
        self.left: list[str] = []
        self.sessions: dict[str, there.Session] = {}
        self.tasks: list[str] = []
        self.keys: Counter[str] = Counter()
        self.grade = self.right

    def right(self, worker, submission):
        return SubmissionResult("key", submission.student, submission.path, "small", Status.GRADED)

    def nthreads(self):
        return dict.fromkeys(self.inputs, 1)

    def run(self, function, *args, workers, on_error):
        return {worker: self._answer(function, worker, *args) for worker in workers}

    def _answer(self, function, worker, *args):
        if function is there.probe:
            found = self.inputs[worker]
            return (
                there.Machine(worker, found, there.grader_identity())
                if isinstance(found, tuple)
                else found
            )
        if function is there.receive:
            self.sessions[worker] = args[0]
            return ""
        self.left.append(worker)
        return None

    def submit(self, function, session_id, received, *, key, resources, priority):
        self.keys[key] += 1
        able = [name for name in self.inputs if name in self.sessions]
        worker = able[len(self.tasks) % len(able)]
        self.tasks.append(worker)
        return Future(self.grade(worker, received.submission))

    def cancel(self, futures):
        pass


@pytest.fixture
def plan(tmp_path, write_course):
    return Plan(str(write_course(tmp_path, {"double": ""})))


@pytest.fixture
def submissions(tmp_path, write_notebook):
    for student in ("ann", "bob", "cleo"):
        write_notebook(tmp_path / "class" / student / "hw.ipynb", f"x = {student!r}")
    return find_submissions([tmp_path / "class"], assignment="small")


def graded(machines, plan, submissions, told=None):
    said = [] if told is None else told
    cluster = Cluster(machines, plan, "cpu", said.append)
    events = list(cluster.grade_all(cluster.plan, submissions))
    finished = [event for event in events if isinstance(event, Finished)]
    assert sorted(event.position for event in finished) == list(range(len(submissions)))
    started = Counter(e.submission.student for e in events if isinstance(e, Started))
    return started, {event.result.student: event.result for event in finished}


def test_each_submission_is_sent_once_under_its_key_and_workers_forget_the_session(
    plan, submissions
):
    machines = Machines(one=HERE, two=HERE)
    started, results = graded(machines, plan, submissions)
    assert set(started.values()) == {1}
    assert {one.status for one in results.values()} == {Status.GRADED}
    assert set(machines.keys.values()) == {1}
    assert sorted(machines.left) == ["one", "two"]


def test_workers_unlike_most_and_workers_without_the_grader_are_refused_by_name(plan, submissions):
    machines = Machines(
        one=HERE, odd=OTHER, two=HERE, bare=ModuleNotFoundError("No module named 'grader'")
    )
    told: list[str] = []
    graded(machines, plan, submissions, told)
    assert set(machines.sessions) == {"one", "two"}
    odd, bare = sorted(told, key=lambda line: "odd" not in line)
    assert "worker odd is not used: its libraries: torch 3, not torch 2" in odd
    assert "worker bare is not used: the grader is not installed there" in bare
    assert "pip install 'notebook-grader[cluster]'" in bare


def test_what_a_worker_cannot_grade_is_graded_by_another_and_it_is_named(plan, submissions):
    machines = Machines(full=HERE, two=HERE)

    def grade(worker, submission):
        if worker == "full":
            return there.NotGraded("full", KernelLost("no space left there"))
        return machines.right(worker, submission)

    machines.grade = grade
    told: list[str] = []
    started, results = graded(machines, plan, submissions, told)
    assert {one.status for one in results.values()} == {Status.GRADED}
    assert any("full is not used: no space left there" in line for line in told)
    assert max(started.values()) > 1


def test_a_worker_that_was_started_again_gets_the_session_again(plan, submissions):
    machines = Machines(one=HERE)
    forgot = iter([True])

    def grade(worker, submission):
        if next(forgot, False):
            return there.NotGraded("one", None)
        return machines.right(worker, submission)

    machines.grade = grade
    started, results = graded(machines, plan, submissions)
    assert max(started.values()) == 2
    assert {one.status for one in results.values()} == {Status.GRADED}


def test_what_ends_workers_again_and_again_is_broken_and_the_others_are_fine(plan, submissions):
    machines = Machines(one=HERE)

    def grade(worker, submission):
        if submission.student == "bob":
            return RuntimeError("four workers died")
        return machines.right(worker, submission)

    machines.grade = grade
    _, results = graded(machines, plan, submissions)
    assert results["bob"].status is Status.BROKEN
    assert "no points are lost" in results["bob"].problem
    assert "four workers died" in results["bob"].traceback
    assert results["ann"].status is results["cleo"].status is Status.GRADED


def test_an_error_of_the_course_ends_the_run(plan, submissions):
    machines = Machines(one=HERE)
    machines.grade = lambda worker, _: there.NotGraded(worker, CourseError("test_double.py"))
    with pytest.raises(CourseError, match=r"test_double\.py"):
        graded(machines, plan, submissions)
    assert machines.left == ["one"]


def test_without_a_worker_the_run_ends_with_the_command_that_starts_one(plan, monkeypatch):
    monkeypatch.setattr(cluster_pool, "_MOST_WAIT_S", 0.0)
    with pytest.raises(UsageError, match=r"dask worker ADDRESS --nthreads 1 --no-nanny"):
        Cluster(Machines(), plan, "cpu", print)


def test_a_cluster_whose_workers_are_all_refused_says_why(plan):
    with pytest.raises(KernelLost, match=r"worker odd is not used.*No other worker can be used"):
        Cluster(Machines(odd=ImportError("no grader")), plan, "cpu", print)


def test_a_cluster_counts_the_workers_that_can_be_used(plan):
    machines = Machines(a=HERE, b=HERE, c=OTHER)
    assert Cluster(machines, plan, "cpu", [].append).workers == 2


def test_nothing_to_grade_sends_nothing(plan):
    machines = Machines(one=HERE)
    assert graded(machines, plan, []) == (Counter(), {})
    assert machines.sessions == {}
