"""Whose fault a wrong answer is, where one function of a student's is built on another.

One fault, one charge: a layer that calls the student's own wrong `corr2d` is right as far as it
goes, and `corr2d` has paid already. What goes into the record for the diagnosis is the answer as
it is charged, so a mistake of the layer's own is named beside the other.

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
    """Demand an answer close to what was due, unless another wrong function explains it.

    Args:
        student: the notebook.
        ask: makes the call; returns its value, or the `Call` where its arguments matter too.
        expected: what was due.
        call: the call as a person would type it.
        excused: says of a wrong answer whether it only follows what is charged elsewhere.

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
            fault = error  # a call that raised shows nothing: it is asked again with right parts
        except Mismatch as error:
            fault = None if excused(answer) else error
    if fault is None:
        student.note(expected)
        return asked if isinstance(asked, Call) else None
    student.note(fault.kind if isinstance(fault, StudentRaised) else answer)
    raise fault
