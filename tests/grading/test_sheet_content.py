"""What a sheet keeps reads back as it was drawn, or is not kept."""

from __future__ import annotations

import collections
from fractions import Fraction

import numpy as np
import pytest
import torch

from grader.grading.sheet_content import (
    CheckSheet,
    ExerciseSheet,
    examples_of,
    packed,
    questions_of,
    unpacked,
)
from grader.kernel.ahead import KnownCall, content_of
from grader.kernel.connection import encode
from grader.wire import messages
from grader.wire.codec import Encoder

KEPT = {
    "tensors": {"pair": (torch.rand(2, 3), torch.ones(1, dtype=torch.int64))},
    "a transpose": {"x": torch.rand(2, 3).t()},
    "numbers": {"n": 3, "f": -0.0, "nan": float("nan"), "b": True, "none": None},
    "text": {"mode": "avg", "names": ["a", "ü"]},
    "a mapping": {"sizes": {"h": 1, "w": 2}},
    "an empty tensor": {"x": torch.zeros(0, 3)},
    "one number": {"x": torch.tensor(float("nan"))},
}
_SHARED = torch.rand(4)
DRAWN_AGAIN = {
    "a size": {"x": torch.rand(2, 3).shape},
    "a view with steps": {"x": torch.rand(4, 6)[:, ::2]},
    "views of one tensor": {"x": _SHARED[:2], "y": _SHARED[2:]},
    "a parameter": {"x": torch.nn.Parameter(torch.rand(2))},
    "a complex tensor": {"x": torch.rand(2, dtype=torch.complex64)},
    "an array": {"x": np.ones(2)},
    "a NumPy number": {"x": np.float64(1.0)},
    "a fraction": {"x": Fraction(1, 2)},
    "a named tuple": {"x": collections.namedtuple("P", "a b")(1, 2)},
    "a function": {"x": len},
    "a set": {"x": {1}},
    "a large integer": {"x": 2**70},
}


@pytest.mark.parametrize("example", KEPT.values(), ids=KEPT)
def test_plain_examples_are_kept(example):
    found = examples_of([example, example])
    assert found is not None
    assert repr(found.values()) == repr([example, example])


@pytest.mark.parametrize("example", DRAWN_AGAIN.values(), ids=DRAWN_AGAIN)
def test_an_example_that_would_read_back_otherwise_is_drawn_in_each_run(example):
    assert examples_of([{"x": 1}, example]) is None


def known(check, *args, answer):
    request = messages.Request(1, "call")
    parts = encode(request, args, {})
    encoder = Encoder(lambda value: messages.RefusalNode("no"))
    reply = messages.Reply(1, encoder.node(answer))
    payload = b"".join(parts[1:])
    return KnownCall(
        check, request.args, {}, payload, content_of(reply), b"".join(encoder.payload.parts)
    )


def test_a_sheet_is_read_as_calls_with_answers_small_ones_first():
    large, small = torch.arange(6.0).reshape(2, 3), torch.ones(1)
    calls = (known("twice", large, answer=2 * large), known("twice", small, answer=2 * small))
    sheet = ExerciseSheet("twice", "k", {"test_twice": CheckSheet(None, calls)})
    first, second = questions_of(unpacked(packed(sheet), "twice", "k"))
    assert (first.check, first.name, first.kwargs) == ("test_twice", "twice", {})
    for question, x in ((first, small), (second, large)):
        assert torch.equal(question.args[0], x)
        assert torch.equal(question.answer, 2 * x)


@pytest.mark.parametrize("content", [None, b"", b"\x00", packed(ExerciseSheet("pool2d", "k", {}))])
def test_bytes_of_no_such_sheet_are_an_empty_one(content):
    assert unpacked(content, "corr2d", "k") == ExerciseSheet("corr2d", "k", {})
