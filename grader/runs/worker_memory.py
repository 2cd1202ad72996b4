"""What a worker's memory returns to between two submissions.

Networks of a check and errors with their tracebacks refer to each other in circles, hundreds of MB
that Python would find at some later time, on top of what the next submission needs; and the C
library keeps freed memory for later.

Here: giving memory back, from inside the worker. Not here: how much a worker may hold
(`worker_bounds.py`, `scheduling.py`).
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def settle() -> None:
    """Set apart everything that is loaded once, so that later collections are short.

    They take 0.02 s then, where one over all objects of torch and the checks takes 0.3 s.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect what one submission has left, and return freed memory to the system."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # a function of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
