"""What is to be graded and how: one record, made by a command, used by every worker.

Here: the options of a run, and the key under which a result is stored. Not here: the grading,
how what decides a result is identified (`inputs.py`).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from grader import __version__
from grader.course import Assignment, load_assignment
from grader.errors import SandboxUnavailable
from grader.grading.inputs import (
    data_identity,
    grader_source,
    libraries,
    means_of_isolation,
)
from grader.kernel.gpus import Gpu, describe
from grader.records import DEFAULT_SEED, Limits, Submission

Isolation = Literal["sandbox", "process"]
_IDX_FILES = {"images-idx3-ubyte": 3, "labels-idx1-ubyte": 1}
"""The files of a split, and how many axes their arrays have."""


@dataclass(frozen=True)
class Plan:
    """One run: an assignment, or some exercises of it, and how they are graded."""

    assignment_name: str
    only: tuple[str, ...] = ()
    seed: int = DEFAULT_SEED
    isolation: Isolation = "sandbox"
    data: Path | None = None
    """Folder with Fashion-MNIST's files (`find_data`), None for the drawn stand-in."""
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

    def require_walls(self) -> None:
        """Refuse to run notebooks without walls unless that was asked for.

        On Linux the warm process finds out which walls stand, and refuses too.

        Raises:
            SandboxUnavailable: this system has no walls at all.
        """
        if self.isolation == "sandbox" and not self.can_fork:
            raise SandboxUnavailable(
                f"the sandbox is built from Linux's own means, and this is {sys.platform}",
                "Grade on Linux, or give --isolation process, for notebooks you trust.",
            )

    def facts(self) -> dict[str, str]:
        """Return what the reports say about the run."""
        return {
            "isolation": self.isolation if self.can_fork else "none: a cold process for each",
            "device": self.device,
            "data": "Fashion-MNIST" if self.data else "drawn stand-in for Fashion-MNIST",
            "grader": __version__,
            "seed": str(self.seed),
        }

    def inputs(self, submission: Submission) -> dict[str, str]:
        """Return everything that decides a result of this run, by name, and nothing else."""
        return {"submission": submission.digest, **self._inputs}

    def key(self, submission: Submission) -> str:
        """Return the key of a result: what it depends on, hashed, a dash, whose it is, hashed.

        Whose it is decides no result: one of equal inputs serves another student as well.
        """
        inputs = (f"{name}\0{value}" for name, value in self.inputs(submission).items())
        return f"{_hash(*inputs)}-{_hash(submission.student, submission.path)[:16]}"

    @cached_property
    def _inputs(self) -> dict[str, str]:
        """What is the same for all submissions; a worker is sent it, and works out nothing anew."""
        return {
            "checks": self.assignment.digest,
            "exercises": ", ".join(exercise.name for exercise in self.assignment.exercises),
            "grader": f"{__version__} {grader_source()}",
            "libraries": libraries(),
            "data": data_identity(_data_files(self.data)) if self.data else "stand-in",
            "isolation": f"{self.isolation}, {means_of_isolation()}",
            "limits": msgspec.json.encode(self.spending).decode(),
            "seed": str(self.seed),
            "device": self.device,
        }


def content_of(key: str) -> str:
    """Return the part of a key that says what the result depends on, and not whose it is."""
    return key.partition("-")[0]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def find_data(wanted: Path | None) -> Path | None:
    """Return the folder that holds Fashion-MNIST's files: the wanted one, or a usual place.

    The files lie in its `FashionMNIST/raw`; of a wanted folder also in its `raw`, or in itself.
    Nothing is downloaded; None where there are no files, or what there is cannot be read.
    """
    places = [wanted] if wanted else [Path("data"), Path("../data"), Path.home() / "data"]
    for place in places:
        for raw in _folders(place)[: None if wanted else 1]:
            if all(_is_there(raw, part) for part in ("train", "t10k")):
                return place.resolve()
    return None


def _folders(place: Path) -> list[Path]:
    """Return the folders in which the files of a place may lie."""
    return [place / "FashionMNIST" / "raw", place / "raw", place]


def _data_files(place: Path) -> list[Path]:
    """Return the files that a place holds, of the first of its folders that has any."""
    for raw in _folders(place):
        found = [
            path
            for part in ("train", "t10k")
            for name in _IDX_FILES
            for path in (raw / f"{part}-{name}", raw / f"{part}-{name}.gz")
            if path.is_file()
        ]
        if found:
            return found
    return []


def _is_there(raw: Path, part: str) -> bool:
    """Say whether both files of a split can be read, by their headers: nothing else is looked at.

    A pointer of Git LFS, or a download that broke off, would be an error in every notebook.
    """
    counts: list[int] = []
    for name, axes in _IDX_FILES.items():
        path = raw / f"{part}-{name}"
        try:
            packed = not path.is_file()
            with gzip.open(f"{path}.gz") if packed else path.open("rb") as file:
                head = file.read(4 + 4 * axes)
            size = None if packed else path.stat().st_size
        except (OSError, EOFError):
            return False
        if len(head) != 4 + 4 * axes or head[:4] != bytes([0, 0, 8, axes]):
            return False
        shape = struct.unpack(f">{axes}I", head[4:])
        if size is not None and size != len(head) + math.prod(shape):
            return False
        counts.append(shape[0])
    return counts[0] == counts[1] > 0
