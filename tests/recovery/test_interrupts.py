"""Ctrl-C and SIGTERM end a run at once, and say what is done and how to go on."""

from __future__ import annotations

import os
import re
import signal

import pytest

from grader.runs.deferred_signals import deferred, raise_if_asked, stoppable, was_asked


@pytest.fixture
def handlers_kept():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_what_is_done_and_the_next_ones_do_nothing(handlers_kept, number):
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(number)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert was_asked()


def test_an_interrupt_that_a_library_swallowed_is_raised_again(handlers_kept):
    with stoppable():
        raise_if_asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_asked()


def test_what_must_be_done_whole_is_done_before_the_end(handlers_kept):
    done = []

    def work():
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("whole")
        done.append("never")

    with pytest.raises(KeyboardInterrupt), stoppable():
        work()
    assert done == ["whole"]


def test_without_a_signal_everything_is_as_before(handlers_kept):
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with stoppable(), deferred():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])) == before
    assert not was_asked()


def test_ctrl_c_tells_what_is_done_and_the_same_command_goes_on(students, waiting, everybody):
    run = students.grade(jobs=2)
    waiting(lambda: run.graded >= 4)
    for _ in range(3):  # a terminal tells the whole group; and who is in a hurry presses it again
        os.killpg(run.process.pid, signal.SIGINT)
    assert run.end() == 130
    told = re.search(r"Interrupted: (\d+) of 12 graded, and stored in out\. The same", run.said)
    assert told is not None, run.said
    stored = students.stored()
    assert int(told[1]) <= len(stored) <= int(told[1]) + 1
    assert "grader report --out out" in run.said
    assert students.report() == 0
    assert len(students.rows()) == len(stored)
    again = students.grade()
    assert again.end() == 0
    assert students.stored() == everybody()


def test_sigterm_to_the_main_process_alone_ends_all_of_it(students, waiting):
    run = students.grade("terminated")
    waiting(lambda: run.graded >= 1)
    run.process.terminate()
    assert run.end() == 130
    assert "of 12 graded, and stored in terminated. The same command" in run.said


def test_ctrl_c_while_workers_start_leaves_nothing_behind(students, waiting):
    run = students.grade("early")
    waiting(run.workers)
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.end() == 130
    assert run.said == "Interrupted: none of 12 graded. The same command starts again.\n"
    assert students.report("early") == 0
    assert students.rows("early") == []
