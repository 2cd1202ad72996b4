"""What was handed in -> `Submission` records, one for each owner, in any state.

Paths may be notebooks, folders and zip files. Every file and every student found has a row, or a
line among what was passed over. A student without any notebook who handed in something else (a PDF,
a text entry) has a record that says so.

Here: from owners to records; several notebooks of one student make one submission. Not here: whose
a file is (`owners.py`), reading cells (`due.py`, `notebook_file.py`). Nothing is run.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from grader.errors import UsageError
from grader.reading.due import Look, cells_of, load, look
from grader.reading.matching import Who, attendance
from grader.reading.naming import look_alikes
from grader.reading.owners import NOTHING_INSIDE, Owner, Owners
from grader.reading.siblings import is_named, siblings
from grader.reading.sources import MOST_ATTACHMENT_BYTES, Sources, mark_of, read_attachment
from grader.reading.tree import DOCUMENTS, File, Lister
from grader.reading.zip_names import check_encoding
from grader.records import Attachment, Attendance, Found, Listed, Submission
from grader.text import clean

log = logging.getLogger(__name__)

__all__ = ["find", "find_submissions", "load", "read_attachment"]

_MOST_OF_ONE = 50  # each notebook may take minutes of a worker that others wait for
_MOST_ATTACHMENTS = 50
_TEXT_ENTRIES = ("text.html", "text.txt", "onlinetext.html")
"""Names that Canvas, Blackboard and Moodle give to what was typed into a form."""
_REMEDY = "ask the student for the .ipynb file."


def find_submissions(paths: Sequence[Path], *, assignment: str) -> list[Submission]:
    """Return the submissions of `find`, with their cells."""
    return [load(one) for one in find(paths, assignment=assignment).submissions]


def find(
    paths: Sequence[Path],
    *,
    assignment: str,
    zip_encoding: str = "",
    roster: Sequence[Listed] | None = None,
) -> Found:
    """Find everything that was handed in; cells are read when they are due (`load`).

    Args:
        paths: notebooks, folders (searched, hidden ones left out) and zip files.
        assignment: its name, which folders of submissions may bear.
        zip_encoding: of names in zip files that are not flagged as UTF-8; chosen where empty.
        roster: the students of the course; owners who are one of them are one owner.

    Returns:
        Submissions in the order of `paths`, inside a folder or zip by name, one for each owner;
        and everything that is in none of them.

    Raises:
        UsageError: a path does not exist, there is nothing to grade, or two owners cannot be told
            apart.
    """
    check_encoding(zip_encoding)
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{clean(str(path))} does not exist; check the path.")
    with Sources(zip_encoding) as sources:
        lister = Lister(sources)
        owners = Owners(lister, sources, assignment).sort(lister.named(paths))
    if all(owner.of_class for owner in owners):
        named = ", ".join(clean(str(path)) for path in paths) or "no path"
        reason = f": {owners[0].problem}" if owners else "; looked for .ipynb and .zip files."
        raise UsageError(f"nothing to grade in {named}{reason}")
    owners, attending = _known(owners, roster)
    with Sources(zip_encoding) as sources:
        made = [_identified(_submission(owner, sources), owner) for owner in owners]
    log.info("found %d submissions, passed over %d", len(made), len(lister.passed_over))
    for index, note in look_alikes([one.student for one in made]).items():
        made[index] = replace(made[index], notes=(*made[index].notes, note))
    used = {clean(file.shown) for owner in owners for file in owner.used}
    passed_over = tuple(one for one in lister.passed_over if one.name not in used)
    return Found(tuple(made), passed_over, attending)


def _known(
    owners: Sequence[Owner], roster: Sequence[Listed] | None
) -> tuple[list[Owner], Attendance | None]:
    """Find owners on a roster; what belongs to one student goes to the first of its owners."""
    if roster is None:
        return list(owners), None
    who = [Who(owner.label, owner.identity) for owner in owners]
    matches, attending = attendance(who, roster)
    first: dict[Listed, Owner] = {}
    kept = []
    for owner, match in zip(owners, matches, strict=True):
        owner.identity = replace(owner.identity, listed=match.listed, members=match.members)
        if match.listed is None or match.listed not in first:
            kept.append(owner)
            if match.listed is not None:
                first[match.listed] = owner
            continue
        one = first[match.listed]
        taken = {name for name, _ in one.files}
        one.files += [(f"{owner.label}/{n}" if n in taken else n, f) for n, f in owner.files]
        one.beside += owner.beside
        one.problem = one.problem and owner.problem
        earlier = (*one.identity.earlier, *owner.identity.earlier)
        one.identity = replace(one.identity, earlier=earlier)
    return kept, attending


def _identified(submission: Submission, owner: Owner) -> Submission:
    """Return a submission with its owner's identity, and notes on what does not count."""
    earlier = owner.identity.earlier
    notes = [f"handed in as well, and not graded: {', '.join(earlier)}"] if earlier else []
    if owner.identity.marked_late:
        notes.append(f"{owner.identity.system} marked it late")
    return replace(submission, owner=owner.identity, notes=(*submission.notes, *notes))


@dataclass(frozen=True)
class _Seen:
    """One notebook file after it was looked at."""

    file: File
    notebook: Attachment
    content: str
    notes: tuple[str, ...]
    problem: str


