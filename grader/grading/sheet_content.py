"""What a sheet holds: drawn examples, and calls with the answers of the reference, as plain data.

Tensors and plain values are written as on the wire, and no code is: who reads a sheet runs nothing.
Examples are kept only if they read back as they were drawn; a check that draws objects draws them
in each run.

Here: sheets as bytes, their examples and calls as values. Not here: files (`sheet_files.py`), when
a check may use its sheet (`sheets.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor

from grader.kernel.ahead import KnownCall, content_read
from grader.text import with_article
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder

Sheet = tuple[KnownCall, ...]
_BOUNDS = messages.Bounds(payload_bytes=16 << 20)


class Examples(msgspec.Struct, frozen=True):
    """The drawn examples of a property, each a mapping of its arguments."""

    rows: list[messages.Node]
    payload: bytes

    def values(self) -> list[dict[str, Any]]:
        """Return the examples.

        Raises:
            WireError: they are none.
        """
        decoder = Decoder(bytearray(self.payload), _no_handle, _BOUNDS)
        found = [decoder.value(row) for row in self.rows]
        if not all(isinstance(one, dict) for one in found):
            raise messages.WireError("an example is no mapping")
        return found


class CheckSheet(msgspec.Struct):
    """What is known of one check, which was asked at least once."""

    examples: Examples | None = None
    calls: Sheet | None = None
    """What it asks of a right answer: empty if it has no sheet, None before that is learned."""

    def completed_by(self, other: CheckSheet) -> CheckSheet:
        """Return what this one or the other knows."""
        return CheckSheet(
            self.examples or other.examples, other.calls if self.calls is None else self.calls
        )


class ExerciseSheet(msgspec.Struct):
    """What is known of the checks of one exercise, by name."""

    exercise: str
    key: str
    checks: dict[str, CheckSheet] = {}

    def completed_by(self, other: ExerciseSheet) -> ExerciseSheet:
        """Return what this one or the other knows of each check."""
        empty = CheckSheet()
        names = {**self.checks, **other.checks}
        checks = {
            n: self.checks.get(n, empty).completed_by(other.checks.get(n, empty)) for n in names
        }
        return ExerciseSheet(self.exercise, self.key, checks)


@dataclass(frozen=True)
class Question:
    """One call of a sheet, and what a right answer replies to it."""

    check: str
    name: str
    """The name that is called: the exercise's."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any


_WRITER = msgspec.msgpack.Encoder()
_READER = msgspec.msgpack.Decoder(ExerciseSheet)


def packed(sheet: ExerciseSheet) -> bytes:
    """Return a sheet as bytes."""
    return _WRITER.encode(sheet)


def unpacked(content: bytes | None, exercise: str, key: str) -> ExerciseSheet:
    """Return the sheet of an exercise; an empty one where the bytes hold no such sheet."""
    if content is not None:
        try:
            found: ExerciseSheet = _READER.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = ExerciseSheet("", "")
        if (found.exercise, found.key) == (exercise, key):
            return found
    return ExerciseSheet(exercise, key, {})


def questions_of(sheet: ExerciseSheet) -> list[Question]:
    """Return all calls of a sheet, small arguments first, so that the first failure is small.

    Raises:
        WireError: a call or an answer is none.
    """
    calls = [(name, call) for name, check in sheet.checks.items() for call in check.calls or ()]
    calls.sort(key=lambda pair: len(pair[1].payload))
    return [_question(name, call) for name, call in calls]


def _question(check: str, call: KnownCall) -> Question:
    given = Decoder(bytearray(call.payload), _no_handle)
    args = tuple(given.value(node) for node in call.args)
    kwargs = {key: given.value(node) for key, node in call.kwargs.items()}
    answer = Decoder(bytearray(call.right_payload), _no_handle).value(content_read(call.right))
    return Question(check, call.name, args, kwargs, answer)


def examples_of(drawn: Sequence[dict[str, Any]]) -> Examples | None:
    """Return drawn examples as data; None where they would read back otherwise."""
    encoder = Encoder(_no_object, _BOUNDS)
    rows = [encoder.node(example) for example in drawn]
    if encoder.refused or any(_share_numbers(example) for example in drawn):
        return None
    found = Examples(rows, b"".join(encoder.payload.parts))
    try:
        back = found.values()
    except messages.WireError:
        return None
    return found if all(map(_alike, drawn, back)) else None


def _no_object(value: object) -> messages.RefusalNode:
    return messages.RefusalNode(with_article(type(value).__name__))


def _no_handle(node: messages.HandleNode) -> object:
    raise messages.WireError("a sheet holds no objects")


def _alike(one: object, other: object) -> bool:
    """Return whether two values cannot be told apart by a check."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _alike_in_memory(one, other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return [*one] == [*other] and all(map(_alike, one.values(), other.values()))
    return repr(one) == repr(other)  # a NaN equals itself, and -0.0 is not 0.0


def _alike_in_memory(one: Tensor, other: Tensor) -> bool:
    facts = [(t.dtype, t.shape, t.device, t.layout, t.requires_grad) for t in (one, other)]
    if facts[0] != facts[1]:
        return False
    # an axis of length 1 has no stride
    steps = [[s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1] for t in (one, other)]
    raw = [t.contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return (steps[0] == steps[1] or not one.numel()) and torch.equal(raw[0], raw[1])


def _share_numbers(example: object) -> bool:
    """Return whether two tensors of an example are views of the same numbers."""
    places = [t.untyped_storage().data_ptr() for t in _tensors_in(example) if t.numel()]
    return len(places) != len({*places})


def _tensors_in(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors_in(part)
