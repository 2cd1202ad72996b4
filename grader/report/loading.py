"""Loads what reports are made with while submissions are graded, so that none waits at the end.

pandas and the templates take half a second. At the beginning of a run the workers wait for torch
and need every processor; at its end nothing else is left to do.

Here: when they are loaded. Not here: the reports (`writers.py`), their pages (`pages.py`).
"""

from __future__ import annotations

import functools
import threading
from contextlib import suppress


@functools.cache
def load_in_the_background() -> threading.Thread:
    """Begin to load in a thread; further calls return the same thread.

    A library that cannot be imported is reported when the reports are written.
    """
    thread = threading.Thread(target=_load, name="load reports", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    with suppress(Exception):  # the reports import the same again, and raise
        from grader.report import pages, writers  # noqa: F401, PLC0415  (this takes the time)

        pages.read_templates()
