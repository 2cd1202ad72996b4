"""The warm parent of a plan: started before torch is loaded here, with what notebooks need.

Here: which modules it imports. Not here: the process itself (`kernel/processes.py`); this module
loads no torch, so that both processes can load it at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.grading.plan import Plan
from grader.kernel.processes import WarmParent
from grader.reading.submissions import load
from grader.records import Cell, Submission

_NEEDED_FOR = {"torch._dynamo": re.compile(r"\b(optim|compile)\b")}
"""Modules that take a second to load, and the text of a notebook that makes torch load them."""


def warm_parent(plan: Plan, submission: Submission | None = None) -> WarmParent:
    """Start the warm parent of a plan in the background.

    Args:
        plan: the course, the walls, the data and the GPUs.
        submission: the only one that is graded: slow modules that it does not use are left out.
            Its kernels can still import them.
    """
    left_out: tuple[str, ...] = ()
    if submission is not None:
        read = load(submission)
        left_out = unneeded([cell for one in read.notebooks for cell in one.cells])
    return WarmParent(
        environment=plan.assignment.course.environment, isolate=plan.isolation == "sandbox",
        data=plan.data, gpus=plan.gpus, left_out=left_out,
    )  # fmt: skip


def unneeded(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the slow modules that no code cell of a notebook makes torch load."""
    text = "\n".join(cell.source for cell in cells if cell.kind == "code")
    return tuple(name for name, used in _NEEDED_FOR.items() if not used.search(text))
