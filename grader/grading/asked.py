"""The answers of one candidate to everything that the checks of an exercise ask.

They are asked at once, when they are first needed, with the calls that the sheets foresee made
ahead. Digests of these answers tell whether an earlier student gave the same. The checks run on
them only where a record of each answer is needed, or where a sheet foresees too little.

Here: asking, digests, records. Not here: comparing records (`diagnosis.py`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cached_property

from grader.course import Exercise
from grader.errors import GraderError
from grader.grading.check_session import CheckSession
from grader.grading.noted_student import NotedStudent
from grader.kernel.ahead import Waiting
from grader.kernel.student import Student
from grader.kernel.transcript import Transcript

log = logging.getLogger(__name__)


class Asked:
    """What one candidate answers.

    Args:
        session: whose checks ask.
        exercise: what is asked.
        student: makes the student of the candidate anew.
    """

    def __init__(
        self, session: CheckSession, exercise: Exercise, student: Callable[[], Student]
    ) -> None:
        self._session = session
        self._exercise = exercise
        self._make = student
        self._waiting: list[tuple[str, Waiting]] = []
        """Checks whose calls were made ahead, and which have not run on the answers."""
        self._records: list[Transcript] = []
        self._failed: GraderError | None = None

    def seen(self, check: str) -> bytes:
        """Return a digest of the answers to one check; empty where no sheet foresees its calls."""
        return self._seen.get(check, b"")

    @property
    def all_seen(self) -> bytes:
        """A digest of the answers to all checks; empty where sheets foresee too little."""
        each = [self.seen(name) for name in self._session.names(self._exercise)]
        return hashlib.blake2b(b"".join(each), digest_size=16).digest() if all(each) else b""

    @property
    def is_whole(self) -> bool:
        """Whether the records, once they are there, depend on the answers in the digests alone."""
        notes = self._student.notes
        return bool(self.all_seen) and notes.is_whole and not notes.calls

    @cached_property
    def answers(self) -> list[Transcript] | None:
        """The answers, check by check; None for code that hangs or dies before the last."""
        self._seen  # noqa: B018  (asks)
        self._run_waiting()
        if self._failed is not None:
            log.debug("%s: its answers are not all known: %s", self._exercise.name, self._failed)
            return None
        return self._records

    @cached_property
    def _student(self) -> NotedStudent:
        return NotedStudent(self._make())

    @cached_property
    def _seen(self) -> dict[str, bytes]:
        """Digests by check; a check that no sheet foresees runs in its turn, as do all before."""
        found: dict[str, bytes] = {}
        for name in self._session.names(self._exercise):
            try:
                calls = self._session.ask_ahead(self._exercise, name, self._student)
            except GraderError as error:
                self._failed = error
                break
            held = self._student.held()
            found[name] = held.seen(calls)
            self._waiting.append((name, held))
            if not all(found.values()):
                self._run_waiting()
            if self._failed is not None:
                break
        return found

    def _run_waiting(self) -> None:
        """Run the checks whose answers wait, and keep what each asked and got."""
        while self._waiting and self._failed is None:
            name, waiting = self._waiting.pop(0)
            self._student.resume(waiting)
            transcript = self._student.record()
            try:
                self._session.probe_one(self._exercise, name, self._student)
            except GraderError as error:
                self._failed = error
            self._records.append(transcript)
