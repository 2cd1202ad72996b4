"""Decides which function is at fault when one of the student's functions calls another.

One fault, one charge: a layer that calls the student's own wrong `corr2d` is not at fault, because
`corr2d` has been charged. The diagnosis records the answer as it is charged, so a mistake in the
layer itself is named as well.

Here: single calls. Not here: models, which are taken apart (`models.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grader.checks.compare import Mismatch, assert_close
from grader.errors import BadAnswer, StudentRaised
from grader.kernel.observations import Call
from grader.kernel.student import Student


def assert_close_unless(
    student: Student,
    ask: Callable[[], Any],
    expected: Tensor,
    *,
    call: str,
    excused: Callable[[Any], bool],
) -> Call | None:
    """Require an answer close to the expected one, unless another wrong function explains it.

    Args:
        student: the notebook.
        ask: makes the call; returns its value, or the `Call` where its arguments matter too.
        expected: the expected answer.
        call: the call as it would be typed.
        excused: returns whether a wrong answer only follows from an error charged elsewhere.

    Returns:
        The `Call`, where `ask` returned one.

    Raises:
        Mismatch, BadAnswer, StudentRaised: the answer is wrong, and nothing excuses it.
    """
    asked: Any = None
    answer: Any = None
    fault: Exception | None = None
    with student.unrecorded():
        try:
            asked = ask()
            answer = asked.value if isinstance(asked, Call) else asked
            assert_close(answer, expected, call=call)
        except (BadAnswer, StudentRaised) as error:
            fault = error  # an error does not show whose fault it is: asked again with right parts
        except Mismatch as error:
            fault = None if excused(answer) else error
    if fault is None:
        student.note(expected)
        return asked if isinstance(asked, Call) else None
    student.note(fault.kind if isinstance(fault, StudentRaised) else answer)
    raise fault
