"""What is to be graded and how: one record, made by a command, used by every worker.

Here: the options of a run, and the key under which a result is stored. Not here: the grading.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import platform
import struct
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from grader import __version__
from grader.course import Assignment, load_assignment
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

    def facts(self) -> dict[str, str]:
        """Return what the reports say about the run."""
        return {
            "isolation": self.isolation if self.can_fork else "none: a cold process for each",
            "device": self.device,
            "data": "Fashion-MNIST" if self.data else "drawn stand-in for Fashion-MNIST",
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


def find_data(wanted: Path | None) -> Path | None:
    """Return the folder that holds Fashion-MNIST's files: the wanted one, or a usual place.

    The files lie in its `FashionMNIST/raw`; of a wanted folder also in its `raw`, or in itself.
    Nothing is downloaded; None where there are no files, or what there is cannot be read.
    """
    places = [wanted] if wanted else [Path("data"), Path("../data"), Path.home() / "data"]
    for place in places:
        for raw in (place / "FashionMNIST" / "raw", *([place / "raw", place] if wanted else [])):
            if all(_is_there(raw, part) for part in ("train", "t10k")):
                return place.resolve()
    return None


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
