"""The warm parent of a plan: started before torch is loaded here, with what notebooks need.

Here: which modules it imports, and whether it is forked from a process that has imported them. Not
here: the processes themselves (`kernel/processes.py`, `kernel/pristine.py`); this module loads no
torch, so that both sides can load it at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grader.grading.plan import Plan
from grader.kernel.pristine import Forks, Pristine
from grader.kernel.processes import WarmParent
from grader.reading.submissions import load
from grader.records import Cell, Submission

_NEEDED_FOR = {"torch._dynamo": re.compile(r"\b(optim|compile)\b")}
"""Modules that take a second to load, and the text of a notebook that makes torch load them."""
_MOST_READ = 20
"""A class of more is long enough for everything to be loaded in advance."""


@dataclass(frozen=True)
class WorksFor:
    """A process, with all it starts, works for the one that sends this, and is no descendant."""

    pid: int


class _Inherited:
    forks: Forks | None = None


def use(forks: Forks | None) -> None:
    """Let the warm parents of this process, and of those forked from it, come from there."""
    _Inherited.forks = forks


def pristine(plan: Plan, submissions: Sequence[Submission]) -> Pristine:
    """Start the process that the warm parents of all workers are forked from."""
    return Pristine(
        environment=plan.assignment.course.environment, gpus=plan.gpus,
        left_out=unneeded_by_all(plan, submissions),
    )  # fmt: skip


def warm_parent(plan: Plan, submission: Submission | None = None) -> WarmParent:
    """Start the warm parent of a plan in the background.

    Args:
        plan: the course, the walls, the data and the GPUs.
        submission: the only one that is graded: slow modules that it does not use are left out.
            Its kernels can still import them.
    """
    forks = _Inherited.forks
    left_out: tuple[str, ...] = forks.left_out if forks is not None else ()
    if submission is not None:
        left_out = unneeded(_cells_of(submission))
    return WarmParent(
        environment=plan.assignment.course.environment, isolate=plan.isolation == "sandbox",
        data=plan.data, gpus=plan.gpus, left_out=left_out, forks=forks,
    )  # fmt: skip


def wait_for(warm: WarmParent | None, tell: Callable[[object], None]) -> None:
    """Wait until a warm parent is ready; tell of one that is no descendant of this process."""
    if warm is None:
        return
    warm.wait()
    if warm.is_forked:
        tell(WorksFor(warm.pid))


def unneeded(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the slow modules that no code cell of a notebook makes torch load."""
    text = "\n".join(cell.source for cell in cells if cell.kind == "code")
    return tuple(name for name, used in _NEEDED_FOR.items() if not used.search(text))


def unneeded_by_all(plan: Plan, submissions: Sequence[Submission]) -> tuple[str, ...]:
    """Return the slow modules that no notebook of a small class uses, by itself or by a library.

    What one kernel imports, the next imports again: with a library of the course, all is loaded.
    """
    if len(submissions) > _MOST_READ:
        return ()
    cells = [cell for one in submissions for cell in _cells_of(one)]
    brought = {name.partition(".")[0] for name in plan.assignment.course.environment.preload}
    libraries = re.compile(rf"\b({'|'.join(map(re.escape, sorted(brought)))})\b")
    if brought and any(libraries.search(one.source) for one in cells if one.kind == "code"):
        return ()
    return unneeded(cells)


def _cells_of(submission: Submission) -> list[Cell]:
    return [cell for one in load(submission).notebooks for cell in one.cells]
