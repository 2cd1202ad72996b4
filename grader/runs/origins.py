"""Where the results of a run come from: stored before, or graded now and why.

Here: counting, and the words of the summary. Not here: looking a result up (`gradebook.py`), what
decides one (`grading/inputs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.grading.plan import CHECKS
from grader.records import SubmissionResult
from grader.verdict import Status

NEW = "new"
_REASONS = {
    "submission": "the submission changed",
    "exercises": "other exercises were asked for",
    "grader": "the grader changed",
    "libraries": "the libraries changed",
    "data": "the data changed",
    "isolation": "the isolation changed",
    "limits": "the limits changed",
    "seed": "the seed changed",
    "device": "the device changed",
}
_MOST_NAMED = 3
_BROKEN = "broken before"
ASKED = "graded again on request"
INSTALLED = "a package that was missing is installed"
_ELSEWHERE = "handed in under another name"


@dataclass(frozen=True)
class Origins:
    """How many results of a run were stored before, and why the others were graded."""

    stored: int = 0
    graded: tuple[tuple[str, int], ...] = ()
    """Reasons, in the order in which they came up, and how many submissions each concerns."""
    exercises: tuple[int, int] = (0, 0)
    """Of submissions that are graded in part: exercises that were stored, and that are graded."""
    equal: int = 0
    """Submissions with the content of another one of the run, which is graded for all of them."""

    def with_stored(self) -> Origins:
        """Count one more that was stored."""
        return replace(self, stored=self.stored + 1)

    def with_equal(self) -> Origins:
        """Count one more that has the content of another one."""
        return replace(self, equal=self.equal + 1)

    def with_graded(self, reason: str) -> Origins:
        """Count one more that is graded."""
        counts = dict(self.graded)
        counts[reason] = counts.get(reason, 0) + 1
        return replace(self, graded=tuple(counts.items()))

    def with_exercises(self, stored: int, judged: int) -> Origins:
        """Count the exercises of a submission of which some were stored."""
        return replace(self, exercises=(self.exercises[0] + stored, self.exercises[1] + judged))

    def as_text(self) -> str:
        """Return the sentences for the end of a run."""
        if not self.graded:
            return f"{self.stored} stored before, none graded."
        total = sum(count for _, count in self.graded)
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.graded)
        text = f"{self.stored} stored before, {total} graded: {reasons}."
        if any(self.exercises):
            stored, judged = self.exercises
            text += f" Of these, {stored} exercises were stored before, and {judged} were graded."
        if self.equal:
            have, are = ("has", "is") if self.equal == 1 else ("have", "are")
            text += (
                f" {self.equal} more {have} the content of one of these and {are} graded with it."
            )
        return text

    def graded_again(self) -> str:
        """Return a sentence on what was graded though a result was stored; empty without any."""
        again = [
            (reason, count)
            for reason, count in self.graded
            if reason not in (NEW, ASKED, _ELSEWHERE)
        ]
        if not again:
            return ""
        return f"Graded again: {', '.join(f'{count} {reason}' for reason, count in again)}."


def why_graded(
    inputs: Mapping[str, str], before: SubmissionResult | None, *, otherwise: str = ""
) -> str:
    """Return why a submission is graded, from the inputs of the student's result before it.

    Args:
        inputs: what decides the new result.
        before: the result before it, None without one.
        otherwise: the reason where nothing that decides a result differs; where empty, that the
            work is found at another place.
    """
    if before is None:
        return NEW
    if before.status is Status.BROKEN:
        return _BROKEN
    if not before.inputs:
        return _REASONS["grader"]
    changed = [
        reason for name, reason in _REASONS.items() if inputs.get(name) != before.inputs.get(name)
    ]
    checks = [
        name.removeprefix(CHECKS)
        for name, value in inputs.items()
        if name.startswith(CHECKS) and before.inputs.get(name, value) != value
    ]
    if checks:
        of_all = len(checks) > _MOST_NAMED
        named = f"{len(checks)} exercises" if of_all else " and ".join(checks)
        changed.append(f"the checks of {named} changed")
    return " and ".join(changed) or otherwise or _ELSEWHERE
