"""No answer of a sandbox, whatever it is, makes a check break: whoever lies pays for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from grader.course import load_assignment
from grader.errors import CallTimedOut, KernelDied, StudentRaised
from grader.grading.check_session import CheckSession
from grader.grading.in_process import student_of
from grader.kernel.observations import Captured
from grader.kernel.student import Student
from grader.verdict import Verdict
from grader.wire import messages

CNN = load_assignment("cnn")
ASKED = [exercise for exercise in CNN.exercises if exercise.kind != "answers"]
PLAIN = (
    None, True, False, 0, -1, 3, 2**62, 0.5, float("nan"), float("inf"), "", "text", "0",
    torch.tensor(1.0), torch.zeros(0), torch.zeros(2, 2), torch.full((3, 3), float("nan")),
    torch.ones(1, 1, 28, 28), torch.zeros(0, 10), torch.arange(10), torch.tensor([True, False]),
    torch.zeros(2, 3, 4, 5, dtype=torch.float16), messages.Refusal("a generator"),
)  # fmt: skip


PRINTED = (
    "", "\n" * 1_000, "([" * 30_000, f"({'1' * 5_000})", f"(1{' ' * 60_000}x", f"(1{',1' * 30_000}",
    "Conv2d output shape: (1, 4, 6, 6)\n" * 5, "Linear output shape: torch.Size([2, 3])",
)  # fmt: skip
NAMES = ["weight", "bias", "0.weight", "net.0.bias", ""]


class Liar:
    """Answers every request with anything that can come out of a message, and often with errors."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def ask(
        self, request: messages.Request, args: Any, kwargs: Any, *, call: str,
        decode: Callable[[messages.HandleNode], object], **_: Any,
    ) -> messages.Answer:  # fmt: skip
        chance = self._random.random()
        if chance < 0.02:
            raise self._random.choice(
                [StudentRaised(call, "E", "m"), CallTimedOut(call, 1.0), KernelDied(call, "why")]
            )
        if request.op == "call" and chance < 0.5:
            return messages.Answer(self._handle(decode), list(args))
        return messages.Answer(self._any(decode, 0), [self._any(decode, 0) for _ in args])

    def ask_all(self, *_: Any) -> list[Any]:
        """Answer nothing ahead: lies are told to the checks."""
        return []

    def _handle(self, decode: Callable[[messages.HandleNode], object]) -> object:
        return decode(messages.HandleNode(1, "Sequential", self._random.random() < 0.9))

    def _any(self, decode: Callable[[messages.HandleNode], object], depth: int) -> Any:
        if depth < 4 and self._random.random() < 0.6:
            items = [self._any(decode, depth + 1) for _ in range(self._random.randrange(5))]
            kind = self._random.randrange(3)
            if kind == 2:
                return dict(zip(self._random.sample(NAMES, len(items)), items, strict=True))
            return tuple(items) if kind else items
        if self._random.random() < 0.1:
            return self._handle(decode)
        return self._random.choice(PLAIN)


@pytest.fixture(scope="module")
def session() -> Iterator[CheckSession]:
    with CheckSession(CNN.exercises, course=CNN.course, shrink_s=0.2) as made:
        yield made


@pytest.mark.parametrize("exercise", ASKED, ids=lambda exercise: exercise.name)
def test_a_liar_breaks_no_check(session, exercise):
    names = sorted({name for e in CNN.exercises for name in (e.name, *e.names)})
    known = {name: Captured(i, name, 0, "function", False) for i, name in enumerate(names)}
    for seed in range(20):
        student = Student(Liar(seed), known, answer=exercise.names[0] if exercise.names else "")
        results = session.run(exercise, student)
        broken = [(seed, r.check, r.message) for r in results if r.verdict is Verdict.BROKEN]
        assert not broken


@pytest.mark.parametrize("text", PRINTED, ids=range(len(PRINTED)))
def test_whatever_is_printed_breaks_no_check(session, text):
    (exercise,) = CNN.only(["layer_summary"]).exercises
    student = student_of(exercise, lambda model, shape: print(text))
    started = time.process_time()
    verdicts = {result.verdict for result in session.run(exercise, student)}
    assert Verdict.BROKEN not in verdicts
    assert time.process_time() - started < 10
