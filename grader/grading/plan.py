"""What is to be graded and how: one record, made by a command, used by every worker.

Here: the options of a run, and the key under which a result is stored. Not here: the grading.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from grader.course import Assignment, load_assignment
from grader.grading.data_files import in_words
from grader.kernel.gpus import Gpu, describe
from grader.records import DEFAULT_SEED, Limits, Submission
from grader.version import __version__

Isolation = Literal["sandbox", "process"]


@dataclass(frozen=True)
class Plan:
    """One run: an assignment, or some exercises of it, and how they are graded."""

    assignment_name: str
    only: tuple[str, ...] = ()
    seed: int = DEFAULT_SEED
    isolation: Isolation = "sandbox"
    data: Path | None = None
    """Folder with files of the course's data sets (`find_data`), None for what stands in."""
    limits: Limits | None = None
    """In place of the assignment's, where given."""
    gpus: tuple[Gpu, ...] = ()
    """What notebooks may compute on, each notebook on one of them; none means the CPU."""

    @cached_property
    def assignment(self) -> Assignment:
        """The assignment, with only the wanted exercises."""
        found = load_assignment(self.assignment_name)
        return found.only(list(self.only)) if self.only else found

    @property
    def spending(self) -> Limits:
        """What a submission may spend."""
        return self.limits or self.assignment.limits

    @property
    def device(self) -> str:
        """The device class, part of every key: `cpu`, or `cuda: NVIDIA H200`."""
        return describe(self.gpus)

    @property
    def can_fork(self) -> bool:
        """Whether kernels are forked from a warm process here; elsewhere they start cold."""
        return sys.platform == "linux"

    @cached_property
    def _data_in_words(self) -> str:
        return in_words(self.data, self.assignment.course.data)

    def facts(self) -> dict[str, str]:
        """Return what the reports say about the run."""
        return {
            "isolation": self.isolation if self.can_fork else "none: a cold process for each",
            "device": self.device,
            "data": self._data_in_words,
            "grader": __version__,
            "seed": str(self.seed),
        }

    def key(self, submission: Submission) -> str:
        """Return what a result of this run depends on, hashed."""
        parts = (
            submission.student, submission.path, submission.digest, self.assignment.digest,
            *(exercise.name for exercise in self.assignment.exercises),
            msgspec.json.encode(self.spending).decode(), *self.facts().values(),
            platform.machine(), ".".join(map(str, sys.version_info[:2])),
        )  # fmt: skip
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
