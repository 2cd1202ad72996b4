"""Whose a file is. From what `tree.py` lists to owners, each with all files.

1. the name that a learning management system gave it (`lms.py`);
2. the folder in `<assignment>/<student>/`, on disk or inside a zip;
3. otherwise the file's name without its ending, or the folder where files of several folders share
   one name (`naming.py`). The file of a student's own zip is the zip.

Only a zip file of a whole class names people: one that was given on the command line, alone or
recognised, or a download. What lies inside a student's own zip is that student's, under any name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grader.errors import SubmissionError
from grader.reading import lms
from grader.reading.attempts import Handed, latest
from grader.reading.lms import Person
from grader.reading.moments import moment_of
from grader.reading.naming import (
    Claim,
    Named,
    Unit,
    is_of_course,
    is_of_work,
    name_units,
    told_apart,
)
from grader.reading.sources import Sources
from grader.reading.tree import DOCUMENTS, File, Folder, Lister
from grader.records import UNNAMED, Identity
from grader.text import name as tidy_name

_DEEPEST_ARCHIVE = 3
_MOST_NOTE_BYTES = 1 << 16
_DOWNLOADS = ("submissions", "gradebook_", "download", "assignsubmission")
_PAPERS = {".pdf", ".html", ".htm", ".docx", ".doc", ".hwp", ".hwpx", ".odt"}


@dataclass(eq=False)
class Owner:
    """One student, and every file that is that student's."""

    label: str
    id: str = ""
    files: list[tuple[str, File]] = field(default_factory=list)
    """Each with its name as the student knows it, folders included."""
    beside: list[tuple[str, File]] = field(default_factory=list)
    """Files that no one owns and that lie in the same folder."""
    used: list[File] = field(default_factory=list)
    """Those of them that its notebooks name."""
    problem: str = ""
    of_class: bool = False
    place: str = ""
    person: Person | None = None
    handed: list[Handed] = field(default_factory=list)
    """What a system named, each with the time of its attempt."""
    identity: Identity = UNNAMED
    stamp: str = ""
    """The latest time in a `timestamp.txt` that the system wrote, ISO 8601."""

    def keep_latest(self) -> None:
        """Drop the files of earlier attempts, and set the identity."""
        chosen = latest(self.handed, by_file=self.person is not None and self.person.by_file)
        gone = {id(file) for one in chosen.dropped for _, file in one.files}
        self.files = [(name, file) for name, file in self.files if id(file) not in gone]
        who = self.person or Person("", "", "")
        self.identity = Identity(
            who.system, who.id, who.name, chosen.place, chosen.earlier,
            handed_in=chosen.handed_in or self.stamp, marked_late=chosen.is_late,
        )  # fmt: skip


