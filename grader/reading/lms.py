"""Names that learning management systems give to what they hand out: one table of patterns.

A folder, or the inside of a zip, is recognised by the majority of what lies in it; the rest are
strays. Sources of Canvas and Moodle were read, exports of the others seen.

Here: patterns, and the people they name. Not here: people whom no system named (`owners.py`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.reading.tree import File, Folder


@dataclass(frozen=True)
class Person:
    """A student as a system names one."""

    system: str
    id: str
    name: str

    @property
    def by_file(self) -> bool:
        """Whether the system numbers files, and not attempts."""
        return self.system == "Canvas"


@dataclass
class Download:
    """What was recognised in one folder."""

    system: str
    folders: dict[Folder, Person] = field(default_factory=dict)
    """Everything inside is that student's."""
    files: dict[File, tuple[Person, str]] = field(default_factory=dict)
    """A file, its student, and the name that the student gave it."""
    sidecars: dict[File, Person | None] = field(default_factory=dict)
    """Notes of the system itself."""
    attempts: dict[File | Folder, str] = field(default_factory=dict)
    """When each was handed in, as text that sorts in that order; where the name tells."""
    late: set[File] = field(default_factory=set)
    """What the system marked as late."""

    @property
    def people(self) -> set[Person]:
        """Everyone it names."""
        return {*self.folders.values(), *(person for person, _ in self.files.values())}


_CANVAS = re.compile(
    r"(?:(?P<name>\w+?)(?P<late>_LATE|_late)?_(?P<id>\d+)|(?P<late_anon>LATE_)?(?P<anon>anon_\w+?))"
    r"(?:_(?P<attempt>\d+)_(?P<file>.+)|_(?P<kind>text|link)\.html)"
)
_MOODLE = re.compile(
    r"(?P<name>[^/_]+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.+)?)?"
)
_BLACKBOARD = re.compile(
    r"(?P<head>.+?)_attempt_(?P<date>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|(?P<sidecar>\.txt))"
)
_BRIGHTSPACE = re.compile(
    r"(?P<a>\d+)-(?P<b>\d+) ?- ?(?P<name>.+?) ?- ?"
    r"(?P<date>\w+\.? \d{1,2},? \d{4} \d{1,2}[-:.]?\d{2}(?: ?[APap]\.?[Mm]\.?)?)"
    r"(?: ?- ?(?P<file>.+))?"
)
_SAKAI = re.compile(r"(?P<name>.+?)\s*\((?P<id>[^()]+)\)")
_SAKAI_SIGNS = {"submission attachment(s)", "feedback attachment(s)", "timestamp.txt"}
_SAKAI_NOTES = {"grades.csv", "grades.xls", "grades.xlsx", "timestamp.txt", "comments.txt"}
_SAKAI_NOTES |= {"feedbacktext.html", "feedbacktext.txt"}
_ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>.+)_(?P<id>\d+)")
_ILIAS_FOLDERS = {"abgaben", "submissions"}
_NBGRADER_STEPS = {"source", "source_with_tests", "release", "autograded", "feedback"}
_NBGRADER_FILES = {"gradebook.db", "nbgrader_config.py"}
_WORK = re.compile(
    r"(?:hw|home-?work|assignments?|lab|labs|ex|exercises?|project|ps|pset|chapter|ch|week|task)"
    r"[-_]?\d*(?:[-_].*)?",
    re.IGNORECASE,
)


def recognise(folder: Folder, assignment: str = "", note: Callable[[File], str] | None = None) -> (
    Download | None
):  # fmt: skip
    """Return the people whom a system named in a folder, None where none did.

    Args:
        folder: its files and folders, strays of operating systems left out.
        assignment: its name, which repositories may begin with.
        note: reads a sidecar, which may hold a student's user name.
    """
    found = [system(folder, assignment, note) for system in _SYSTEMS]
    best = max(
        (one for one in found if one is not None and one.people),
        key=lambda one: len(one.folders) + len(one.files),
        default=None,
    )
    if best is None:
        return None
    counted = len(best.folders) + len(best.files)
    sidecars = set(best.sidecars)
    others = sum(below not in best.folders for below in folder.folders)
    others += sum(file not in best.files and file not in sidecars for file in folder.files)
    return best if counted > others else None


def is_of_system(name: str) -> bool:
    """Return whether a file's name is one that a system makes up, with a student in it."""
    patterns = (_CANVAS, _MOODLE, _BLACKBOARD, _BRIGHTSPACE)
    return any(pattern.fullmatch(name) for pattern in patterns)


