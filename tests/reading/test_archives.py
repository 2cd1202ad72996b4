"""Zip files that lie about how large they are cost a bounded amount of memory and time."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from grader.errors import SubmissionError
from grader.reading import archives
from grader.reading.archives import Archive, Budget


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def end_record(at: int, size: int, entries: bytes = b"\1\0\1\0") -> bytes:
    return b"PK\5\6" + b"\0\0\0\0" + entries + struct.pack("<IIH", size, at, 0)


def zip64_record(at: int, size: int) -> bytes:
    where = at + size
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, size, at)
    return record + b"PK\6\7" + struct.pack("<IQI", 0, where, 1)


SMALL = zipped(a=b"")
ENTRY = SMALL[SMALL.index(b"PK\1\2") : -22]  # of its directory
MANY = 300_000


@pytest.mark.parametrize(
    "end",
    [
        end_record(0, len(ENTRY) * MANY),
        # the mark of an end record inside the end record, for who looks for the last one
        end_record(0, len(ENTRY) * MANY, entries=b"PK\5\6"),
        # a second size, which is the one that counts
        zip64_record(0, len(ENTRY) * MANY) + end_record(0, 0),
    ],
    ids=["plain", "hidden", "zip64"],
)
def test_a_directory_of_too_many_entries_is_refused_before_it_is_read(end):
    with pytest.raises(SubmissionError, match="holds more than 10,000 files"):
        Archive(ENTRY * MANY + end)


def test_members_that_are_too_large_or_damaged_are_paid_for_too(monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBER_BYTES", 1000)
    data = bytearray(zipped(large=b"x" * 5000, damaged=b"y" * 900, right=b"z" * 900))
    at = data.index(b"damaged", data.index(b"PK\1\2")) - 30  # of its checksum, in the directory
    data[at] ^= 0xFF
    budget = Budget(2500)
    with Archive(bytes(data), budget=budget) as archive:
        members = {member.name: member for member in archive.members()}
        for name, left in (("large", 1500), ("damaged", 600)):
            with pytest.raises(SubmissionError):
                members[name].read()
            assert budget.left == left
        with pytest.raises(SubmissionError, match="too large"):
            members["right"].read()
    assert budget.left == 0
