"""What a kernel that was given a GPU can reach and spend, and what other kernels still cannot.

Devices that every Linux has stand in for the nodes of two GPUs, so that no GPU is needed here.
"""

from __future__ import annotations

import errno
import sys

import pytest
import torch

from grader.kernel.gpus import Gpu
from grader.kernel.student import Student
from grader.records import Limits
from grader.sandbox import kernel_process, linux, policy

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are locked up on Linux alone"),
]
LEASED = Gpu(0, "Stand-in", "/dev/full", "GPU-00000000-aaaa")
OTHER = Gpu(1, "Stand-in", "/dev/tty", "GPU-11111111-bbbb")
TRIED = """
import fcntl, os, stat
def tried(what):
    try:
        return what()
    except OSError as error:
        return error.errno
def order_to(node):
    with open(node, "r+b", buffering=0) as device:
        return tried(lambda: fcntl.ioctl(device, 0x4601))
def is_device(node):
    return os.path.exists(node) and stat.S_ISCHR(os.stat(node).st_mode)
"""
NAME_A_THREAD = """
import ctypes, threading
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
naming = ctypes.CDLL(None).pthread_setname_np
failed = naming(ctypes.c_ulong(thread.ident), b"cuda-thread")
done.set()
"""


@pytest.fixture
def seen(run_on, values):
    """The values a cell bound, in a kernel that was given a stand-in for a GPU, or None."""

    def look(gpu, *sources, **limits):
        notebook = run_on(gpu, *sources, **limits)
        assert {cell.status for cell in notebook.cells} == {"ok"}, notebook.cells
        return values(notebook)

    return look


def test_the_leased_gpu_takes_orders_and_the_other_one_is_not_there(seen):
    look = "\n".join([TRIED, "order = order_to('/dev/full')", "other = is_device('/dev/tty')"])
    found = seen(LEASED, look)
    # the device does not know the order, but it was asked; a wall would have said EACCES
    assert (found["order"], found["other"]) == (errno.ENOTTY, False)


def test_another_kernel_is_given_the_other_gpu(seen):
    found = seen(OTHER, TRIED + "\nother = is_device('/dev/tty')")
    assert found["other"] is True


def test_without_a_gpu_no_node_is_there(seen):
    found = seen(None, TRIED + "\nother = is_device('/dev/tty')")
    assert found["other"] is False


@pytest.mark.skipif(linux.landlock_abi() < 5, reason="this Landlock does not know of orders")
def test_a_device_that_is_no_gpu_takes_no_orders(seen):
    assert seen(LEASED, TRIED + "\norder = order_to('/dev/zero')")["order"] == errno.EACCES


@pytest.mark.parametrize(("gpu", "visible"), [(LEASED, LEASED.uuid), (None, "")])
def test_cuda_is_shown_the_leased_gpu_and_no_other(seen, gpu, visible):
    found = seen(gpu, "import os\nvisible = os.environ['CUDA_VISIBLE_DEVICES']")
    assert found["visible"] == visible


def test_cuda_may_name_its_threads_and_only_where_there_is_a_gpu(seen):
    assert seen(LEASED, NAME_A_THREAD)["failed"] == 0
    assert seen(None, NAME_A_THREAD)["failed"] == errno.EACCES


def test_cuda_may_make_files_in_memory_and_only_where_there_is_a_gpu(seen):
    make = TRIED + "\nmade = tried(lambda: os.memfd_create('cuda'))"
    assert seen(LEASED, make)["made"] > 2
    assert seen(None, make)["made"] == errno.EPERM


def test_files_in_memory_count_as_memory(run_on):
    hoard = """
    import os, time
    held = [os.memfd_create(f"f{i}") for i in range(32)]
    for file in held:
        for _ in range(15):
            os.write(file, bytes(1 << 20))
    time.sleep(60)
    """
    notebook = run_on(LEASED, hoard, "x = 1", memory_bytes=256 << 20, cell_s=20.0)
    assert [cell.status for cell in notebook.cells] == ["died", "ok"]
    assert notebook.cells[0].error == "needed more than 256 MiB of memory"


def test_a_file_of_the_machine_stays_closed_to_a_kernel_with_a_gpu(seen):
    paths = ["/etc/shadow", "/proc/kcore", "/proc/self/environ", "/sys/kernel/notes"]
    look = f"{TRIED}\nfound = [tried(lambda: open(p, 'rb').read(9)) for p in {paths}]"
    assert set(seen(LEASED, look)["found"]) <= {errno.EACCES, errno.ENOENT}


def test_cuda_can_still_be_started_after_the_fork(seen):
    """The warm parent must not touch CUDA: torch refuses it then, in every fork."""
    look = """
    import torch
    fit = not (torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork())
    queued = [call.__module__ for call, _ in torch.cuda._queued_calls]
    caps = queued.count("grader.sandbox.kernel_process")
    """
    assert (seen(LEASED, look)["fit"], seen(LEASED, look)["caps"]) == (True, 1)
    assert (seen(None, look)["fit"], seen(None, look)["caps"]) == (True, 0)


@pytest.mark.parametrize(("fraction", "capped"), [(0.25, 0.25), (3.0, 1.0)])
def test_the_cap_on_memory_waits_until_cuda_starts(monkeypatch, fraction, capped):
    asked = []
    monkeypatch.setattr(torch.cuda, "_queued_calls", [])
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda *args: asked.append(args)
    )
    kernel_process._cap_gpu_memory(fraction)
    assert asked == []
    for call, _ in torch.cuda._queued_calls:
        call()
    assert asked == [(capped, 0)]


def test_address_space_is_wider_with_a_gpu_and_nothing_else_is():
    without, given = policy.rlimits(Limits()), policy.rlimits(Limits(), gpu=True)
    assert given.pop("RLIMIT_DATA") > without.pop("RLIMIT_DATA") >= Limits().memory_bytes
    assert given == without


def test_a_kernel_with_a_gpu_answers_questions_as_any_other(run_on):
    connection = run_on(LEASED, "import torch\ndef f(x):\n    return x + 1").connection
    student = Student(connection, {e.name: e for e in Student(connection, {}).catalog()})
    assert student.f(torch.ones(2)).tolist() == [2.0, 2.0]
