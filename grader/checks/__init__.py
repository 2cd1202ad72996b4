'''Everything exercises need: import it from here, and right answers from `reference`.

A folder `exercises/<assignment>/<exercise>/` holds `exercise.toml`, the checks in
`test_<exercise>.py` and the known answers in `bank.py`. A check is a test function of pytest that
asks the notebook (`student`) and compares its answer with the expected one:

    import torch
    from hypothesis import given

    from grader.checks import assert_close, check, show, sizes, whole_numbers
    from reference import scale


    @check(points=2, feedback="Try it on [[1.0]]: every number is multiplied by the factor.")
    @given(whole_numbers((2, 3)), sizes(4))
    def test_small_matrices(student, x, factor):
        """A 2x3 matrix and a factor from 1 to 4."""
        y = student.scale(x, factor)
        assert_close(y, scale(x, factor), call=f"scale({show(x)}, {factor})")

The docstring is the claim that the student reads. A failing example is shrunk to the smallest one.
Errors of the student's code (`StudentError`) need no handling: they fail the check with a message.

Contents, by use:

    declaring a check        check
    drawing inputs           sizes, whole_numbers, floats
    asking the notebook      Student, Handle (an object that stays inside), Call, Layer, Outline,
                             Captured (a value that a cell bound)
    comparing                assert_equal, assert_close, assert_shape, expect_tensor, expect_number
    failing in your words    fail, Mismatch; show, show_argument, describe, call_text for the values
    models                   make, outlined, expect_module, numbered, transplant, outline_of,
                             assert_outline, assert_result_shape,
                             assert_same_values, assert_same_results, assert_gradients, logits_in
    trainings                ModelKind, assert_trains, assert_follows_the_gradient, assert_learns
    what is trained          TrainingTask (the protocol), ImageClassification, Split
    reading the notebook     parse_python, for the text of `student.sources()`
    errors of student code   StudentError and its kinds: BadAnswer, NameNotDefined, NothingTrained,
                             StudentRaised, CallTimedOut, KernelDied, OutOfMemory
    errors of the course     CourseError
    known answers (bank.py)  rewrite (a right one), mistake (a wrong one)

`help(grader.checks.assert_close)` describes one of them. The modules below this package are
internal: they move, the names here stay.
'''

from grader.checks.bank import mistake, rewrite
from grader.checks.compare import (
    Mismatch,
    assert_close,
    assert_equal,
    assert_shape,
    expect_number,
    expect_tensor,
    fail,
)
from grader.checks.decorator import check
from grader.checks.making import expect_module, make, outlined
from grader.checks.models import (
    assert_gradients,
    assert_outline,
    assert_result_shape,
    assert_same_results,
    assert_same_values,
    numbered,
    outline_of,
    transplant,
)
from grader.checks.strategies import floats, sizes, whole_numbers
from grader.checks.training.claims import (
    ModelKind,
    assert_follows_the_gradient,
    assert_learns,
    assert_trains,
)
from grader.checks.training.image_classification import ImageClassification
from grader.checks.training.protocol import Split, TrainingTask
from grader.errors import (
    BadAnswer,
    CallTimedOut,
    CourseError,
    KernelDied,
    NameNotDefined,
    NothingTrained,
    OutOfMemory,
    StudentError,
    StudentRaised,
)
from grader.guest.layers import logits_in
from grader.kernel.describe import call_text, describe, show, show_argument
from grader.kernel.handle import Handle
from grader.kernel.observations import Call, Captured, Layer, Outline
from grader.kernel.student import Student
from grader.text import parse_python

__all__ = [
    "BadAnswer",
    "Call",
    "CallTimedOut",
    "Captured",
    "CourseError",
    "Handle",
    "ImageClassification",
    "KernelDied",
    "Layer",
    "Mismatch",
    "ModelKind",
    "NameNotDefined",
    "NothingTrained",
    "OutOfMemory",
    "Outline",
    "Split",
    "Student",
    "StudentError",
    "StudentRaised",
    "TrainingTask",
    "assert_close",
    "assert_equal",
    "assert_follows_the_gradient",
    "assert_gradients",
    "assert_learns",
    "assert_outline",
    "assert_result_shape",
    "assert_same_results",
    "assert_same_values",
    "assert_shape",
    "assert_trains",
    "call_text",
    "check",
    "describe",
    "expect_module",
    "expect_number",
    "expect_tensor",
    "fail",
    "floats",
    "logits_in",
    "make",
    "mistake",
    "numbered",
    "outline_of",
    "outlined",
    "parse_python",
    "rewrite",
    "show",
    "show_argument",
    "sizes",
    "transplant",
    "whole_numbers",
]
