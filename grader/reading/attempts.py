"""Which of several attempts counts: the latest one, of those that hold a notebook.

Blackboard and Brightspace name the time of an attempt, and all files of it belong together. Canvas
numbers every file, and a later file replaces the one of its name: `hw2.ipynb`, then `hw2-1.ipynb`.
Where no name tells attempts apart, all files are one attempt.

Here: choosing. Not here: names of systems (`lms.py`), whose a file is (`owners.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.reading.moments import attempt_moment
from grader.reading.tree import File, stem_of
from grader.text import clean

_NUMBERED = re.compile(r"(?P<stem>.+)-\d+")
_WORK = ("notebook", "archive")


@dataclass(eq=False)
class Handed:
    """One file or folder as a system hands it out, and the files that it holds."""

    place: str
    """Its name in the download; that of a folder ends in `/`."""
    own: str
    """The name that the student gave it."""
    attempt: str = ""
    is_late: bool = False
    """Whether the system marked it as late."""
    files: list[tuple[str, File]] = field(default_factory=list)

    @property
    def has_work(self) -> bool:
        """Whether there is a notebook in it."""
        return any(file.kind in _WORK for _, file in self.files)


@dataclass(frozen=True)
class Chosen:
    """The parts that count, and what does not, in words."""

    parts: tuple[Handed, ...]
    earlier: tuple[str, ...] = ()
    dropped: tuple[Handed, ...] = ()

    @property
    def handed_in(self) -> str:
        """When, ISO 8601; empty where no name tells."""
        return max((attempt_moment(one.attempt) for one in self.parts), default="")

    @property
    def is_late(self) -> bool:
        """Whether the system marked any of what counts as late."""
        work = [one for one in self.parts if one.has_work]
        return any(one.is_late for one in work or self.parts)

    @property
    def place(self) -> str:
        """What the download calls the notebook."""
        order = sorted(self.parts, key=lambda one: not one.has_work)
        if not order:
            return ""
        first = order[0]
        if not first.place.endswith("/"):
            return first.place
        inside = sorted(first.files, key=lambda pair: pair[1].kind not in _WORK)
        return first.place + (inside[0][0].split("/")[-1] if inside else "")


def latest(parts: Sequence[Handed], *, by_file: bool) -> Chosen:
    """Choose the attempt that counts.

    Args:
        parts: what one student handed in.
        by_file: whether each file has attempts of its own, as on Canvas.
    """
    groups: defaultdict[str, list[Handed]] = defaultdict(list)
    stems = {stem_of(one.own) for one in parts}
    for one in parts:
        groups[_unit(one, stems) if by_file else ""].append(one)
    kept: list[Handed] = []
    for group in groups.values():
        counting = max(
            group,
            key=lambda one: (
                any(other.has_work for other in group if other.attempt == one.attempt),
                one.attempt,
            ),
        )
        kept += [one for one in group if one.attempt == counting.attempt]
    dropped = [one for one in parts if one not in kept]
    return Chosen(
        tuple(one for one in parts if one in kept),
        tuple(_in_words(one, by_file=by_file) for one in dropped),
        tuple(dropped),
    )


def _unit(one: Handed, stems: set[str]) -> str:
    """Return the name under which a file was handed in first."""
    stem = stem_of(one.own)
    ending = one.own[len(stem) :]
    if (found := _NUMBERED.fullmatch(stem)) and found["stem"] in stems:
        return found["stem"] + ending
    return one.own


def _in_words(one: Handed, *, by_file: bool) -> str:
    date = re.fullmatch(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)(?:-\d\d)?", one.attempt)
    when = f" of {date[1]} {date[2]}:{date[3]}" if date and not by_file else ""
    inside = ", ".join(name for name, _ in one.files) if one.place.endswith("/") else ""
    return clean(f"{inside or one.own}{when}")
