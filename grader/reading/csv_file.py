"""CSV files of other programs, held so that every cell that is not changed keeps its very text.

A file is decoded (UTF-8, UTF-16 with its mark, cp949, Windows-1252), cut into records and raw
fields, and put together again: without a change, the bytes are those that were read. Delimiter,
quotes, line ends, byte order mark and a leading `sep=;` stay as they are.

Here: bytes to fields and back. Not here: what columns mean (`roster.py`, `report/lms_files.py`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.errors import UsageError

_MOST_BYTES = 32 << 20
_DELIMITERS = ",;\t|"
_MARK = "\ufeff"
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass
class Record:
    """One record: its fields as they stand in the file, quotes included, and its line end."""

    fields: list[str]
    end: str

    @property
    def values(self) -> list[str]:
        """Return the text of each field."""
        return [value_of(raw) for raw in self.fields]

    @property
    def is_blank(self) -> bool:
        """Whether it is an empty line."""
        return not any(value.strip() for value in self.values)


@dataclass
class CsvFile:
    """A file that was read: its records, and how to write it again."""

    path: Path
    encoding: str
    head: str
    """What stands before the records: a byte order mark, a line `sep=;`."""
    delimiter: str
    records: list[Record]

    def as_bytes(self) -> bytes:
        """Return the file with the records as they are now."""
        text = "".join(self.delimiter.join(one.fields) + one.end for one in self.records)
        return (self.head + text).encode(self.encoding)


def read_csv(path: Path) -> CsvFile:
    """Read a CSV file of another program.

    Raises:
        UsageError: it cannot be read, is too large, or holds no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path.") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} is too large for a list of students; check the path.")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UsageError(f"{path} is a workbook; save it as CSV first.")
    return parse_csv(data, path)


def parse_csv(data: bytes, path: Path = Path()) -> CsvFile:
    """Cut the bytes of a CSV file into records."""
    text, encoding = decode(data)
    head = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(_MARK)
    delimiter = ""
    if told := re.match(r"sep=([^\r\n])(?:\r\n|\r|\n|$)", text):  # for Excel alone
        head += told[0]
        delimiter = told[1]
        text = text[told.end() :]
    delimiter = delimiter or _delimiter_of(text)
    return CsvFile(path, encoding, head, delimiter, list(_records(text, delimiter)))


def decode(data: bytes) -> tuple[str, str]:
    """Return text and encoding; encoding the text again gives the same bytes."""
    candidates = ["utf-8", "cp949", "cp1252", "latin-1"]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates.insert(0, "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-16-be")
    for encoding in candidates:
        try:
            text = data.decode(encoding)
            if text.encode(encoding) != data:
                continue
        except UnicodeError:
            continue
        if encoding != "cp949" or _is_korean(text):
            return text, encoding
    raise AssertionError("latin-1 reads all bytes")


def value_of(raw: str) -> str:
    """Return the text of a raw field, without its quotes."""
    if raw.startswith('"') and (close := raw.rfind('"')) > 0:
        return raw[1:close].replace('""', '"') + raw[close + 1 :]
    return raw


def raw_of(value: str, delimiter: str) -> str:
    """Return a value as a field: quoted where it has to be."""
    if any(char in value for char in ('"', "\r", "\n", delimiter)) or value != value.strip():
        return '"' + value.replace('"', '""') + '"'
    return value


def folded(text: str) -> str:
    """Reduce text for comparing: composed, no difference of case, single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _is_korean(text: str) -> bool:
    """Return whether every sign that is not ASCII is one of Korean writing."""
    foreign = [char for char in text if not char.isascii()]
    return all(unicodedata.name(char, "").startswith(_KOREAN) for char in foreign)


_KOREAN = ("HANGUL", "CJK UNIFIED", "FULLWIDTH", "IDEOGRAPHIC", "MIDDLE DOT", "KATAKANA MIDDLE")


def _delimiter_of(text: str) -> str:
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=bare.count)


def _records(text: str, delimiter: str) -> list[Record]:
    field, position = _field(delimiter), 0
    records: list[Record] = []
    fields: list[str] = []
    while position < len(text) or fields:
        found = field.match(text, position)
        assert found is not None  # it matches nothing, too
        fields.append(found[0])
        position = found.end()
        if text.startswith(delimiter, position):
            position += len(delimiter)
            if position == len(text):
                fields.append("")
                records.append(Record(fields, ""))
                break
            continue
        end = _LINE_END.match(text, position)
        records.append(Record(fields, end[0] if end else ""))
        position += len(end[0]) if end else 0
        fields = []
    return records


@cache
def _field(delimiter: str) -> re.Pattern[str]:
    plain = rf"[^{re.escape(delimiter)}\r\n]*"
    # a quote that is never closed is a sign like any other
    return re.compile(rf'"(?:[^"]|"")*"{plain}|{plain}')
