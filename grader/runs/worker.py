"""The body of a worker: a trusted process that grades what arrives by its pipe, and its end.

Here: what runs in the worker. Not here: starting, replacing and ending workers (`scheduling.py`),
the process they are forked from (`worker_source.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from grader.errors import GraderError, KernelLost, SandboxUnavailable, traceback_of
from grader.grading.plan import Plan
from grader.grading.warm import warm_parent
from grader.grading.write_offs import WriteOff
from grader.records import Submission
from grader.runs import logs, worker_memory
from grader.runs.deferred_signals import leave_to_parent
from grader.runs.worker_bounds import MOST_DATA_BYTES

if TYPE_CHECKING:
    from grader.grading.loaded import Loaded


class Inherited:
    """What a worker has from the process that it was forked from."""

    loaded: Loaded | None = None


def receive(pipe: Connection) -> object:
    """Return the next message of a pipe; None where its other end is closed."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def work(plan: Plan, pipe: Connection) -> None:
    """Grade what arrives until the pipe is closed: the body of a worker."""
    leave_to_parent()
    logs.configure_worker()
    end_with_parent()
    _limit_memory()
    try:
        _grade_from(plan, pipe)
    except ConnectionError:
        return  # the main process, which would store the result, is gone
    except GraderError as error:
        with suppress(OSError):
            pipe.send(crossing(error))
    except OSError as error:  # a scratch folder that cannot be made, a limit on processes
        lost = KernelLost(f"{error.strerror} ({error.filename or 'no file'})")
        with suppress(OSError):
            pipe.send(noted(lost, error))
    except Exception as error:  # an internal error: its traceback is stored with the submission
        with suppress(OSError):
            pipe.send(noted(KernelLost(f"{type(error).__name__}: {error}"), error))


def _grade_from(plan: Plan, pipe: Connection) -> None:
    plan.require_walls()
    warm = warm_parent(plan) if plan.can_fork else None
    try:
        # a worker that was not forked loads torch here, at the same time as its warm process
        from grader.grading.grader import Grader  # noqa: PLC0415

        with Grader(plan, tell=pipe.send, warm=warm, loaded=Inherited.loaded) as grader:
            worker_memory.settle()
            pipe.send("ready")
            while isinstance(order := receive(pipe), Submission | WriteOff):
                if isinstance(order, WriteOff):
                    pipe.send(grader.write_off(order))
                else:
                    pipe.send(grader.grade(order))
                worker_memory.give_back()
    finally:
        if warm is not None:
            warm.close()


def end_with_parent() -> None:
    """End this process with the main process, even on SIGKILL and within a submission."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        from grader.sandbox.linux import die_with_parent  # noqa: PLC0415  (no other system has it)

        die_with_parent()
        if os.getppid() != parent.pid:  # it ended before we asked
            os._exit(1)
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory() -> None:
    """Bound what this process may ask for; its children set limits of their own."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (Windows has none)

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = MOST_DATA_BYTES if hard == resource.RLIM_INFINITY else min(MOST_DATA_BYTES, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def crossing(error: GraderError) -> GraderError:
    """Return an error as it can be sent: those with arguments of their own know how."""
    sent = error if isinstance(error, SandboxUnavailable) else type(error)(str(error))
    return noted(sent, error)


def noted(sent: GraderError, error: BaseException) -> GraderError:
    """Attach a traceback to an error that crosses to the main process, which pickles notes too."""
    sent.add_note(traceback_of(error))
    return sent
