"""Makes what options of magics bind: the output that `%%capture out` took, a measured time.

The text of cells is rewritten by `magics.py`; here are the two functions that it calls.
"""

from __future__ import annotations

import builtins
import io
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout

from IPython.core.magics.execution import TimeitResult
from IPython.utils.capture import CapturedIO

from grader.guest.magics import CAPTURED, TIMED

_open = ExitStack()
_running = False


def install() -> None:
    """Let rewritten cells find both functions."""
    setattr(builtins, CAPTURED, _captured)
    setattr(builtins, TIMED, _timed)


def begin() -> None:
    """Note that a cell of the notebook is about to run."""
    global _running  # noqa: PLW0603  (one notebook a process)
    end()
    _running = True


def end() -> None:
    """End what the running cell captures."""
    global _running  # noqa: PLW0603
    _running = False
    _open.close()


def _captured() -> CapturedIO:
    """Capture what the rest of the cell prints; nothing where a cell runs again."""
    out, err = io.StringIO(), io.StringIO()
    if _running:
        _open.enter_context(redirect_stdout(out))
        _open.enter_context(redirect_stderr(err))
    return CapturedIO(out, err, [])


def _timed(run: Callable[[], object]) -> TimeitResult:
    """Run an expression once and return its time as `%timeit -o` does."""
    started = time.perf_counter()
    run()
    seconds = max(time.perf_counter() - started, sys.float_info.epsilon)
    return TimeitResult(1, 1, seconds, seconds, [seconds], 0.0, 3)  # type: ignore[no-untyped-call]