def is_note(system: str, way: Sequence[str], name: str) -> bool:
    """Return whether a system wrote a file into a student's folder, and not the student.

    Args:
        system: that handed the folder out.
        way: the folders down to the file, from the student's on.
        name: of the file.
    """
    if system == "nbgrader":  # <student>/<assignment>/timestamp.txt
        return len(way) == 1 and name == "timestamp.txt"
    return system == "Sakai" and not way and name.lower() in _SAKAI_NOTES


def _canvas(folder: Folder, _: str, __: object) -> Download | None:
    made = Download("Canvas")
    for file in folder.files:
        if match := _CANVAS.fullmatch(file.name):
            name = match["anon"] or match["name"]
            original = match["file"] or f"{match['kind']}.html"
            made.files[file] = (Person("Canvas", match["id"] or name, name), original)
            made.attempts[file] = (match["attempt"] or "").zfill(20)  # numbers of files only grow
            if match["late"] or match["late_anon"]:
                made.late.add(file)
    return made


def _moodle(folder: Folder, _: str, __: object) -> Download | None:
    made = Download("Moodle")
    for below in folder.folders:
        if match := _MOODLE.fullmatch(below.name):
            made.folders[below] = Person("Moodle", match["id"], match["name"])
    for file in folder.files:
        if (match := _MOODLE.fullmatch(file.name)) and match["file"]:
            made.files[file] = (Person("Moodle", match["id"], match["name"]), match["file"])
    people = made.people
    names = {person.name for person in people}
    # blind marking: one word for all, in the language of the site, and a number
    if names <= {"Participant"} or (len(people) > 2 and len(names) == 1):
        named = {
            person: Person("Moodle", person.id, f"{person.name}_{person.id}") for person in people
        }
        made.folders = {below: named[person] for below, person in made.folders.items()}
        made.files = {file: (named[person], own) for file, (person, own) in made.files.items()}
    return made


def _blackboard(folder: Folder, _: str, note: Callable[[File], str] | None) -> Download | None:
    matches = {file: found for file in folder.files if (found := _BLACKBOARD.fullmatch(file.name))}
    if not matches:
        return None
    told: dict[str, str] = {}
    for file, match in matches.items():
        if match["sidecar"] and note is not None and (user := _user_of_note(note(file))):
            told[match["head"]] = user
    before = _before_users({match["head"] for match in matches.values()}, told, folder.name)
    made = Download("Blackboard")
    for file, match in matches.items():
        head = match["head"]
        user = head[len(before) :] if before and head.startswith(before) else head.split("_")[-1]
        person = Person("Blackboard", user, user)
        if match["sidecar"]:
            made.sidecars[file] = person
        else:
            made.files[file] = (person, match["file"])
        made.attempts[file] = match["date"]
    for file, writer in list(made.sidecars.items()):  # nothing but words: a text entry
        if writer and writer not in made.people:
            made.files[file] = (writer, "text.txt")
            del made.sidecars[file]
    return made


