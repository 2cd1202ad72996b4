"""`kill -9` and a full disk at random moments of a run: nothing is lost, nothing graded twice."""

from __future__ import annotations

import random
import re
import resource
import signal
import time
from collections import Counter

import pytest

KILLS = 12
KINDS = {"grader", "worker", "warm parent", "full disk"}
SEED = 7


@pytest.fixture(scope="module")
def moments():
    return random.Random(SEED)


def one_cycle(students, moments, killing, waiting, last) -> Counter[str]:
    """Start a run, kill some of what it is made of, then end it; return which kills that was.

    Half of the runs are ended while they still start.
    """
    run, kills = students.grade(who="class"), Counter([last])
    if moments.random() < 0.5:
        time.sleep(moments.uniform(0.0, 3.0))
    else:
        known = sum(status == "graded" for status, _ in students.stored().values())
        waiting(lambda: run.ended or run.graded > known)
        for _ in range(5):
            time.sleep(moments.uniform(0.0, 0.6))
            what, victims = moments.choice(
                [
                    ("worker", run.workers),
                    ("warm parent", run.warm_parents),
                    ("source", run.source),
                    ("pristine", run.pristine),
                ]
            )
            kills[what] += killing(victims(), moments.choice)
        time.sleep(moments.uniform(0.0, 1.0))
    if last == "grader" or run.ended:
        run.process.kill()
        run.end()
        return kills
    # from now on no file may grow: 0 bytes is the most it may hold
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    assert run.end() == 3
    full = re.search(
        r"cannot write .*(gradebook\.sqlite|csv|html): .*give the same command", run.said
    )
    assert full or "workers exit during start-up" in run.said, run.said
    return kills


def test_many_kills_later_everybody_has_one_result(students, moments, killing, waiting, everybody):
    kills, before, due = Counter(), {}, everybody("class")
    while kills.total() < KILLS or not kills.keys() >= KINDS:
        last = moments.choice(["grader", "grader", "full disk"])
        kills += one_cycle(students, moments, killing, waiting, last)
        after = students.stored()
        kept = {name for name, (status, _) in before.items() if status == "graded"}
        assert all(after[name] == due[name] for name in kept)
        assert all(after[name] == due[name] for name in after if after[name][0] == "graded")
        before = after
    assert kills.keys() >= KINDS
    assert students.grade(who="class").end() == 0
    assert students.stored() == due
    assert [row.split(",")[0] for row in students.rows()] == sorted(due)


def test_a_worker_and_a_warm_parent_are_replaced_during_the_run(
    students, moments, killing, waiting, everybody
):
    run = students.grade("other", jobs=2)
    waiting(lambda: run.graded >= 2)
    assert killing(run.workers(), moments.choice)
    waiting(lambda: run.graded >= 4)
    assert killing(run.warm_parents(), moments.choice)
    assert run.end() == 0
    assert students.stored("other") == everybody()


def test_workers_go_on_and_are_replaced_without_what_they_were_forked_from(
    students, moments, killing, waiting, everybody
):
    run = students.grade("alone", jobs=2)
    waiting(lambda: run.graded >= 2)
    assert killing(run.source(), moments.choice)
    assert killing(run.pristine(), moments.choice)
    before = run.graded
    waiting(lambda: run.graded > before)
    workers = run.source() + run.workers()
    assert len(workers) == 2
    assert killing(workers, moments.choice)
    assert run.end() == 0
    assert students.stored("alone") == everybody()


def test_without_walls_too_no_process_outlives_the_run(students, waiting):
    run = students.grade("unwalled", "--isolation", "process")
    waiting(lambda: run.graded >= 1)
    run.process.kill()
    assert run.end() == -signal.SIGKILL  # `end` waits until nothing is left
