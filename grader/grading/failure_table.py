"""What failures of an exercise have shown, as plain data: smallest examples and names of mistakes.

Each is kept under a digest of the answers that led to it. An example holds what a check drew, and
the calls of the search for it with a digest of each answer: no text and no answer of a student.

Here: the table, its bounds, its bytes. Not here: when it is used (`failure_memory.py`), its file
(`sheets.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from grader.grading.sheet_content import Examples, examples_of
from grader.kernel.ahead import RepeatedCall
from grader.wire.messages import WireError

_MOST_ENTRY, _MOST_EXAMPLES, _MOST_NAMES = 1 << 16, 1 << 20, 2_000
_MOST_UNPACKED = 4 << 20


class SmallestExample(msgspec.Struct, frozen=True):
    """The smallest failing example of a check, and the calls of the search that found it."""

    example: Examples
    calls: tuple[RepeatedCall, ...]

    def value(self) -> dict[str, Any]:
        """Return the arguments that the check draws.

        Raises:
            WireError: they are none.
        """
        (found,) = self.example.values()
        return found


class FailureTable(msgspec.Struct):
    """What is known of the failures of one exercise."""

    exercise: str
    key: str
    examples: dict[str, dict[str, bytes]] = {}
    """By check and by the digest of the answers to its questions, a packed `SmallestExample`."""
    names: dict[str, tuple[str, str]] = {}
    """By the digest of all answers, the mistake of the bank, if any, and the behaviour."""

    def completed_by(self, other: FailureTable) -> FailureTable:
        """Return what this one or the other knows, this one's first, within the bounds."""
        whole = FailureTable(self.exercise, self.key)
        for table in (self, other):
            for check, known in table.examples.items():
                for seen, packed in known.items():
                    whole.add(check, seen, packed)
            for seen, name in table.names.items():
                whole.add_name(seen, name)
        return whole

    def add_name(self, seen: str, name: tuple[str, str]) -> None:
        """Add a mistake and a behaviour where there is room; what is there stays."""
        if len(self.names) < _MOST_NAMES:
            self.names.setdefault(seen, name)

    def add(self, check: str, seen: str, packed: bytes) -> None:
        """Add a packed example where there is room; one that is there stays."""
        held = sum(len(one) for known in self.examples.values() for one in known.values())
        if len(packed) <= _MOST_ENTRY and held + len(packed) <= _MOST_EXAMPLES:
            self.examples.setdefault(check, {}).setdefault(seen, packed)


_WRITER = msgspec.msgpack.Encoder()
_TABLES = msgspec.msgpack.Decoder(FailureTable)
_EXAMPLES = msgspec.msgpack.Decoder(SmallestExample)


def packed(example: dict[str, Any], calls: Sequence[RepeatedCall]) -> bytes | None:
    """Return an example with its search as bytes; None for one that would read back otherwise."""
    data = examples_of([example])
    if data is None:
        return None
    written = _WRITER.encode(SmallestExample(data, tuple(calls)))
    return zlib.compress(written, 1) if len(written) <= _MOST_UNPACKED else None


def unpacked(content: bytes) -> SmallestExample | None:
    """Return an example from its bytes; None where they hold none."""
    try:
        found: SmallestExample = _EXAMPLES.decode(
            zlib.decompressobj().decompress(content, _MOST_UNPACKED)
        )
        found.value()
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, WireError):
        return None
    except ValueError:  # none, or more than one
        return None
    return found


def bytes_of(table: FailureTable) -> bytes:
    """Return a table as bytes."""
    return _WRITER.encode(table)


def table_of(content: bytes | None, exercise: str, key: str) -> FailureTable:
    """Return the table of an exercise; an empty one where the bytes hold no such table."""
    if content is not None:
        try:
            found: FailureTable = _TABLES.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = FailureTable("", "")
        if (found.exercise, found.key) == (exercise, key):
            return found
    return FailureTable(exercise, key, {}, {})
