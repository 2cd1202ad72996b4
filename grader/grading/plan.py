"""The plan of a run: one record, made by a command, used by every worker.

Here: the options of a run, and the key under which a result is stored. Not here: the grading,
how what decides a result is identified (`inputs.py`).
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from grader.course import Assignment, Exercise, load_assignment
from grader.errors import SandboxUnavailable
from grader.grading.data_files import files_of, in_words
from grader.grading.inputs import (
    checks_of,
    data_identity,
    grader_source,
    judged,
    libraries,
    means_of_isolation,
)
from grader.kernel.gpus import Gpu, describe
from grader.records import DEFAULT_SEED, Limits, Submission
from grader.version import __version__

Isolation = Literal["sandbox", "process"]
CHECKS = "checks of "
"""Begins the name of the input that is the checks of one exercise."""


def new_secret() -> int:
    """Draw a secret, for a run without a gradebook."""
    return secrets.randbits(128)


@dataclass(frozen=True)
class Plan:
    """One run: an assignment, or some exercises of it, and how they are graded."""

    assignment_name: str
    only: tuple[str, ...] = ()
    seed: int = DEFAULT_SEED
    isolation: Isolation = "sandbox"
    data: Path | None = None
    """Folder with files of the course's data sets (`find_data`); None for the stand-ins."""
    limits: Limits | None = None
    """Replaces the assignment's limits, where given."""
    gpus: tuple[Gpu, ...] = ()
    """What notebooks may compute on, each notebook on one of them; none means the CPU."""
    all_cells: bool = field(default=False, compare=False)
    """Whether cells run that the exercises asked for do not need. Verdicts do not depend on it."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Inputs by name as the machines have them that grade, where these are others than this one."""
    cache: Path | None = field(default=None, compare=False)
    """Folder of sheets that outlive the run (`sheet_files.py`). Verdicts do not depend on it."""
    secret: int = field(default_factory=new_secret, repr=False, compare=False)
    """Seed of data that no notebook may know; a gradebook has one. Verdicts do not depend on it,
    so it is no part of a key, and it never enters the sandbox."""

    def with_secret(self, secret: int) -> Plan:
        """Return the same plan with another secret; what was found for it holds for both."""
        made = replace(self, secret=secret)
        vars(made).update({name: found for name, found in vars(self).items() if name != "secret"})
        return made

    @cached_property
    def assignment(self) -> Assignment:
        """The assignment, with only the wanted exercises."""
        found = load_assignment(self.assignment_name)
        return found.only(list(self.only)) if self.only else found

    @cached_property
    def judged(self) -> tuple[Exercise, ...]:
        """The exercises that are judged: those asked for, and those that they build on."""
        return judged(self.assignment)

    @property
    def asks_for_some(self) -> bool:
        """Whether the run asks for some exercises of the assignment only."""
        return len(self.assignment.exercises) < len(self.assignment.every)

    @property
    def spending(self) -> Limits:
        """What a submission may spend."""
        return self.limits or self.assignment.limits

    @property
    def device(self) -> str:
        """The device class, part of every key: `cpu`, or `cuda: NVIDIA H200`."""
        return dict(self.elsewhere).get("device") or describe(self.gpus)

    @property
    def can_fork(self) -> bool:
        """Whether kernels are forked from a warm process here; elsewhere they start cold."""
        return sys.platform == "linux"

    @cached_property
    def _data_in_words(self) -> str:
        return in_words(self.data, self.assignment.course.data)

    def require_walls(self) -> None:
        """Refuse to run notebooks without walls unless `--isolation process` was given.

        On Linux the warm process tests which walls stand, and refuses too.

        Raises:
            SandboxUnavailable: this system has no walls.
        """
        if self.isolation == "sandbox" and not self.can_fork:
            raise SandboxUnavailable(
                f"the sandbox needs Linux, and this is {sys.platform}",
                "Grade on Linux, or give --isolation process, for notebooks you trust.",
            )

    def facts(self) -> dict[str, str]:
        """Return what the reports say about the run."""
        forks = self.can_fork or bool(self.elsewhere)
        return {
            "isolation": self.isolation if forks else "none: a cold process for each",
            "device": self.device,
            "data": self._data_in_words,
            "grader": __version__,
            "seed": str(self.seed),
        }

    def find_inputs(self) -> None:
        """Find what all submissions share of what decides a result; it is found once."""
        assert self._inputs
        assert self._checks

    def inputs(self, submission: Submission) -> dict[str, str]:
        """Return everything that decides a result of this run, by name, and nothing else."""
        asked = {f"{CHECKS}{one.name}": self._checks[one.name] for one in self.assignment.exercises}
        names = ", ".join(one.name for one in self.assignment.exercises)
        return {**self._shared(submission), "exercises": names, **asked}

    def of_machine(self) -> dict[str, str]:
        """Return the inputs in which machines differ, as this one has them."""
        return {
            "libraries": libraries(),
            "isolation": self._isolation_identity,
            "device": describe(self.gpus),
        }

    def exercise_keys(self, submission: Submission) -> dict[str, str]:
        """Return the key of the result of each exercise that is judged, by the exercise's name.

        Neither the student nor another exercise is part of it, except those it builds on.
        """
        shared = [f"{name}\0{value}" for name, value in self._shared(submission).items()]
        return {one.name: _hash(*shared, one.name, self._checks[one.name]) for one in self.judged}

    def sheet_keys(self) -> dict[str, str]:
        """Return the key of the sheet of each exercise that is judged, by the exercise's name."""
        shared = [self._inputs[name] for name in ("grader", "libraries", "data", "seed")]
        return {e.name: _hash("sheet", *shared, e.name, self._checks[e.name]) for e in self.judged}

    def key(self, submission: Submission) -> str:
        """Return the key of a result: hash of its inputs, a dash, hash of student and path.

        A result with equal inputs serves another student as well.
        """
        inputs = (f"{name}\0{value}" for name, value in self.inputs(submission).items())
        return f"{_hash(*inputs)}-{_hash(submission.student, submission.path)[:16]}"

    @property
    def _data_identity(self) -> str:
        if self.data is None:
            return "stand-in"
        return data_identity(files_of(self.data, self.assignment.course.data))

    @property
    def _isolation_identity(self) -> str:
        if self.isolation == "process":  # no walls, whichever could be built
            return f"process, {sys.platform}"
        return f"sandbox, {means_of_isolation()}"

    def _shared(self, submission: Submission) -> dict[str, str]:
        """Return the inputs that all exercises of a submission share."""
        return {"submission": submission.digest, **self._inputs}

    @cached_property
    def _checks(self) -> Mapping[str, str]:
        """A hash of the checks of each exercise; workers receive it computed."""
        return checks_of(self.assignment)

    @cached_property
    def _inputs(self) -> dict[str, str]:
        """The inputs that all submissions share; workers receive them computed."""
        return {
            "grader": f"{__version__} {grader_source()}",
            "data": self._data_identity,
            "limits": msgspec.json.encode(self.spending).decode(),
            "seed": str(self.seed),
            **(dict(self.elsewhere) or self.of_machine()),
        }


def content_of(key: str) -> str:
    """Return the part of a key that hashes the inputs, without the student."""
    return key.partition("-")[0]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
