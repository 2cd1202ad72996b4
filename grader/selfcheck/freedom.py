"""Finds out what a check accepts, by asking it about answers that deviate from a right one.

A check is code, so what it accepts cannot be read off; but it can be tried. A right answer is
changed in many ways: a single number, all of them, the shape, the type, an exception in place of
it. The answers to one call are changed, or those to all calls of a run, for a check may only
compare them with each other. Where every change makes the check fail, it leaves no freedom, and
a self-check may demand the right answer. Otherwise the call is not handed out.

Here: changes of answers, and whether a check notices them. Not here: what is handed out
(`exercises.py`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks.compare import TOLERANCE
from grader.course import Exercise
from grader.grading.in_process import student_of
from grader.selfcheck.data_file import identity

Ask = Callable[[object], None]
Change = Callable[[Any], Any]
_TOLERANCES = (TOLERANCE, 1e-3, 1e-2, 0.1)
_MOST_PLACES = 4
_ERRORS = (TypeError, ValueError, AttributeError)
_REARRANGED: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.neg,
    torch.abs,
    torch.zeros_like,
    lambda t: t.flatten().sort().values.reshape(t.shape),
    lambda t: t.flatten().flip(0).reshape(t.shape),
)


@dataclass(frozen=True)
class Run:
    """One question of a check, or one example of a property: it asks for some calls."""

    check: str
    ask: Ask
    """Asks a student; raises where the check does not pass."""
    calls: tuple[tuple[Any, Any], ...]
    """Identity of each call's arguments, with the right answer."""

    def asks(self, call: Any) -> bool:
        """Return whether a call is among them."""
        return any(one == call for one, _ in self.calls)


class Trial:
    """Tries a right answer of one exercise on runs of its checks.

    Args:
        exercise: whose checks.
        right: an answer that passes them.
        seed: of random numbers.
    """

    def __init__(self, exercise: Exercise, right: Callable[..., Any], seed: int) -> None:
        self._exercise, self._right, self._seed = exercise, right, seed

    def run(self, check: str, ask: Ask) -> Run | None:
        """Return what a run asks for; None where the right answer does not pass it."""
        calls: list[tuple[Any, Any]] = []

        def answer(*args: Any, **kwargs: Any) -> Any:
            asked = call_of(args, kwargs)
            value = self._right(*args, **kwargs)
            calls.append((asked, copy.deepcopy(value)))
            return value

        return None if self._fails(ask, answer) else Run(check, ask, tuple(calls))

    def tolerance(self, run: Run, call: Any) -> float | None:
        """Return within which tolerance a check demands the right answer to a call.

        None where it leaves more freedom: it accepts another answer.
        """
        return next((t for t in _TOLERANCES if self._notices_all(run, call, t)), None)

    def kept(self, run: Run, call: Any, count: int) -> list[int]:
        """Return which of the first arguments of a call a check demands to be left alone."""
        return [i for i in range(count) if self._fails(run.ask, self._writing_into(call, i))]

    def _notices_all(self, run: Run, call: Any, tolerance: float) -> bool:
        answers = [answer for one, answer in run.calls if one == call]
        for change in changes(answers[0], tolerance):
            for meant in _places(run, call, len(answers)):
                if not self._fails(run.ask, self._changed(meant, change)):
                    return False
        return True

    def _changed(self, meant: Callable[[Any, int], bool], change: Change) -> Callable[..., Any]:
        """Return the right answer, changed for some calls: of an identity, at a number."""
        seen: dict[Any, int] = {}

        def answer(*args: Any, **kwargs: Any) -> Any:
            asked = call_of(args, kwargs)
            number = seen[asked] = seen.get(asked, -1) + 1
            value = self._right(*args, **kwargs)
            return change(value) if meant(asked, number) else value

        return answer

    def _writing_into(self, call: Any, place: int) -> Callable[..., Any]:
        def answer(*args: Any, **kwargs: Any) -> Any:
            asked = call_of(args, kwargs)
            value = copy.deepcopy(self._right(*args, **kwargs))
            if asked == call and isinstance(args[place], Tensor):
                args[place].copy_(args[place] == 0)
            return value

        return answer

    def _fails(self, ask: Ask, answer: Callable[..., Any]) -> bool:
        try:
            ask(student_of(self._exercise, answer, seed=self._seed))
        except (Exception, pytest.fail.Exception):
            return True
        return False


