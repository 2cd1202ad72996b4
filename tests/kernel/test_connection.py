"""A peer that lies, drips, hangs or dies costs one call, and never the grader."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grader.errors import CallTimedOut, KernelDied, MemoryRefused, OutOfMemory, StudentError
from grader.guest.probe_network import ProbeShape
from grader.kernel import connection as connecting
from grader.kernel import observations
from grader.kernel.connection import SocketConnection
from grader.kernel.deadlines import Spent
from grader.kernel.student import Student
from grader.verdict import Verdict, verdict_of
from grader.wire import messages


class FakeProcess:
    """Stands for the kernel: notes what it is sent, and can be said to have died."""

    def __init__(self) -> None:
        self.pidfd, self._end = os.pipe()
        self.signals: list[int] = []
        self.out_of_memory = self.out_of_time = 0
        self.ended_for = ""
        self.on_interrupt: Callable[[], None] = lambda: None
        self.leaves_a_bomb = False
        self.processor_s = 0.0

    def signal(self, number: int) -> None:
        self.signals.append(number)
        if number == signal.SIGINT:
            self.on_interrupt()

    def spent(self) -> Spent:
        return Spent(self.processor_s)

    def end_descendants(self) -> bool:
        return not self.leaves_a_bomb

    def end_workers(self) -> bool:
        return not self.leaves_a_bomb

    def die(self) -> None:
        os.write(self._end, b"x")

    def close(self) -> None:
        os.close(self.pidfd)
        os.close(self._end)


@pytest.fixture
def process() -> Iterator[FakeProcess]:
    made = FakeProcess()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def asked(
    pair: tuple[socket.socket, socket.socket], process: FakeProcess, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., SocketConnection]:
    """A connection to a peer whose answers are written before the question is asked."""
    monkeypatch.setattr(connecting, "_GRACE_S", 0.05)
    ours, theirs = pair

    def make(*answers: bytes, close: bool = False) -> SocketConnection:
        for answer in answers:
            theirs.sendall(answer)
        if close:
            theirs.close()
        return SocketConnection(ours, process, call_s=0.05)

    return make


def reply(value: Any = None, number: int = 1, **more: Any) -> bytes:
    parts = messages.pack(messages.Reply(number, value, **more), messages.Payload())
    return b"".join(parts)


def ask(connection: SocketConnection) -> Any:
    return Student(connection, {})._ask("call", "f", (), {}).value


def test_an_answer_that_is_there_is_returned(asked):
    assert ask(asked(reply(3))) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage that is no message at all",
        struct.pack("<4sIQ", b"NGW1", 1 << 30, 0),
        struct.pack("<4sIQ", b"NGW1", 4, 1 << 60),
        struct.pack("<4sIQ", b"NGW1", 4, 0) + b"\xc1\xc1\xc1\xc1",
        reply(number=2),
        reply(messages.TensorNode("float32", [0, 1 << 39], 0)),
        reply(messages.SequenceNode(False, [messages.TensorNode("int8", [1], 0)])),
    ],
)
def test_an_answer_that_cannot_be_read_ends_the_kernel(asked, process, answer):
    connection = asked(answer)
    with pytest.raises(KernelDied, match="cannot be read"):
        ask(connection)
    assert process.signals == [signal.SIGKILL]
    with pytest.raises(KernelDied, match="cannot be read"):
        ask(connection)


@pytest.mark.parametrize("answer", [b"", b"NGW1", reply("half")[:-2]])
def test_silence_and_half_an_answer_are_late_and_end_the_kernel(asked, process, answer):
    connection = asked(answer)
    with pytest.raises(CallTimedOut):
        ask(connection)
    assert process.signals == [signal.SIGINT, signal.SIGKILL]
    assert "did not stop" in connection.lost


def test_a_call_that_can_be_interrupted_costs_itself_only(asked, pair, process):
    connection = asked()
    interrupted = reply(failure=messages.Failure("KeyboardInterrupt", ""))
    process.on_interrupt = lambda: pair[1].sendall(interrupted)
    with pytest.raises(CallTimedOut):
        ask(connection)
    assert not connection.lost
    pair[1].sendall(reply(7))
    assert ask(connection) == 7


def test_a_call_that_was_interrupted_and_left_a_bomb_costs_the_kernel(asked, pair, process):
    connection = asked()
    interrupted = reply(failure=messages.Failure("KeyboardInterrupt", ""))
    process.on_interrupt = lambda: pair[1].sendall(interrupted)
    process.leaves_a_bomb = True
    with pytest.raises(CallTimedOut):
        ask(connection)
    assert "left processes" in connection.lost
    assert process.signals == [signal.SIGINT, signal.SIGKILL]


def test_an_answer_that_drips_is_late(asked, pair, process):
    connection = asked()
    stop = threading.Event()

    def drip() -> None:
        for byte in reply("x" * 5_000):
            if stop.wait(0.01):
                return
            pair[1].send(bytes([byte]))

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(CallTimedOut):
        ask(connection)
    stop.set()
    thread.join()
    assert process.signals == [signal.SIGINT, signal.SIGKILL]


def test_a_closed_socket_is_a_dead_kernel(asked):
    with pytest.raises(KernelDied, match="exited"):
        ask(asked(close=True))


def test_a_dead_process_is_noticed_before_the_deadline(asked, process):
    connection = asked()
    connection.call_s = 60.0
    process.die()
    with pytest.raises(KernelDied, match="exited"):
        ask(connection)


def test_an_answer_left_by_a_dead_process_is_still_read(asked, process):
    connection = asked(reply(5))
    process.die()
    assert ask(connection) == 5


def test_a_kernel_ended_for_its_memory_says_so(asked, process):
    process.out_of_memory = 1 << 30
    with pytest.raises(OutOfMemory, match="1024 MiB"):
        ask(asked(close=True))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("MemoryError", ""),
        ("_ArrayMemoryError", "Unable to allocate 8 TiB for an array"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_a_call_that_is_told_there_is_no_memory_needed_too_much(asked, kind, message):
    connection = asked(reply(failure=messages.Failure(kind, message)), reply(5))
    with pytest.raises(MemoryRefused, match="needed more memory than it may use") as raised:
        ask(connection)
    assert verdict_of(raised.value) is Verdict.OUT_OF_MEMORY
    assert ask(connection) == 5


def test_a_peer_that_reads_nothing_is_late(asked, process):
    connection = asked()
    with pytest.raises(StudentError):
        Student(connection, {})._ask("call", "f", (torch.zeros(1 << 22),), {})
    assert connection.lost


def test_a_catalog_that_is_none_lists_nothing(asked):
    row = messages.SequenceNode(True, [1, "f", 0, "function", "yes"])
    odd = messages.SequenceNode(False, [None, "f", row, messages.SequenceNode(True, [1])])
    assert Student(asked(reply(odd)), {}).catalog() == []


LONG = "x" * 40_000  # what a socket holds before anybody reads


def test_names_from_the_sandbox_are_short_and_on_one_line(asked):
    node = messages.HandleNode(1, "A\n\x1b[31m" + LONG, True)
    handle = ask(asked(reply(node)))
    assert len(handle.description) < 200
    assert handle.description.splitlines() == [handle.description]
    assert "\x1b" not in handle.description


def test_keys_of_an_answer_are_bounded(asked):
    (key,) = ask(asked(reply(messages.MappingNode([LONG], [1]))))
    assert len(key) <= 1_000


def test_errors_from_the_sandbox_are_bounded(asked):
    connection = asked(reply(failure=messages.Failure(LONG, LONG, LONG)))
    with pytest.raises(StudentError) as caught:
        ask(connection)
    assert len(str(caught.value)) < 3_000


def test_what_a_guest_tells_of_a_notebook_is_bounded():
    with pytest.raises(StudentError) as caught:
        observations.read_outline("net(x)", LONG)
    assert len(str(caught.value)) < 500
    (found,) = observations.read_catalog([(1, LONG, 0, LONG, False)])
    assert len(found.name) + len(found.kind) < 300
    told = {"raised": LONG, "models": [], "passes": []}
    replay = observations.read_replay("cell 1", told, ProbeShape(28, 1, 10))
    assert len(replay.raised) <= 500