def _user_of_note(text: str) -> str:
    match = re.match(r"\W*Name:\s*[^\n]*\(([^()\n]+)\)\s*$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _before_users(heads: Iterable[str], told: Mapping[str, str], archive: str) -> str:
    """Return what stands before every user name: the assignment's name with its underscore."""
    heads = sorted(heads)
    known = Counter(head[: -len(user)] for head, user in told.items() if head.endswith(f"_{user}"))
    for before, _ in known.most_common():
        if all(head.startswith(before) for head in heads):
            return before
    first, last = heads[0], heads[-1]
    if first == last:
        return ""
    shared = _shared(first, last)
    cuts = [shared[: index + 1] for index, char in enumerate(shared) if char == "_"]
    named = [cut for cut in cuts if f"_{cut}" in archive]  # `gradebook_COURSE_Assignment_date`
    return (named or cuts or [""])[-1]


def _brightspace(folder: Folder, _: str, __: object) -> Download | None:
    entries: dict[Folder | File, re.Match[str]] = {}
    for entry in folder.entries:
        match = _BRIGHTSPACE.fullmatch(entry.name)
        if match and bool(match["file"]) == isinstance(entry, File):
            entries[entry] = match
    # one number is the student's, the other the assignment's: the one that all share
    shared = len({m["a"] for m in entries.values()}) == 1
    mine = "b" if shared and len({m["b"] for m in entries.values()}) > 1 else "a"
    made = Download("Brightspace")
    for entry, match in entries.items():
        person = Person("Brightspace", match[mine], match["name"].strip())
        made.attempts[entry] = _sortable(match["date"])
        if isinstance(entry, File):
            made.files[entry] = (person, match["file"])
        else:
            made.folders[entry] = person
    made.sidecars = {file: None for file in folder.files if file.name.lower() == "index.html"}
    return made


def _sortable(date: str) -> str:
    """Return a date of Brightspace, `Oct 2, 2024 1130 PM`, as text that sorts; or as it is."""
    bare = re.sub(r"[.,]", "", date)
    found = re.fullmatch(r"(\w{3})\w* (\d{1,2}) (\d{4}) (\d{1,2})[-:]?(\d\d) ?([AaPp]?)[Mm]?", bare)
    month = f"{found[1].lower()} " if found else ""
    if not found or month not in _MONTHS:
        return date
    hour = int(found[4]) % 12 + 12 * (found[6].lower() == "p") if found[6] else int(found[4])
    number = _MONTHS.index(month) // 4 + 1
    return f"{found[3]}-{number:02}-{int(found[2]):02}-{hour:02}-{found[5]}"


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec "


def _sakai(folder: Folder, _: str, __: object) -> Download | None:
    made = Download("Sakai")
    signs = any(file.name.lower().startswith("grades.") for file in folder.files)
    for below in folder.folders:
        match = _SAKAI.fullmatch(below.name)
        if match:
            made.folders[below] = Person("Sakai", match["id"], match["id"])
            inner = {entry.name.lower() for entry in below.entries}
            signs = signs or bool(inner & _SAKAI_SIGNS)
    made.sidecars = {file: None for file in folder.files if file.name.lower() in _SAKAI_NOTES}
    return made if signs else None


def _ilias(folder: Folder, _: str, __: object) -> Download | None:
    made = Download("ILIAS")
    for below in folder.folders:
        if match := _ILIAS.fullmatch(below.name):
            made.folders[below] = Person("ILIAS", match["id"], match["login"])
    made.sidecars = {
        file: None for file in folder.files if file.name.lower().endswith((".xlsx", ".xls"))
    }
    # `a_b_c_1` may be the name of any folder
    sure = made.sidecars or folder.name.lower() in _ILIAS_FOLDERS or len(made.folders) > 1
    return made if sure else None


def _nbgrader(folder: Folder, _: str, __: object) -> Download | None:
    if folder.name != "submitted":
        return None
    people = {
        below: Person("nbgrader", below.name, below.name)
        for below in folder.folders
        if below.folders and not any(file.kind == "notebook" for file in below.files)
    }
    return Download("nbgrader", people)


def nbgrader_root(folder: Folder) -> Folder | None:
    """Return `submitted/` of a course of nbgrader, the only folder that students wrote."""
    names = {below.name for below in folder.folders}
    files = {file.name for file in folder.files}
    if "submitted" not in names or not (names & _NBGRADER_STEPS or files & _NBGRADER_FILES):
        return None
    return next(below for below in folder.folders if below.name == "submitted")


def _classroom(folder: Folder, assignment: str, _: object) -> Download | None:
    """Recognise repositories of one assignment: `hw2-kim`, `hw2-lee`."""
    made = Download("GitHub Classroom")
    if folder.name.endswith("-submissions"):
        before = folder.name.removesuffix("submissions")
    else:
        names = sorted(below.name for below in folder.folders if "-" in below.name)
        if len(names) < 2 or 2 * len(names) <= len(folder.folders):
            return None
        before = _most_shared(names)
        work = before[:-1]
        if not work or not (_WORK.fullmatch(work) or work.lower() == assignment.lower()):
            return None
    for below in folder.folders:
        user = below.name.removeprefix(before)
        if user and user != below.name:
            made.folders[below] = Person("GitHub Classroom", user, user)
    return made


def _most_shared(names: Sequence[str]) -> str:
    """Return the longest beginning, up to a hyphen, that most names share."""
    count: defaultdict[str, int] = defaultdict(int)
    for name in names:
        for index, char in enumerate(name):
            if char == "-":
                count[name[: index + 1]] += 1
    most = max(count.values())
    return max((cut for cut, times in count.items() if times == most), key=len)


def _shared(first: str, last: str) -> str:
    length = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


_System = Callable[[Folder, str, Callable[[File], str] | None], Download | None]
_SYSTEMS: tuple[_System, ...] = (
    _moodle, _blackboard, _brightspace, _sakai, _nbgrader, _classroom, _canvas, _ilias,
)  # fmt: skip
