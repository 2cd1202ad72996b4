"""feedback.zip: the feedback pages under the names that a system expects when it is uploaded.

Canvas, Moodle and Blackboard find the student by the name that their own download had, so each page
has that name, with `.html` for its ending. Where no system named anyone, a page has the name of its
student.

Here: names and the archive. Not here: pages (`pages.py`), names of downloads (`reading/lms.py`).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath

from grader.reading.tree import stem_of
from grader.records import UNNAMED, Identity
from grader.runs.stored_run import StoredRun

_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same pages
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')
_LONGEST_BYTES = 240


def feedback_zip(run: StoredRun, names: Sequence[str], pages: Sequence[bytes]) -> bytes:
    """Return an archive of the pages.

    Args:
        run: with who handed what in.
        names: the file name of each page in the feedback folder.
        pages: their bytes, in the order of the run's results.
    """
    file = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for result, name, page in zip(run.results, names, pages, strict=True):
            place = upload_name(run.people.get(result.key, UNNAMED), name)
            if place.casefold() in taken:  # an import takes one file for each student
                place = name
            taken.add(place.casefold())
            info = zipfile.ZipInfo(place, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, page)
    return file.getvalue()


def upload_name(identity: Identity, otherwise: str) -> str:
    """Return the name of a student's page in the archive."""
    if not identity.system or not identity.place:
        return otherwise
    parts = [_safe(part) for part in PurePosixPath(identity.place).parts]
    *folders, last = [part for part in parts if part not in ("", ".", "..", "/")] or [otherwise]
    if identity.system == "Sakai" and folders:
        folders.append("Feedback Attachment(s)")
    return "/".join((*folders, _as_page(last)))


def _as_page(name: str) -> str:
    """Return a file's name with the ending of a page; no longer than a file system takes."""
    stem = stem_of(name)
    return f"{stem.encode()[:_LONGEST_BYTES].decode('utf-8', 'ignore')}.html"


def _safe(part: str) -> str:
    return _UNSAFE.sub("_", part.replace("/", "_"))
