"""What a grader of a plan loads once: the checks, collected, and what is read of the assignment.

It takes seconds, most of them for torch and pytest, and no part of it belongs to one notebook. A
process that has loaded it can be forked into many workers.

Here: loading. Not here: using it (`grader.py`), forking (`runs/worker_source.py`).
"""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Self

from grader.grading.check_session import CheckSession
from grader.grading.diagnosis import Diagnosis
from grader.grading.handout import read_handout
from grader.grading.plan import Plan
from grader.grading.right_parts import read_parts
from grader.grading.sheets import cache_of


class Loaded:
    """The checks of a plan and what is read of its assignment, in a `with` block.

    Raises:
        CourseError: the assignment's checks cannot be used.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        plan, assignment = self._plan, self._plan.assignment
        session = CheckSession(
            plan.judged, course=assignment.course, seed=plan.seed, cache=cache_of(plan)
        )
        self.session = self._stack.enter_context(session)
        self.diagnosis = Diagnosis(self.session)
        self.parts = read_parts(assignment)
        self.handout = read_handout(assignment)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def points(self) -> dict[str, Fraction]:
        """Return what each exercise that was asked for is worth, by its name."""
        asked = self._plan.assignment.exercises
        rubrics = {one.name: self.session.rubric(one) for one in asked}
        return {
            name: sum((points for *_, points in rubric), Fraction(0))
            for name, rubric in rubrics.items()
        }
