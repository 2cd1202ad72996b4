"""Where the results of a run come from: stored before, or graded now and why.

Here: counting, and the words of the summary. Not here: looking a result up (`gradebook.py`), what
decides one (`grading/inputs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.records import SubmissionResult
from grader.verdict import Status

NEW = "new"
_REASONS = {
    "submission": "the submission changed",
    "checks": "the checks changed",
    "exercises": "other exercises were asked for",
    "grader": "the grader changed",
    "libraries": "the libraries changed",
    "data": "the data changed",
    "isolation": "the isolation changed",
    "limits": "the limits changed",
    "seed": "the seed changed",
    "device": "the device changed",
}
_BROKEN = "broken before"
_ASKED = "graded again on request"


@dataclass(frozen=True)
class Origins:
    """How many results of a run were stored before, and why the others were graded."""

    stored: int = 0
    graded: tuple[tuple[str, int], ...] = ()
    """Reasons, in the order in which they came up, and how many submissions each concerns."""

    def with_stored(self) -> Origins:
        """Count one more that was stored."""
        return replace(self, stored=self.stored + 1)

    def with_graded(self, reason: str) -> Origins:
        """Count one more that is graded."""
        counts = dict(self.graded)
        counts[reason] = counts.get(reason, 0) + 1
        return replace(self, graded=tuple(counts.items()))

    def as_text(self) -> str:
        """Return the sentence for the end of a run."""
        if not self.graded:
            return f"{self.stored} stored before, none graded."
        total = sum(count for _, count in self.graded)
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.graded)
        return f"{self.stored} stored before, {total} graded: {reasons}."

    def graded_again(self) -> str:
        """Return a sentence on what was graded though a result was stored; empty without any."""
        again = [(reason, count) for reason, count in self.graded if reason not in (NEW, _ASKED)]
        if not again:
            return ""
        return f"Graded again: {', '.join(f'{count} {reason}' for reason, count in again)}."


def why_graded(inputs: Mapping[str, str], before: SubmissionResult | None) -> str:
    """Return why a submission is graded, from the inputs of the student's result before it."""
    if before is None:
        return NEW
    if before.status is Status.BROKEN:
        return _BROKEN
    if not before.inputs:
        return _REASONS["grader"]
    changed = [
        reason for name, reason in _REASONS.items() if inputs.get(name) != before.inputs.get(name)
    ]
    return " and ".join(changed) or _ASKED
