"""Names of owners: of files that no system named, and of owners whose names collide.

Here: names only. Not here: which files belong together because a system or a folder says so
(`owners.py`).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from grader.errors import UsageError
from grader.reading.lms import is_of_system
from grader.reading.tree import File, Folder
from grader.text import name as tidy_name

_WORDS = (
    "hw|home-?work|ch|chap|chapter|lab|part|assignment|exercise|exercises|ex|task|problem|ps|pset|"
    "question|q|notebook|untitled|main|final|solution|answer|answers|submission|project|week|"
    "section|sec|code|cnn|copy|of|v|ver|version|new|my|과제|숙제|실습|제출|최종"
)
_OF_WORK = re.compile(rf"(?:(?:{_WORDS})|\d+|[\W_])+", re.IGNORECASE)
_LETTER = re.compile(r"[A-Za-z]")
_INSTRUCTIONS = re.compile(
    r".*(?:readme|instruction|syllabus|notes|rubric|grading|grades|slides|handout|template).*",
    re.IGNORECASE,
)


@dataclass(eq=False)
class Unit:
    """A loose notebook, or a zip file of one student: one owner has all of it."""

    file: File
    trail: tuple[Folder, ...]
    """The folders down to it, those that were searched."""
    files: list[tuple[str, File]] = field(default_factory=list)
    problem: str = ""
    of_class: bool = False
    """The problem is that of a whole class's file."""

    @property
    def home(self) -> Folder:
        """Return the folder it lies in."""
        return self.trail[-1]


@dataclass(frozen=True)
class Named:
    """How an owner of units is called, and what makes it one owner."""

    label: str
    key: tuple[object, ...]
    folder: Folder | None = None
    """The folder that is the student's, all of it."""


def is_of_work(stem: str) -> bool:
    """Return whether a name says which homework it is, and not whose: `hw2`, `ch7-final (1)`."""
    return bool(_OF_WORK.fullmatch(stem))


def is_of_course(stem: str) -> bool:
    """Return whether a document's name says that the course handed it out."""
    return is_of_work(stem) or bool(_INSTRUCTIONS.fullmatch(stem))


def name_units(units: Sequence[Unit]) -> dict[Unit, Named]:
    """Name the owners of units: by the file, or by the folder where the file's name says nothing.

    A folder names its files where files of one name lie in several folders (`kim/hw2.ipynb`,
    `lee/hw2.ipynb`), or where it holds several that are all named after the homework.
    """
    homes: defaultdict[str, dict[Folder, None]] = defaultdict(dict)
    for unit in units:
        homes[unit.file.stem][unit.home] = None
    colliding = {unit for unit in units if len(homes[unit.file.stem]) > 1}
    common = _shared_start([unit.trail for unit in colliding])
    below: defaultdict[Folder | None, list[Unit]] = defaultdict(list)
    if colliding:
        for unit in units:
            if _same(unit.trail[: len(common)], common):
                below[unit.trail[len(common)] if len(unit.trail) > len(common) else None].append(
                    unit
                )
    owners = _folders_of_one(below, colliding)
    named: dict[Unit, Named] = {}
    inside = _names_inside(units)
    for unit in units:
        top = (
            unit.trail[len(common)] if unit in colliding and len(unit.trail) > len(common) else None
        )
        folder = next((one for one in unit.trail if one in owners), None)
        folder = folder or _folder_of_work(unit, units)
        stem = unit.file.stem
        if folder is not None:
            named[unit] = Named(folder.name, (folder.key,), folder)
        elif top is not None:
            named[unit] = Named(f"{stem} ({top.name})", (unit.home.key, stem))
        else:
            named[unit] = Named(inside.get(unit, stem), (unit.home.key, stem))
    return named


def _names_inside(units: Sequence[Unit]) -> dict[Unit, str]:
    """Return the name of the only notebook inside a zip whose own name is one Latin letter.

    Such a name is no student's. A notebook that is named as a system's download does not count, nor
    a name that another file bears: no zip takes the name of a student who has a file.
    """
    found: dict[Unit, str] = {}
    for unit in units:
        work = [file for _, file in unit.files if file.kind in ("notebook", "archive")]
        if unit.file.kind != "archive" or not _LETTER.fullmatch(unit.file.stem) or len(work) != 1:
            continue
        stem = work[0].stem
        if work[0].kind == "notebook" and not (is_of_work(stem) or is_of_system(work[0].name)):
            found[unit] = stem
    borne = Counter([*(unit.file.stem.casefold() for unit in units),
                     *(stem.casefold() for stem in found.values())])  # fmt: skip
    return {unit: stem for unit, stem in found.items() if borne[stem.casefold()] == 1}


