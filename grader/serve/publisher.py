"""Writes the reports again after decisions, in a thread, so that no page waits.

Decisions of about one second are written together. `close` waits for reports that are due; after a
kill, the next start of the server writes them.

Not here: what is in a report (`report/`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from grader.errors import GraderError

log = logging.getLogger(__name__)
_PAUSE_S = 1.0


class Publisher:
    """Calls `write` soon after `changed`, never twice at a time."""

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self._condition = threading.Condition()
        self._due = self._ending = False
        self.problem = ""
        """Why the last attempt failed, as a sentence; empty when it did not."""
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Have the reports written soon."""
        with self._condition:
            self._due = True
            self._condition.notify()

    def close(self) -> None:
        """Wait until reports that are due are written, and end the thread."""
        with self._condition:
            self._ending = True
            self._condition.notify()
        self._thread.join()

    def _work(self) -> None:
        ending = False
        while not ending:
            with self._condition:
                self._condition.wait_for(lambda: self._due or self._ending)
                self._condition.wait_for(lambda: self._ending, timeout=_PAUSE_S)
                due, ending = self._due, self._ending
                self._due = False
            if due:
                self._publish()

    def _publish(self) -> None:
        try:
            self._write()
            self.problem = ""
        except GraderError as error:
            self.problem = str(error)
            log.warning("reports are not written: %s", error)
