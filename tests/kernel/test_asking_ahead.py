"""Calls that are made ahead of a check end as they do when they are made one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.course import load_assignment
from grader.errors import CallTimedOut, KernelDied, StudentError
from grader.grading.in_process import student_of
from grader.kernel import connection as connecting
from grader.kernel.ahead import KnownCall, content_of
from grader.kernel.connection import SocketConnection
from grader.kernel.student import Student
from grader.wire import messages
from grader.wire.codec import Encoder

(CORR2D,) = load_assignment("cnn").only(["corr2d"]).exercises


def known(name: str, *args: object, right: object = "never returned") -> KnownCall:
    """Return a call whose right answer is `right`, with arguments that it leaves alone."""
    asked, replied = (
        Encoder(lambda _: messages.RefusalNode("")),
        Encoder(lambda _: messages.RefusalNode("")),
    )
    nodes = [asked.node(arg) for arg in args]
    reply = messages.Reply(1, replied.node(right), [replied.node(arg) for arg in args])
    joined = [b"".join(encoder.payload.parts) for encoder in (asked, replied)]
    return KnownCall(name, nodes, {}, joined[0], content_of(reply), joined[1])


def end_of(student: Student, *args: object) -> tuple[Any, ...]:
    """Return all that a check can see of a call of `corr2d`."""
    try:
        call = student.call("corr2d", *args)
    except StudentError as error:
        return type(error), str(error), error.missing
    return shown(call.value), [shown(arg) for arg in call.arguments], call.printed


def shown(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    return (
        getattr(value, "what", None) or getattr(value, "description", None) or (type(value), value)
    )


def raises_now_and_then(x):
    if x > 2:
        raise ValueError(f"no {x}")
    return x


def changes_its_argument(x):
    if isinstance(x, torch.Tensor):
        x += 1
    return x


def counter():
    calls = []

    def counts(x):
        calls.append(x)
        return len(calls)

    return counts


def draws(x):
    return torch.rand(2)


def prints(x):
    print("called with", x)
    return x


def returns_what_cannot_cross(x):
    return (one for one in (1, 2))


def returns_an_object(x):
    return torch.nn.Linear(1, 1)


def leaves_settings_behind(x):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    return str(before)


MAKERS: list[Callable[[], Callable[[Any], Any]]] = [
    counter,
    *(
        lambda f=f: f
        for f in (
            raises_now_and_then, changes_its_argument, draws, prints, returns_what_cannot_cross,
            returns_an_object, leaves_settings_behind,
        )
    ),
]  # fmt: skip
VALUES = st.one_of(st.integers(-5, 5), st.floats(-4, 4), st.booleans())


@given(st.sampled_from(MAKERS), st.lists(VALUES, min_size=1, max_size=6), st.integers(0, 6))
def test_a_call_made_ahead_ends_as_it_does_alone(make, values, ahead):
    alone, together = (student_of(CORR2D, make()) for _ in range(2))
    together.ask_ahead([known("corr2d", value) for value in values[:ahead]])
    for value in values:
        assert end_of(together, value) == end_of(alone, value)
    torch.set_default_dtype(torch.float32)


@given(st.lists(VALUES, min_size=1, max_size=4), st.lists(VALUES, min_size=1, max_size=4))
def test_what_no_call_foresaw_is_asked_live(foreseen, asked):
    alone, together = (student_of(CORR2D, prints) for _ in range(2))
    together.ask_ahead([known("corr2d", value) for value in foreseen])
    assert [end_of(together, v) for v in asked] == [end_of(alone, v) for v in asked]


@pytest.mark.parametrize("right", [3.0, True, torch.tensor(3), torch.tensor([3.0]), [3]])
def test_only_exactly_the_right_answer_is_right(right):
    student = student_of(CORR2D, lambda x: 3)
    assert student.ask_ahead([known("corr2d", 1, right=3)])
    assert not student.ask_ahead([known("corr2d", 1, right=right)])


def test_a_right_answer_beside_a_changed_argument_is_not_right():
    student = student_of(CORR2D, lambda x: (x.zero_(), 3)[1])
    assert not student.ask_ahead([known("corr2d", torch.ones(2), right=3)])


def test_a_name_that_is_not_defined_is_not_asked_ahead():
    student = student_of(CORR2D, lambda x: x)
    assert not student.ask_ahead([known("pool2d", 1, right=1), known("corr2d", 1, right=1)])


def asked(run: Callable[..., Any], source: str) -> Student:
    """Run one cell in a kernel and return its student."""
    notebook = run(source)
    found = Student(notebook.connection, {}).catalog()
    return Student(
        notebook.connection, {entry.name: replace(entry, name="corr2d") for entry in found}
    )


def test_answers_before_a_call_that_hangs_count_and_those_after_it_are_asked_live(run):
    student = asked(run, "def corr2d(x):\n    while x == 2:\n        pass\n    return x\n")
    calls = [known("corr2d", x, right=x) for x in (0, 1, 2, 2, 2, 2, 3)]
    assert not student.ask_ahead(calls)
    assert [student.corr2d(0), student.corr2d(1)] == [0, 1]
    with pytest.raises(CallTimedOut, match=r"corr2d\(2\) took longer"):
        student.corr2d(2)
    assert student.corr2d(3) == 3


def test_answers_before_the_end_of_a_kernel_count(run):
    student = asked(run, "import os\ndef corr2d(x):\n    return os._exit(1) if x == 2 else x\n")
    assert not student.ask_ahead([known("corr2d", x, right=x) for x in (0, 1, 2, 3, 4)])
    assert [student.corr2d(0), student.corr2d(1)] == [0, 1]
    with pytest.raises(KernelDied, match=r"corr2d\(2\) ended the notebook's process"):
        student.corr2d(2)


def test_many_large_answers_block_neither_side(run):
    student = asked(run, "import torch\ndef corr2d(x):\n    return torch.full((40_000,), x)\n")
    right = torch.full((40_000,), 2.0)
    assert student.ask_ahead([known("corr2d", 2.0, right=right)] * 100)


def test_large_arguments_block_neither_side(run):
    student = asked(run, "def corr2d(x):\n    return x\n")
    x = torch.ones(100_000)
    assert student.ask_ahead([known("corr2d", x, right=x)] * 30)


def test_quick_calls_are_sent_several_at_a_time(run, monkeypatch):
    student = asked(run, "def corr2d(x):\n    return x\n")
    monkeypatch.setattr(connecting, "_QUICK_S", 10.0)  # on a busy machine too
    monkeypatch.setattr(connecting, "_AHEAD_S", 60.0)
    sent = []
    send = SocketConnection._send
    monkeypatch.setattr(SocketConnection, "_send", lambda *a: (sent.append(a), send(*a)))
    assert student.ask_ahead([known("corr2d", x, right=x) for x in range(40)])
    assert len(sent) <= 40 / 2


def test_slow_calls_are_left_to_the_check(run):
    student = asked(
        run,
        "import time\ncalls = []\ndef corr2d(x):\n    calls.append(x)\n"
        "    time.sleep(0 if x else 0.2)\n    return len(calls)\n",
    )
    assert not student.ask_ahead([known("corr2d", 0)] * 20)
    student.ask_live()
    assert student.corr2d(1) < 6