def _folders_of_one(
    below: dict[Folder | None, list[Unit]], colliding: Collection[Unit]
) -> set[Folder]:
    """Return the folders that each hold the work of one student."""
    stems = {top: {unit.file.stem for unit in inside} for top, inside in below.items() if top}
    tops = [top for top, inside in below.items() if top and any(u in colliding for u in inside)]

    def is_of_one(top: Folder) -> bool:
        if len(stems[top]) == 1 or all(map(is_of_work, stems[top])):
            return True
        # the course's names: each of them in many folders, far more than a folder holds
        alike = [other for other in tops if stems[other] & stems[top]]
        return all(u in colliding for u in below[top]) and len(alike) > len(stems[top])

    certain = {top for top in stems if is_of_one(top)}
    if all(top in certain for top in tops):
        return certain
    # a class a folder: one that happens to hold a single student's file is no exception
    return {top for top in certain if all(map(is_of_work, stems[top]))}


def _folder_of_work(unit: Unit, units: Sequence[Unit]) -> Folder | None:
    """Return the student's folder where all of several notebooks in it are named after the work."""
    here = [other for other in units if other.home is unit.home]
    stems = {other.file.stem for other in here}
    if len(stems) < 2 or not all(map(is_of_work, stems)) or any(o.file.asked_for for o in here):
        return None
    way = [folder for folder in unit.trail if not (folder.asked_for and folder is unit.trail[0])]
    named = [folder for folder in way if not is_of_work(folder.name)]
    return named[-1] if named and unit.home in way else None


def _shared_start(trails: Sequence[tuple[Folder, ...]]) -> tuple[Folder, ...]:
    if not trails:
        return ()
    shared = trails[0]
    for trail in trails[1:]:
        pairs = zip(shared, trail, strict=False)
        shared = tuple(
            one for one, _ in itertools.takewhile(lambda pair: pair[0] is pair[1], pairs)
        )
    return shared


def _same(one: Sequence[Folder], other: Sequence[Folder]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


# ---- names that collide


@dataclass(frozen=True)
class Claim:
    """One owner's name, the system's number, and where the first file lies."""

    label: str
    id: str
    place: str


def told_apart(claims: Sequence[Claim]) -> list[str]:
    """Return a name for each owner; no two are equal.

    Raises:
        UsageError: two owners have one name and neither number nor path tells them apart.
    """
    labels = [claim.label for claim in claims]
    for index, others in _groups(labels):
        ids = {claims[i].id for i in others}
        if len(ids) == len(others) and all(ids) and claims[index].label not in ids:
            labels[index] = f"{claims[index].label}_{claims[index].id}"
    for index, others in _groups(labels):
        if part := _own_part(claims[index].place, [claims[i].place for i in others if i != index]):
            labels[index] = f"{labels[index]} ({part})"
    for index, others in _groups(labels):
        other = next(i for i in others if i != index)
        raise UsageError(
            f"two owners share the name {labels[index]}: {claims[index].place} and "
            f"{claims[other].place}; rename one of them."
        )
    return labels


def _groups(labels: Sequence[str]) -> list[tuple[int, list[int]]]:
    where: defaultdict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        where[label].append(index)
    return [(i, group) for group in where.values() if len(group) > 1 for i in group]


def _own_part(place: str, others: Iterable[str]) -> str:
    """Return the part of a path that none of the others has at its place."""
    parts, *rest = (
        [tidy_name(part) for part in re.split(r"[/\\!]", path)] for path in (place, *others)
    )
    for depth, part in enumerate(parts):
        if all(other[depth : depth + 1] != [part] for other in rest):
            return part.removesuffix(".zip")
    return ""


# letters of other alphabets that look like Latin ones
_LIKE_LATIN = str.maketrans(
    "АВЕКМНОРСТУХаеорсухіјѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαν\u0131",
    "ABEKMHOPCTYXaeopcyxijsdhqwABEZHIKMNOPTYXoavi",
)


def look_alikes(labels: Sequence[str]) -> dict[int, str]:
    """Return, by its place, what to know about a name that looks like another one."""
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        plain = re.sub(r"<U\+[0-9A-F]+>", "", unicodedata.normalize("NFKC", label))
        seen[plain.translate(_LIKE_LATIN).casefold()].append(index)
    notes = {}
    for group in seen.values():
        for index in group if len(group) > 1 else ():
            other = next(labels[i] for i in group if i != index)
            spelled = ascii(other) if other.isascii() else ascii(other)[1:-1]
            notes[index] = f"the name looks like that of another submission, spelled {spelled}"
    return notes
