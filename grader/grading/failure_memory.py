"""Reuses the reasons of a failure for students who answer everything alike.

The search for the smallest failing example is a function of the answers it gets, and so is the name
of a mistake. A student who gives the same answers to the same calls, byte by byte, is shown what a
search would show: the check runs once more, on the remembered example, and its words come from
that run. Any other answer leads to a search of its own. So nothing that is shown depends on who was
graded before, nor on what is kept.

Here: remembering within a session and between runs. Not here: noting a search (`noted_student.py`),
what is kept as data (`failure_table.py`).
"""

from __future__ import annotations

from typing import Any

from grader.course import Exercise
from grader.grading.failure_table import FailureTable, packed, unpacked
from grader.grading.noted_student import Notes
from grader.grading.sheets import SheetCache
from grader.kernel.student import Student


class FailureMemory:
    """What the failures of a session's exercises have shown.

    Args:
        cache: of earlier runs, and of others at the same time.
    """

    def __init__(self, cache: SheetCache) -> None:
        self._cache = cache
        self._tables: dict[str, FailureTable] = {}
        self._changed: set[str] = set()

    def smallest(
        self, exercise: Exercise, check: str, seen: bytes, student: Student
    ) -> dict[str, Any] | None:
        """Return the example that a search would end with; None where that is not known.

        Args:
            exercise: whose check failed.
            check: its name.
            seen: digest of the student's answers to its questions; empty if unknown.
            student: is asked what an earlier search asked.
        """
        if not seen:
            return None
        content = self._of(exercise).examples.get(check, {}).get(seen.hex())
        if content is None:
            content = self._read_again(exercise).examples.get(check, {}).get(seen.hex())
        known = unpacked(content) if content is not None else None
        if known is None:
            return None
        alike = student.ask_ahead(known.calls)
        student.ask_live()
        return known.value() if alike else None

    def keep_smallest(
        self, exercise: Exercise, check: str, seen: bytes, example: dict[str, Any], notes: Notes
    ) -> None:
        """Keep what a search ended with, if nothing but the answers has led it there."""
        if not seen or not notes.is_whole or not notes.calls:
            return
        content = packed(example, notes.calls)
        if content is not None:
            self._of(exercise).add(check, seen.hex(), content)
            self._changed.add(exercise.name)

    def name(self, exercise: Exercise, seen: bytes) -> tuple[str, str] | None:
        """Return the mistake of the bank, or "", and the behaviour of these answers, if known."""
        if not seen:
            return None
        known = self._of(exercise).names.get(seen.hex())
        return known or self._read_again(exercise).names.get(seen.hex())

    def keep_name(self, exercise: Exercise, seen: bytes, mistake: str, behaviour: str) -> None:
        """Keep which mistake gives these answers, and their behaviour."""
        self._of(exercise).add_name(seen.hex(), (mistake, behaviour))
        self._changed.add(exercise.name)

    def save(self, exercise: Exercise) -> None:
        """Keep for later runs, and for others at the same time, what was new."""
        if exercise.name in self._changed:
            self._changed.remove(exercise.name)
            self._cache.save_failures(self._of(exercise))

    def _of(self, exercise: Exercise) -> FailureTable:
        if exercise.name not in self._tables:
            self._tables[exercise.name] = self._cache.load_failures(exercise.name)
        return self._tables[exercise.name]

    def _read_again(self, exercise: Exercise) -> FailureTable:
        """Return the table with what another worker has kept meanwhile."""
        table = self._of(exercise).completed_by(self._cache.load_failures(exercise.name))
        self._tables[exercise.name] = table
        return table
