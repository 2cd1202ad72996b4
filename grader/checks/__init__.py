"""What an exercise is written with: `@check`, strategies, comparisons, known answers."""

from grader.checks.bank import mistake, rewrite
from grader.checks.compare import (
    assert_close,
    assert_equal,
    assert_shape,
    expect_number,
    expect_tensor,
)
from grader.checks.decorator import check
from grader.checks.strategies import floats, sizes, whole_numbers

__all__ = [
    "assert_close",
    "assert_equal",
    "assert_shape",
    "check",
    "expect_number",
    "expect_tensor",
    "floats",
    "mistake",
    "rewrite",
    "sizes",
    "whole_numbers",
]
