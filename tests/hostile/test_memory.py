"""Memory where no resident size shows it, taken by a cell of a notebook in a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from grader.kernel import memory_use
from grader.kernel.memory_use import TreeMemory
from grader.kernel.process_tree import end_descendants, tree_of

FILLED = """
import mmap, os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
x = mmap.mmap(-1, 8 << 30)
page, part = bytes(1 << 20), 128 << 20
def fill(start):
    for at in range(start, start + part, 1 << 20):
        x[at : at + (1 << 20)] = page
"""
HIDDEN = {
    "by children that have ended": (
        "for start in range(0, 8 << 30, part):\n    if os.fork() == 0:\n        fill(start)\n"
        "        os._exit(0)\n    time.sleep(0.3)"
    ),
    "by giving the pages back": (
        "for start in range(0, 8 << 30, part):\n    fill(start)\n"
        "    x.madvise(mmap.MADV_DONTNEED, start, part)\n    time.sleep(0.1)"
    ),
}


@pytest.mark.parametrize("way", HIDDEN)
def test_shared_memory_that_no_process_has_mapped_counts(run, values, way):
    notebook = run("x = 1", FILLED + HIDDEN[way], "y = x + 1", cell_s=20.0)
    told = (notebook.cells[1].status, notebook.cells[1].error)
    assert told == ("died", "needed more than 1024 MiB of memory")
    assert values(notebook)["y"] == 2


# every socket holds 208 KiB and one message more
FULL = """
import os, socket, time
def fill(most):
    held = []
    try:
        for _ in range(most):
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            held.append(pair)
            for end in pair:
                end.setblocking(False)
                try:
                    while True:
                        end.send(bytes(200_000))
                except BlockingIOError:
                    pass
    except OSError:
        pass
    return held
"""


def test_sockets_of_many_processes_count_as_full(run, values):
    spread = FULL + "for _ in range(16):\n    if os.fork() == 0:\n        held = fill(1_000)\n"
    spread += "        time.sleep(100)\ntime.sleep(100)"
    notebook = run("x = 1", spread, "y = x + 1", cell_s=20.0)
    told = (notebook.cells[1].status, notebook.cells[1].error)
    assert told == ("died", "needed more than 1024 MiB of memory")
    assert values(notebook)["y"] == 2


def test_sockets_in_messages_that_no_process_has_open_count_as_full(run):
    # a socket can be sent and closed, and stays, with what it holds, as long as the message
    hide = """
    kept = []
    for _ in range(20):
        a, b = socket.socketpair()
        ends = [end for pair in fill(4) for end in pair]
        socket.send_fds(a, [b"x"], [end.fileno() for end in ends])
        kept.append((a, b))
        for end in ends:
            end.close()
    """
    kernel = run(FULL, hide)._kernel._provisioner
    used = kernel.watchdog._memory.look(tree_of(kernel.process.pid), 1 << 40)
    assert used > 20 * 8 * 2 * 212_992


def test_a_few_full_sockets_are_no_reason_to_end_a_kernel(attack):
    assert attack(FULL.replace("\n", "\n    ") + "\n    return len(fill(40))", cell_s=10.0) == "40"


def test_pipes_hold_a_bounded_amount(attack):
    body = """
    import fcntl, os
    ends, total = [], 0
    try:
        while True:
            ends.append(os.pipe())
    except OSError:
        pass
    for _, end in ends:
        os.set_blocking(end, False)
        try:
            while True:
                total += os.write(end, bytes(65_536))
        except BlockingIOError:
            pass
    return total <= len(ends) << 16, total
    """
    assert attack(body).startswith("(True, ")


@pytest.fixture
def crowd():
    """A process with 200 MB and ten children that share them and do nothing."""
    code = (
        "import os, time\nx = b'x' * (200 << 20)\nfor _ in range(10):\n    if os.fork() == 0:\n"
        "        time.sleep(100)\nprint(flush=True)\n"
        "input()\nif os.fork() == 0:\n    y = bytearray(x)\n    print(flush=True)\n"
        "    time.sleep(100)\ntime.sleep(100)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline()
        yield parent
        end_descendants(parent.pid, 100)
        parent.kill()


def test_children_that_do_nothing_are_measured_once_and_not_at_every_look(crowd, monkeypatch):
    asked = []
    exact = memory_use.proportional
    monkeypatch.setattr(memory_use, "proportional", lambda pid: asked.append(pid) or exact(pid))
    memory = TreeMemory(os.getpid())
    tree = tree_of(crowd.pid)
    limit, memory._at_start = 350 << 20, 0
    found = [memory.look(tree, limit) for _ in range(20)]
    assert 200 << 20 < found[0] < 350 << 20
    assert max(found) < 350 << 20
    assert len(asked) == len(tree)
    # and what one of them takes later is seen at the next look
    crowd.stdin.write(b"\n")
    crowd.stdin.flush()
    assert crowd.stdout.readline()
    assert memory.look(tree_of(crowd.pid), limit) > 400 << 20


def test_a_process_that_forbids_looking_is_counted_with_all_that_it_shares(monkeypatch):
    read = memory_use.read_proc
    monkeypatch.setattr(
        memory_use, "read_proc", lambda path: b"" if path.endswith("rollup") else read(path)
    )
    assert memory_use.proportional(os.getpid()) == memory_use.resident(os.getpid())


def test_without_root_shared_memory_counts_by_what_was_mapped(monkeypatch):
    code = (
        "import mmap, time\nx = mmap.mmap(-1, 64 << 20)\nx.write(bytes(64 << 20))\n"
        "x.madvise(mmap.MADV_DONTNEED)\nprint(flush=True)\ntime.sleep(100)"
    )

    def refuse(_path):
        raise PermissionError

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        memory = TreeMemory(child.pid)
        assert memory.look([child.pid], 1 << 40) >= 64 << 20
        blind = TreeMemory(child.pid)
        monkeypatch.setattr(memory_use.os, "stat", refuse)
        assert blind.look([child.pid], 1 << 40) >= 64 << 20
        child.kill()
