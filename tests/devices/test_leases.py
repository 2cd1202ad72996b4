"""One holder a GPU, over all processes, until the holder lets go or dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import ExitStack

import pytest

from grader.errors import GpuUnavailable
from grader.kernel import gpus
from grader.kernel.gpus import Gpu, is_free, leased

ONE = (Gpu(0, "NVIDIA A100", "/dev/nvidia0"),)
TWO = (*ONE, Gpu(1, "NVIDIA A100", "/dev/nvidia1"))


def hold(folder, pipe):
    with leased(ONE, folder):
        pipe.send("held")
        pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the first GPU."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    assert ours.recv() == "held"
    yield process
    process.kill()
    process.join()


def test_the_cpu_needs_no_lease_and_leaves_no_file(tmp_path):
    with leased((), tmp_path) as gpu:
        assert gpu is None
    assert list(tmp_path.iterdir()) == []


def test_two_holders_have_two_gpus(tmp_path):
    with leased(TWO, tmp_path) as first, leased(TWO, tmp_path) as second:
        assert {first, second} == set(TWO)


def test_a_gpu_is_free_again_when_its_holder_lets_go_even_by_an_error(tmp_path):
    def fail():
        with leased(ONE, tmp_path):
            assert not is_free(ONE[0], tmp_path)
            raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="a fault"):
        fail()
    assert is_free(ONE[0], tmp_path)


def test_a_gpu_that_another_process_holds_is_passed_over(tmp_path, holder):
    assert not is_free(TWO[0], tmp_path)
    with leased(TWO, tmp_path) as gpu:
        assert gpu == TWO[1]


def test_a_holder_that_is_killed_holds_no_longer(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    with leased(ONE, tmp_path) as gpu:
        assert gpu == ONE[0]


def test_who_waits_is_next_before_a_holder_that_comes_back(tmp_path):
    """Without a queue, the thread that lets go takes the GPU again before the other one looks."""
    order, waiting = [], threading.Event()

    def wait_for_it():
        waiting.set()
        with leased(ONE, tmp_path):
            order.append("who waited")

    with ExitStack() as stack:
        stack.enter_context(leased(ONE, tmp_path))
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        waiting.wait()
        while _is_free(tmp_path / "queue-0"):  # until it stands in the queue
            pass
    with leased(ONE, tmp_path):
        order.append("who came back")
    thread.join()
    assert order == ["who waited", "who came back"]


def _is_free(path):
    try:
        with gpus._locked(path, wait=False):
            return True
    except BlockingIOError:
        return False


def test_the_folder_of_leases_is_this_users_and_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = gpus.lease_folder()
    assert folder == gpus.lease_folder()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_somebody_else_put_there_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"notebook-grader-gpus-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(GpuUnavailable, match="belongs to another user"):
        gpus.lease_folder()
