"""Finds the files of a course's data sets on this machine, and describes them.

Here: finding files by what the course declares, and looking at the headers of IDX files (arrays of
bytes: two zeros, the type, the number of axes, the length of each axis). Not here: reading images.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from grader.course import DataSet

_IDX = re.compile(r"-idx([1-4])-ubyte$")


def find_data(wanted: Path | None, data: Sequence[DataSet]) -> Path | None:
    """Return a folder that holds a data set's files: the given one, or a usual place.

    Nothing is downloaded; None where there are no files, or what there is cannot be read.

    Args:
        wanted: the folder given with `--data`, if any.
        data: the data sets of the course.
    """
    places = [wanted] if wanted else [Path("data"), Path("../data"), Path.home() / "data"]
    for place in places:
        if any(_holds(place, one, given=wanted is not None) for one in data):
            return place.resolve()
    return None


def files_of(folder: Path, data: Sequence[DataSet]) -> list[Path]:
    """Return the files of the data sets that a folder holds, packed ones included."""
    found = []
    for one in data:
        for place in (*one.folders, *one.loose):
            if all(_is_whole(folder / place, group) for group in one.files):
                names = [folder / place / name for group in one.files for name in group]
                found += [path if path.is_file() else Path(f"{path}.gz") for path in names]
                break
    return found


def in_words(folder: Path | None, data: Sequence[DataSet]) -> str:
    """Return for each data set whether its files are used, or what stands in for them."""
    held = [folder is not None and _holds(folder, one, given=True) for one in data]
    return "; ".join(
        one.name if here else f"{one.stand_in} (stand-in for {one.name})"
        for one, here in zip(data, held, strict=True)
    )


def places_of(data: Sequence[DataSet]) -> str:
    """Return the folders in which the files of data sets are searched, in words."""
    return ", or ".join(f"{one.folders[0]} with the files of {one.name}" for one in data)


def _holds(place: Path, one: DataSet, *, given: bool) -> bool:
    folders = [*one.folders, *(one.loose if given else ())]
    return any(all(_is_whole(place / f, group) for group in one.files) for f in folders)


def _is_whole(folder: Path, group: Sequence[str]) -> bool:
    """Return whether files that belong together are all there, with equally many entries."""
    entries = [_entries(folder / name) for name in group]
    return None not in entries and 0 not in entries and len({n for n in entries if n != -1}) <= 1


def _entries(path: Path) -> int | None:
    """Return the number of entries of an IDX file; -1 for another format, None for a broken file.

    A Git LFS pointer or an incomplete download would be an error in every notebook. Only the
    header is read; the name of a compressed file ends in `.gz`.
    """
    found = _IDX.search(path.name)
    axes = int(found.group(1)) if found else 0
    try:
        packed = not path.is_file()
        with gzip.open(f"{path}.gz") if packed else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
        size = None if packed else path.stat().st_size
    except (OSError, EOFError):
        return None
    if not found:
        return -1
    if len(head) != 4 + 4 * axes or head[:4] != bytes([0, 0, 8, axes]):
        return None
    shape = struct.unpack(f">{axes}I", head[4:])
    if size is not None and size != len(head) + math.prod(shape):
        return None
    return int(shape[0])