class Owners:
    """Sorts files into owners, folder by folder."""

    def __init__(self, lister: Lister, sources: Sources, assignment: str) -> None:
        self._lister = lister
        self._sources = sources
        self._assignment = tidy_name(assignment) if assignment else ""
        self._owners: dict[tuple[object, ...], Owner] = {}
        self._units: list[Unit] = []
        self._loose: list[tuple[tuple[Folder, ...], File]] = []
        self._order: dict[int, int] = {}
        self._alone = False
        self._trusted = False

    def sort(self, roots: Sequence[Folder]) -> list[Owner]:
        """Return all owners, in the order in which their files were listed."""
        files = [file for root in roots for _, file in root.all_files()]
        archives = [file for file in files if file.kind == "archive" and not file.problem]
        loose = any(file.kind == "notebook" for file in files)
        self._alone = len(archives) == 1 and not loose
        # beside notebooks, a zip is more likely one student's, who may have chosen any names
        found = [one for one in archives if not one.asked_for]
        self._trusted = not loose and self._all_downloads(found)
        for root in roots:
            self._folder(root, (), depth=0, named=True)
        self._name_units()
        owners = sorted(self._owners.values(), key=lambda one: self._order.get(id(one), 0))
        for owner in owners:
            owner.keep_latest()
        claims = [Claim(one.label, one.id, one.place) for one in owners]
        for owner, label in zip(owners, told_apart(claims), strict=True):
            owner.label = label
        return owners

    def _folder(
        self, folder: Folder, trail: tuple[Folder, ...], *, depth: int, named: bool = False
    ) -> None:
        """Sort one folder; a `named` one stands above paths of the command line."""
        if submitted := lms.nbgrader_root(folder):
            for other in folder.entries:
                if other is not submitted:
                    self._lister.pass_over(
                        other.shown, "of nbgrader's folders only submitted/ counts"
                    )
            self._folder(submitted, (*trail, folder, submitted), depth=depth)
            return
        here = trail or (folder,)
        download = lms.recognise(folder, self._assignment, self._note)
        of_assignment = bool(self._assignment) and folder.name == self._assignment
        for file in folder.files:
            if download and file in download.files:
                person, original = download.files[file]
                attempt = download.attempts.get(file, "")
                part = Handed(file.name, original, attempt, file in download.late)
                self._give(self._person(person, file.shown), original, file, part)
            elif download and file in download.sidecars:
                self._lister.pass_over(file.shown, f"{download.system} keeps its own notes there")
            elif named and file.asked_for and self._assignment and folder.above == self._assignment:
                self._give(self._owner((folder.key,), folder.name, folder.shown), file.name, file)
            else:
                self._loose_file(file, here, depth=depth)
        for below in folder.folders:
            if download and below in download.folders:
                part = Handed(f"{below.name}/", below.name, download.attempts.get(below, ""))
                self._give_all(self._person(download.folders[below], below.shown), below, part)
            elif of_assignment:
                self._student_folder(below)
            else:
                way = (below,) if named else (*here, below)
                self._folder(below, way, depth=depth)

    def _student_folder(self, folder: Folder) -> None:
        """Give the owner of `<assignment>/<student>/` all of it, where any of it is homework."""
        inner = lms.recognise(folder, self._assignment, self._note)
        if folder.asked_for and inner is not None and len(inner.people) > 1:
            self._folder(folder, (folder,), depth=0)
        elif any(file.kind != "other" for _, file in folder.all_files()):
            self._give_all(self._owner((folder.key,), folder.name, folder.shown), folder)
        else:
            self._lister.pass_over(folder.shown, "nothing to grade: there is no notebook inside")

    # ---- owners that a system or a folder names

    def _owner(self, key: tuple[object, ...], label: str, place: str, id_: str = "") -> Owner:
        if key not in self._owners:
            self._owners[key] = made = Owner(label, id_, place=place)
            self._order[id(made)] = len(self._order)
        return self._owners[key]

    def _person(self, person: Person, place: str) -> Owner:
        key = (person.system, person.id, person.name)
        owner = self._owner(key, person.name, place, person.id)
        owner.person = person
        return owner

    def _give_all(self, owner: Owner, folder: Folder, part: Handed | None = None) -> None:
        files = list(folder.all_files())
        mine = self._of_assignment(files)
        for way, file in files:
            if (way, file) not in mine:
                self._lister.pass_over(file.shown, "it was handed in for another assignment")
            elif (who := owner.person) and lms.is_note(who.system, way, file.name):
                self._lister.pass_over(file.shown, f"{who.system} keeps its own notes there")
                owner.stamp = max(owner.stamp, self._stamp(file))
            else:
                self._give(owner, "/".join((*way, file.name)), file, part)

    def _of_assignment(
        self, files: list[tuple[tuple[str, ...], File]]
    ) -> list[tuple[tuple[str, ...], File]]:
        """Leave out other assignments of nbgrader's `<student>/<assignment>/`."""
        if not self._assignment or not any(way[:1] == (self._assignment,) for way, _ in files):
            return files
        return [(way, file) for way, file in files if way[:1] == (self._assignment,)]

    def _give(self, owner: Owner, name: str, file: File, part: Handed | None = None) -> None:
        before = len(owner.files)
        self._give_files(owner, name, file)
        if part is not None:
            part.files += owner.files[before:]
            if part not in owner.handed:
                owner.handed.append(part)

    def _give_files(self, owner: Owner, name: str, file: File) -> None:
        if file.kind != "archive" or file.problem:
            owner.files.append((name, file))
            return
        try:
            inside = self._lister.inside(file)
        except SubmissionError as error:
            owner.files.append((name, replace(file, problem=str(error))))
            return
        # archives inside are no deeper looked into; they lie beside the notebooks as they are
        owner.files += [("/".join((*way, one.name)), one) for way, one in inside.all_files()]
        if not any(True for _ in inside.all_files()):
            owner.files.append((name, file))

    def _stamp(self, note: File) -> str:
        """Return the time in a `timestamp.txt` that nbgrader or Sakai wrote, ISO 8601."""
        moment = moment_of(self._note(note)) if note.name == "timestamp.txt" else None
        return moment.isoformat() if moment else ""

    def _note(self, file: File) -> str:
        if file.size > _MOST_NOTE_BYTES or file.problem:
            return ""
        try:
            data = self._sources.read(file.path, file.member, most=_MOST_NOTE_BYTES)
        except SubmissionError:
            return ""
        return data.decode("utf-8", "replace")

    # ---- what no system named

    def _loose_file(self, file: File, trail: tuple[Folder, ...], *, depth: int) -> None:
        if file.kind == "archive":
            self._archive(file, trail, depth=depth)
        elif file.kind == "notebook" or file.asked_for:
            self._unit(Unit(file, trail, [(file.name, file)]))
        else:
            self._loose.append((trail, file))

    def _unit(self, unit: Unit) -> None:
        self._units.append(unit)
        self._order[id(unit)] = len(self._order)

    def _archive(self, file: File, trail: tuple[Folder, ...], *, depth: int) -> None:
        """Look into a zip that no one owns: a class's, or one student's."""
        try:
            inside = self._lister.inside(file)
        except SubmissionError as error:
            of_class = file.asked_for or self._alone
            self._unit(Unit(file, trail, problem=str(error), of_class=of_class))
            return
        files = [one for _, one in inside.all_files()]
        if self._is_of_class(file, inside, trail, depth) and depth < _DEEPEST_ARCHIVE:
            if any(one.kind in ("notebook", "archive") for one in files) or self._people(inside):
                way = (inside,) if file.asked_for else (*trail, inside)
                self._folder(inside, way, depth=depth + 1)
            elif file.asked_for:
                self._unit(Unit(file, trail, problem=NOTHING_INSIDE, of_class=True))
            else:
                self._lister.pass_over(file.shown, "the zip file holds no notebook")
            return
        named = [("/".join((*way, one.name)), one) for way, one in inside.all_files()]
        self._unit(Unit(file, trail, named or [(file.name, file)]))

    def _is_of_class(
        self, file: File, inside: Folder, trail: tuple[Folder, ...], depth: int
    ) -> bool:
        if depth:  # inside a class's zip: a student's own, unless the class's was packed once more
            return sum(1 for folder in trail[:1] for _ in folder.all_files()) == 1
        if self._alone:
            return True
        people = self._people(inside)
        if not file.asked_for:
            clue = any(word in file.name.lower() for word in _DOWNLOADS)
            return people > 1 and (self._trusted or clue)
        return people > 0 or not _is_of_one(inside)

    def _people(self, folder: Folder) -> int:
        """Count the people that a system, or the assignment's folder, names anywhere inside."""
        download = lms.recognise(folder, self._assignment)
        count = len(download.people) if download else 0
        if self._assignment and folder.name == self._assignment:
            count += len(folder.folders)
        return count + sum(map(self._people, folder.folders))

    def _all_downloads(self, archives: Sequence[File]) -> bool:
        """Return whether every zip that was found, and not named, is a download of a class."""
        for archive in archives:
            try:
                if self._people(Lister(self._sources).inside(archive)) < 2:
                    return False
            except SubmissionError:
                return False
        return bool(archives)

    def _name_units(self) -> None:
        named = name_units(self._units)
        for unit in self._units:
            owner = self._of_unit(unit, named[unit])
            owner.files += unit.files
            owner.problem = owner.problem or unit.problem
            owner.of_class = owner.of_class or unit.of_class
        by_file = {unit.home for unit, name in named.items() if name.folder is None}
        folders = {name.folder for name in named.values() if name.folder is not None}
        above = {t[i - 1] for t in (u.trail for u in self._units) for i in range(1, len(t))
                 if t[i] in folders}  # fmt: skip
        taken = {name.label for name in named.values()}
        for trail, file in self._loose:
            self._loose_paper(trail, file, by_file, folders, above, taken)

    def _of_unit(self, unit: Unit, named: Named) -> Owner:
        owner = self._owner(named.key, tidy_name(named.label), unit.file.shown)
        self._order[id(owner)] = min(self._order[id(owner)], self._order[id(unit)])
        return owner

    def _loose_paper(
        self, trail: tuple[Folder, ...], file: File, by_file: set[Folder], folders: set[Folder],
        above: set[Folder], taken: set[str],
    ) -> None:  # fmt: skip
        """Find the owner of a file that is no notebook, or pass over it."""
        if folder := next((one for one in trail if one in folders), None):
            way = trail[trail.index(folder) + 1 :]
            owner = self._owner((folder.key,), folder.name, folder.shown)
            owner.files.append(("/".join((*(one.name for one in way), file.name)), file))
            return
        ending = file.name[len(file.stem) :].lower()
        beside = next((i for i, one in enumerate(trail[:-1]) if one in above), None)
        if beside is not None and file.kind == "document":
            folder = trail[beside + 1]
            self._owner((folder.key,), folder.name, folder.shown).files.append((file.name, file))
        elif (
            trail[-1] in by_file and ending in _PAPERS and not is_of_course(file.stem)
            and file.stem not in taken
        ):  # fmt: skip
            self._owner((trail[-1].key, file.stem), file.stem, file.shown).files.append(
                (file.name, file)
            )
        else:
            self._lister.pass_over(file.shown, _what(file))
            for key, owner in self._owners.items():
                if key[0] == trail[-1].key and _may_be_read(file):
                    owner.beside.append((file.name, file))


NOTHING_INSIDE = "the zip file holds no notebook; ask the student for the .ipynb file."


def _what(file: File) -> str:
    ending = file.name[len(file.stem) :].lower()
    if file.problem:
        return file.problem.split(";")[0]
    return (
        f"it is no notebook but a {DOCUMENTS[ending]}"
        if ending in DOCUMENTS
        else "it is no notebook"
    )


def _is_of_one(inside: Folder) -> bool:
    """Return whether a zip, one of several, looks as one student packs a homework."""
    work = [(way, one) for way, one in inside.all_files() if one.kind in ("notebook", "archive")]
    if len(work) < 2:
        return True
    way = work[0][0]
    one_place = all(other == way for other, _ in work)
    return one_place and all(map(is_of_work, (*way, *(file.stem for _, file in work))))


def _may_be_read(file: File) -> bool:
    """Return whether code may want a file that no one owns: a module or data, no paper."""
    return not file.problem and (file.kind == "other" or file.name.lower().endswith(".py"))
