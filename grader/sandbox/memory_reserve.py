"""Keeps memory free for the kernel itself: a cell may fill what it has, never the last part.

A cell that fills its memory leaves nothing to report the error with, to run the next cell or to
answer the grader's questions. So while a cell runs, the soft limit on the process lies below the
hard one; once it fails or ends, the soft limit is the hard one again. A cell that finds the memory
full gets a part of the reserve, so that a definition after the fault still counts.

Here: the two limits of one process, and what a failed cell holds. Not here: the hard limit
(`policy.py`), what a tree of processes uses (`kernel/watchdog.py`). Not covered: code that raises
its own soft limit, and memory that the call of a question fills; both spend the reserve, and lose
no more than their own answers.
"""

from __future__ import annotations

import mmap
import resource
import traceback
from contextlib import suppress
from typing import Any

from grader.sandbox.policy import RESERVE_BYTES

_SHARE_OF_A_CELL = RESERVE_BYTES // 8
_LAST_BYTES = RESERVE_BYTES // 4
"""What no cell gets."""
_MOST_CAUSES = 20


def keep(shell: Any) -> None:
    """Keep a reserve while cells run in an IPython shell, and free what a failed cell held.

    Without a limit on memory there is no reserve.
    """
    shell.events.register("post_run_cell", _let_go_of_error)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY:
        return
    show = shell.showtraceback

    def show_with_reserve(*args: Any, **kwargs: Any) -> Any:
        _limit_to(hard)
        return show(*args, **kwargs)

    def before_cell(_info: object) -> None:
        for kept in range(RESERVE_BYTES, _LAST_BYTES - 1, -_SHARE_OF_A_CELL):
            _limit_to(hard - kept)
            if _is_free(_SHARE_OF_A_CELL):
                return

    shell.showtraceback = show_with_reserve
    # neither event fires for a silent cell, which is how the grader's questions begin
    shell.events.register("pre_run_cell", before_cell)
    shell.events.register("post_run_cell", lambda _result: _limit_to(hard))


def _let_go_of_error(result: Any) -> None:
    """Clear the frames of an error that has been shown, which would keep their memory in use.

    A shell keeps its last error for a debugger, and with it, say, a gigabyte that was printed.
    """
    error = result.error_in_exec
    for _ in range(_MOST_CAUSES):
        if error is None:
            return
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _is_free(size: int) -> bool:
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def _limit_to(soft: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (max(0, min(soft, hard)), hard))