def _submission(owner: Owner, sources: Sources) -> Submission:
    named = [(name, file) for name, file in owner.files if file.kind == "notebook"]
    files = owner.files
    if not named or owner.problem or len(named) > _MOST_OF_ONE:
        problem = owner.problem or (_too_many(len(named)) if named else _nothing_to_grade(files))
        path = files[0][1].shown if files else owner.place
        parts = [part for name, file in files for part in (name, str(file.size), file.mark)]
        return Submission(owner.label, clean(path), _hash(parts), problem=problem)
    folder = _shared_folder([name for name, _ in named])
    seen = [_seen(_below(name, folder), file, sources) for name, file in named]
    good = [one for one in seen if not one.problem]
    if not good:
        first = seen[0]
        return Submission(
            owner.label, first.file.shown, first.notebook.mark, (), first.problem, first.notes
        )
    kept = list({one.notebook.mark: one for one in reversed(good)}.values())[::-1]
    notes = _notes(seen, kept)
    first, *others = kept
    if owner.beside:
        said = [cell for one in kept for cell in cells_of(one.notebook)]
        owner.used += [file for _, file in owner.beside if is_named(file.name, said)]
        notes += tuple(f"{clean(one.name)}, which lies beside it, is used" for one in owner.used)
    if not others and first.file.asked_for and not first.file.member:
        known = {file.path for _, file in (*owner.files, *owner.beside)}
        near = siblings(first.file, cells_of(first.notebook))
        owner.beside += [(name, file) for name, file in near if file.path not in known]
    attachments, left_out = _attachments(owner, [one.file for one in kept], folder)
    if left_out:
        notes += (f"{left_out} more files were handed in than may lie beside a notebook",)
    digest = first.content if not (others or attachments) else _digest(kept, attachments)
    return Submission(
        owner.label, first.file.shown, digest, notes=notes, attachments=attachments,
        due=tuple(one.notebook for one in kept),
    )  # fmt: skip


def _seen(name: str, file: File, sources: Sources) -> _Seen:
    notebook = Attachment(name, file.path, file.member, file.size)
    seen = Look(hashlib.sha256().hexdigest(), problem=file.problem)
    if not file.problem:
        seen = look(notebook, sources)
    content = seen.content or seen.digest
    return _Seen(file, replace(notebook, mark=seen.digest), content, seen.notes, seen.problem)


def _notes(seen: Sequence[_Seen], kept: Sequence[_Seen]) -> tuple[str, ...]:
    """Return notes: which files make the submission, and what was repaired in each."""
    if len(seen) == 1:
        return seen[0].notes
    notes = []
    if len(kept) > 1:
        notes.append(f"graded together: {', '.join(one.notebook.name for one in kept)}")
    for one in seen:
        if one.problem:
            notes.append(f"{one.notebook.name} is not graded: {one.problem}")
        elif one not in kept:
            notes.append(f"{one.notebook.name} is the same file again")
        notes += [f"{one.notebook.name}: {note}" for note in one.notes]
    return tuple(notes)


def _digest(kept: Sequence[_Seen], attachments: Sequence[Attachment]) -> str:
    parts = [part for one in kept for part in (one.notebook.name, one.content)]
    parts += [part for one in attachments for part in (one.name, str(one.size), one.mark)]
    return _hash(parts)


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _attachments(
    owner: Owner, kept: Sequence[File], folder: str
) -> tuple[tuple[Attachment, ...], int]:
    """Return what lies beside the notebooks, bounded, and how many files were left out."""
    alone = kept[0] if len(kept) == 1 else None
    found: dict[str, File] = {}
    for name, file in (*owner.files, *owner.beside):
        if file is not alone and not file.problem:
            found.setdefault(_below(name, folder), file)
    # papers and archives last: no code reads them
    order = sorted(found, key=lambda name: (found[name].kind in ("document", "archive"), name))
    made: list[Attachment] = []
    left = MOST_ATTACHMENT_BYTES
    for name in order[:_MOST_ATTACHMENTS]:
        file = found[name]
        if file.size <= left:
            left -= file.size
            mark = file.mark or mark_of(file.path)
            made.append(Attachment(name, file.path, file.member, file.size, mark))
    return tuple(made), len(order) - len(made)


def _shared_folder(names: Sequence[str]) -> str:
    """Return the folder that holds all notebooks, with `/` at its end, or nothing."""
    folders = [name.split("/")[:-1] for name in names]
    same = itertools.takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))
    return "".join(f"{level[0]}/" for level in same)


def _below(name: str, folder: str) -> str:
    return name.removeprefix(folder)


def _too_many(count: int) -> str:
    return (
        f"{count:,} notebooks were handed in, and at most {_MOST_OF_ONE} of one student are "
        "graded; ask the student for this homework alone."
    )


def _nothing_to_grade(files: Sequence[tuple[str, File]]) -> str:
    """Return why a student without a notebook cannot be graded."""
    if not files:
        return f"nothing to grade: the folder is empty; {_REMEDY}"
    if problem := next((file.problem for _, file in files if file.problem), ""):
        return problem
    kinds: dict[str, None] = {}
    for name, file in files:
        ending = PurePath(file.name).suffix.lower()
        if PurePath(name).name in _TEXT_ENTRIES:
            kinds["a text entry"] = None
        elif name == "link.html":
            kinds["a link"] = None
        elif file.kind == "archive":
            kinds["a zip file without a notebook"] = None
        else:
            kinds[f"a {DOCUMENTS.get(ending, 'file that is no notebook')}"] = None
    if list(kinds) == ["a zip file without a notebook"]:
        return NOTHING_INSIDE
    return f"nothing to grade: only {', '.join(list(kinds)[:4])} was handed in; {_REMEDY}"
