"""A kernel that answers anything: a verdict on the student's code, never a broken check.

Bytes first: what arrives over the socket instead of an answer. Then values: whatever a kernel may
truthfully encode, in place of what the checks of every exercise expect.
"""

from __future__ import annotations

import random
import socket
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.course import load_assignment
from grader.errors import StudentError, StudentRaised
from grader.grading.check_session import CheckSession
from grader.kernel.connection import SocketConnection
from grader.kernel.deadlines import Spent
from grader.kernel.observations import Captured
from grader.kernel.student import Student
from grader.verdict import Verdict
from grader.wire import messages
from grader.wire.codec import Encoder
from grader.wire.messages import Answer, HandleNode, Refusal

fuzzed = settings(max_examples=max(100, settings.default.max_examples))
A_CHECK_BROKE = "a check that breaks on an answer would give points to be had at will"


class Alive:
    """A kernel's process that never ends by itself."""

    out_of_memory = out_of_time = 0
    ended_for = ""

    def __init__(self, pidfd):
        self.pidfd = pidfd

    def spent(self):
        return Spent()

    def signal(self, number):
        pass

    def end_descendants(self):
        return True

    def end_workers(self):
        return True


def encoded(value, number=1):
    encoder = Encoder(lambda thing: HandleNode(64, "Net", is_module=True))
    reply = messages.Reply(number, encoder.node(value), printed="x")
    return b"".join(messages.pack(reply, encoder.payload))


ANSWERS = [
    encoded(value)
    for value in (
        None, 1.5, [1, (2.0, "three")], {"weight": torch.ones(2, 3)}, torch.ones(4, 4).mT,
        [object(), torch.zeros(0)], "x" * 300,
    )
]  # fmt: skip


@fuzzed
@given(st.sampled_from(ANSWERS), st.data())
def test_damaged_bytes_are_an_answer_or_an_error_of_the_student(right, data):
    sent = bytearray(right)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(sent) - 1))
        sent[place : place + data.draw(st.sampled_from([0, 1, 8]))] = data.draw(
            st.binary(max_size=9)
        )
        if not sent:
            break
    ours, theirs = socket.socketpair()
    asleep, never = socket.socketpair()
    with ours, theirs, asleep, never:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        connection = SocketConnection(ours, Alive(asleep.fileno()), call_s=5.0)
        student = Student(connection, {"f": Captured(0, "f", 0, "function", imported=False)})
        with suppress(StudentError):
            student.call("f", torch.ones(2))


class Liar:
    """Answers every question with something that a kernel could encode.

    Now and then the same thing again, so that later questions are reached too.
    """

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._usual = self._thing(0)

    def ask(self, request, args, kwargs, *, call, decode, limit_s=None):
        chance = self._random.random()
        if chance < 0.1:
            raise StudentRaised(call, "ValueError", "no")
        value = self._usual if chance < 0.6 else self._thing(0)
        if isinstance(value, HandleNode):
            value = decode(value)
        return Answer(value, [self._thing(1) for _ in args], "text\n" * self._random.randrange(3))

    def ask_all(self, asked, decode):
        return []

    def _thing(self, depth):
        draw = self._random
        kinds = [
            self._tensor, self._tensor, self._tensor, self._number, lambda: None,
            lambda: draw.choice(["", "Linear", "1 x 2\n", "\x00"]), lambda: Refusal("a generator"),
            lambda: HandleNode(1, draw.choice(["Net", "", "x" * 300]), draw.random() < 0.8),
        ]  # fmt: skip
        if depth < 3:
            several = range(draw.randrange(4))
            kinds += [
                lambda: [self._thing(depth + 1) for _ in several],
                lambda: tuple(self._thing(depth + 1) for _ in several),
                lambda: {f"layer.{i}": self._thing(depth + 1) for i in several},
            ]
        return draw.choice(kinds)()

    def _number(self):
        return self._random.choice([0, 1, -1, 2**62, True, 0.5, float("inf"), float("nan")])

    def _tensor(self):
        draw = self._random
        shape = [draw.choice([0, 1, 1, 2, 3, 6, 8]) for _ in range(draw.randrange(5))]
        dtype = draw.choice(
            [torch.float32] * 4 + [torch.float64, torch.float16, torch.bfloat16, torch.bool]
            + [torch.uint8, torch.int64]
        )  # fmt: skip
        made = (4 * torch.rand(shape)).to(dtype)
        if made.numel() and made.is_floating_point() and draw.random() < 0.2:
            made.view(-1)[0] = draw.choice([float("nan"), float("inf")])
        return made


@pytest.fixture(scope="module")
def session():
    assignment = load_assignment("cnn")
    with CheckSession(assignment.exercises, course=assignment.course, shrink_s=0.2) as made:
        yield made


@fuzzed
@given(seed=st.integers(0, 2**32), data=st.data())
def test_whatever_values_come_back_no_check_breaks(session, seed, data):
    exercise = data.draw(st.sampled_from(session.exercises))
    names = {*exercise.names, exercise.name, "corr2d", "vgg_block", "Residual"}
    known = {name: Captured(0, name, 0, "class", imported=False) for name in names}
    student = Student(Liar(seed), known, answer=exercise.name)
    broken = [r for r in session.run(exercise, student) if r.verdict is Verdict.BROKEN]
    assert not broken, f"{A_CHECK_BROKE}: {[(r.check, r.traceback[-900:]) for r in broken]}"
