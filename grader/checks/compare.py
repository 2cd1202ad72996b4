"""Comparisons (equal, close, same shape) whose messages name the call and the wrong place.

A comparison raises `Mismatch`, an AssertionError that keeps the facts, so that a report need not
parse a sentence. Tolerances live here, and each says where its number comes from.

An author may say how the first wrong entry is worked out (`working`), how the shape is
(`shape_working`), and which inputs are images (`images`); all are used only where a comparison
fails.

Here: comparing results with expected ones. Not here: computing expected results, pictures
(`pictures.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from grader.checks.pictures import pictures_of
from grader.errors import BadAnswer
from grader.kernel.describe import describe, number, show
from grader.records import Counterexample

# float32 rounding of sums of up to some thousand terms of size 1 stays below 1e-5 (measured on the
# book's layers); a wrong formula is off by far more than 1e-4. The course's own figure.
TOLERANCE = 1e-4
Working = Callable[[tuple[int, ...]], str]
"""Returns the arithmetic of the entry at an index: `0*1 + 2*3 = 6`."""
_MOST_WORKING = 600
log = logging.getLogger(__name__)


class Mismatch(AssertionError):
    """A result differs from the expected one."""

    def __init__(self, message: str, counterexample: Counterexample) -> None:
        super().__init__(message, counterexample)
        self.message = message
        self.counterexample = counterexample
        self.at: tuple[int, ...] | None = None
        """Index of the first wrong entry; None where the shapes differ."""

    def __str__(self) -> str:
        return self.message


def assert_equal(got: object, expected: Tensor, *, call: str) -> None:
    """Require the same shape and exactly the same numbers; dtypes may differ (A1).

    For inputs of small whole numbers, where every order of summation gives the same bits.

    Args:
        got: the result.
        expected: the expected result.
        call: the call as it would be typed: `corr2d([[0.0, 1.0]], [[1.0]])`.

    Raises:
        BadAnswer: no tensor came back.
        Mismatch: another shape or other numbers.
    """
    _compare(got, expected, call, tolerance=0.0)


def assert_close(
    got: object, expected: Tensor, *, call: str, tolerance: float = TOLERANCE,
    working: Working | None = None, shape_working: str = "",
    images: Mapping[str, Tensor] | None = None,
) -> None:  # fmt: skip
    """Require the same shape, and numbers equal within `tolerance`, relative and absolute.

    Args:
        got: the result.
        expected: the expected result.
        call: the call as it would be typed.
        tolerance: relative and absolute.
        working: returns how the entry at an index is worked out, for the feedback page.
        shape_working: how the shape is worked out, for a result of another one.
        images: inputs that are images, by the name under which the feedback page draws them.

    Raises:
        BadAnswer: no tensor came back.
        Mismatch: another shape or other numbers.
    """
    try:
        _compare(got, expected, call, tolerance=tolerance)
    except Mismatch as error:
        error.counterexample = _explained(error, working, shape_working, images or {})
        raise


def assert_shape(got: object, expected: tuple[int, ...], *, call: str) -> None:
    """Require a tensor of this shape.

    Raises:
        BadAnswer: no tensor came back.
        Mismatch: another shape.
    """
    y = expect_tensor(got, call=call)
    if tuple(y.shape) != tuple(expected):
        raise _wrong_shape(y, tuple(expected), call)


def expect_tensor(got: object, *, call: str) -> Tensor:
    """Return `got` where it is a tensor.

    Raises:
        BadAnswer: it is something else.
    """
    if isinstance(got, Tensor):
        return got
    raise BadAnswer(call, describe(got), "a tensor")


def expect_number(got: object, *, call: str) -> float:
    """Return `got` as a float where it is a number or a tensor of one element.

    Raises:
        BadAnswer: it is something else.
    """
    if isinstance(got, int | float) and not isinstance(got, bool):
        return float(got)
    if isinstance(got, Tensor) and got.numel() == 1:
        return float(got.item())
    raise BadAnswer(call, describe(got), "a number")


def fail(
    message: str, *, call: str, got: object = "", expected: object = "",
    images: Mapping[str, Tensor] | None = None,
) -> None:  # fmt: skip
    """Fail a check with a custom message, and facts and pictures for the feedback page."""
    example = Counterexample(call, _text(got), _text(expected), pictures=pictures_of(images or {}))
    raise Mismatch(message, example)


def _compare(got: object, expected: Tensor, call: str, *, tolerance: float) -> None:
    y = expect_tensor(got, call=call)
    if y.shape != expected.shape:
        raise _wrong_shape(y, tuple(expected.shape), call)
    if y.dtype.is_complex:
        raise BadAnswer(call, describe(y), f"a real tensor {_shape(expected)}")
    a, b = y.detach().to(torch.float64), expected.detach().to(torch.float64)
    # equal infinities are equal; NaN is wrong unless NaN is expected
    right = (a == b) | (a.isnan() & b.isnan())
    if tolerance:  # a relative tolerance of infinity would accept everything
        right |= b.isfinite() & ((a - b).abs() <= tolerance + tolerance * b.abs())
    if bool(right.all()):
        return
    wrong = int((~right).sum())
    first = tuple(int(i) for i in (~right).nonzero()[0])
    where = f"({', '.join(map(str, first))})" if first else "its value"
    is_at, was_due = number(float(a[first])), number(float(b[first]))
    others = f" ({wrong} of {right.numel()} numbers are wrong)" if wrong > 1 else ""
    mismatch = Mismatch(
        f"{call} is wrong at {where}: got {is_at}, expected {was_due}{others}",
        Counterexample(call, show(y), show(expected), where),
    )
    mismatch.at = first
    raise mismatch


def _explained(
    error: Mismatch, working: Working | None, shape_working: str, images: Mapping[str, Tensor]
) -> Counterexample:
    """Return the counterexample with what the check's author adds to it."""
    example = replace(error.counterexample, pictures=pictures_of(images))
    if error.at is None:
        return replace(example, working=shape_working[:_MOST_WORKING])
    if working is None:
        return example
    try:
        return replace(example, working=working(error.at)[:_MOST_WORKING])
    except Exception:  # the verdict stands without the sentence
        log.warning("how an entry is worked out cannot be said: %s", error, exc_info=True)
        return example


def _wrong_shape(y: Tensor, expected: tuple[int, ...], call: str) -> Mismatch:
    return Mismatch(
        f"{call} has the wrong shape: got {_shape(y)}, expected {expected}",
        Counterexample(call, f"shape {_shape(y)}", f"shape {expected}", "its shape"),
    )


def _shape(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape)


def _text(value: object) -> str:
    return value if isinstance(value, str) else show(value)