def call_of(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return the identity of a call's arguments."""
    return identity((tuple(args), kwargs))


def _places(run: Run, call: Any, times: int) -> Iterator[Callable[[Any, int], bool]]:
    """Yield which calls of a run are answered otherwise: one, its repetitions, all of them."""
    yield lambda one, number: bool(one == call)
    if times > 1:
        for time in range(times):
            yield lambda one, number, time=time: bool(one == call and number == time)  # type: ignore[misc]
    if len(run.calls) > times:
        yield lambda one, number: True


def changes(value: Any, tolerance: float) -> Iterator[Change]:
    """Yield changes that make another answer of a right one.

    Each may be applied to other answers as well; those it does not fit stay as they are.
    """
    yield from map(_raising, _ERRORS)
    yield from _of_value(value, tolerance)


def _of_value(value: Any, tolerance: float) -> Iterator[Change]:
    yield lambda _: None
    if isinstance(value, Tensor):
        yield from _of_tensor(value, tolerance)
    elif isinstance(value, bool):
        yield lambda v: not v
    elif isinstance(value, int | float):
        yield from (_shift(2 * tolerance), _shift(-2 * tolerance), lambda v: 2 * v + 1)
        if value:
            yield lambda v: -v if isinstance(v, int | float) else v
    elif isinstance(value, str):
        yield from (lambda v: f"{v} ", lambda v: "")
    elif isinstance(value, dict | list | tuple) and value:
        yield lambda v: v[:0] if isinstance(v, list | tuple) else {}
        if not isinstance(value, dict) and identity(value) != identity(value[::-1]):
            yield lambda v: v[::-1] if isinstance(v, list | tuple) else v
        for key in value if isinstance(value, dict) else range(len(value)):
            for change in _of_value(value[key], tolerance):
                yield _inside(key, change)
    else:
        yield lambda v: 0


def _of_tensor(value: Tensor, tolerance: float) -> Iterator[Change]:
    yield from (_on_tensor(lambda t: t[None]), _on_tensor(lambda t: t.tolist()))
    yield _on_tensor(lambda t: t.detach().numpy())
    if value.ndim != 1:
        yield _on_tensor(lambda t: t.reshape(-1))
    if 1 in value.shape:
        yield _on_tensor(lambda t: t.squeeze())
    if not value.numel():
        return
    count = value.numel()
    yield _on_tensor(lambda t: t + 1)
    yield _on_tensor(lambda t: 2 * t + (t == 0))
    for change in _REARRANGED:
        if not torch.equal(change(value.double()), value.double()):
            yield _on_tensor(change)
    if value.is_floating_point():
        yield _on_tensor(lambda t: t * math.nan)
    places = {number * (count - 1) // (_MOST_PLACES - 1) for number in range(_MOST_PLACES)}
    yield _on_tensor(_moving(0, -2 * tolerance))
    for number, place in enumerate(sorted(places)):
        yield _on_tensor(_moving(place, (-2 if number % 2 else 2) * tolerance))


def _moving(place: int, by: float) -> Callable[[Tensor], Tensor]:
    """Return a function that moves one number of a tensor; whole numbers, by 1."""

    def moved(value: Tensor) -> Tensor:
        made = value.detach().clone().contiguous()
        numbers = made.view(-1)
        if value.is_floating_point():
            old = numbers[place].item()
            numbers[place] = old + by * (1 + abs(old)) if math.isfinite(old) else 0
        elif value.dtype == torch.bool:
            numbers[place] = not numbers[place]
        else:
            numbers[place] += 1 if by > 0 else -1
        return made

    return moved


def _on_tensor(change: Callable[[Tensor], Any]) -> Change:
    def changed(value: Any) -> Any:
        try:
            return change(value) if isinstance(value, Tensor) else value
        except (RuntimeError, IndexError, TypeError):  # an answer of another shape or dtype
            return value

    return changed


def _shift(by: float) -> Change:
    def shifted(value: Any) -> Any:
        if not isinstance(value, int | float):
            return value
        return (
            value + by * (1 + abs(value)) if isinstance(value, float) else value + (by > 0) * 2 - 1
        )

    return shifted


def _inside(key: Any, change: Change) -> Change:
    def changed(value: Any) -> Any:
        try:
            if isinstance(value, dict):
                return {**value, key: change(value[key])}
            items = list(value)
            items[key] = change(items[key])
            return type(value)(items)
        except (TypeError, LookupError):
            return value

    return changed


def _raising(error: type[Exception]) -> Change:
    def raises(value: Any) -> Any:
        raise error("a right answer that fails")

    return raises
