"""Bounds the output of a cell at its source: before it is encoded, queued and sent.

Encoding a gigabyte that the grader will drop would waste time. Here the rest of a flood is dropped
at once, and the grader gets a message, so that it can interrupt the cell. Of an error, the type is
sent, and both ends of its message and traceback.

Not covered: code inside can remove this; so the grader bounds the bytes that it receives too
(`kernel/client.py`). Not here: what follows when a cell floods (`execution.py`).
"""

from __future__ import annotations

from typing import Any

from ipykernel.iostream import OutStream

FLOODED = "flooded"
"""Type of the message that reports a cell with too much output."""
_PER_MESSAGE = 1_000  # bytes; the cost of a message, in bytes that take as long to send
_MOST_ERROR, _MOST_TRACEBACK = 2_000, 20_000
_COUNTED = ("display_data", "execute_result", "update_display_data", "clear_output")


class OutputBound:
    """How much more output one cell of a kernel may produce.

    Args:
        session: the kernel's `jupyter_client` session, by which everything is sent.
        iopub: the socket that output is sent by.
        most: bytes, about: text counts by its characters.
    """

    def __init__(self, session: Any, iopub: Any, most: int) -> None:
        self._most = self._left = most
        self._session, self._iopub = session, iopub
        self._send_any, self._write_any = session.send, OutStream.write

    def install(self) -> None:
        """Start bounding every message and every stream."""
        self._session.send = self._send
        bound = self

        def write(self: OutStream, string: str) -> int | None:
            return bound._write(self, string)

        OutStream.write = write  # type: ignore[method-assign]

    def renew(self, *_: object) -> None:
        """Begin a new cell."""
        self._left = self._most

    def _write(self, stream: OutStream, text: str) -> int | None:
        if type(text) is not str:
            return self._write_any(stream, text)
        kept = text[: max(0, self._left)]
        self._spend(len(text), stream.parent_header)
        if kept:
            self._write_any(stream, kept)
        return len(text)

    def _send(
        self, stream: Any, message: Any, content: Any = None, parent: Any = None,
        *args: Any, **more: Any,
    ) -> Any:  # fmt: skip
        whole = isinstance(message, dict)
        kind = message.get("msg_type") if whole else message
        held = message.get("content") if whole else content
        if isinstance(held, dict) and ("evalue" in held or "traceback" in held):
            held["evalue"] = _shortened(held.get("evalue"), _MOST_ERROR)
            lines = [line for line in held.get("traceback") or () if type(line) is str]
            held["traceback"] = [_shortened("\n".join(lines), _MOST_TRACEBACK)]
        elif kind in _COUNTED or str(kind).startswith("comm_"):
            asked = message.get("parent_header") if whole else parent
            if not self._spend(_PER_MESSAGE + _size(held), asked):
                return None
        return self._send_any(stream, message, content, parent, *args, **more)

    def _spend(self, size: int, parent: Any) -> bool:
        """Return whether so much more output is allowed; report the first excess to the grader."""
        before, self._left = self._left, self._left - size
        if before >= 0 > self._left:
            self._send_any(self._iopub, FLOODED, {}, parent=parent)
        return self._left >= 0


def _shortened(text: Any, most: int) -> str:
    """Keep the beginning and the end, where a traceback names the origin of an error."""
    if type(text) is not str:
        return ""
    return text if len(text) <= most else f"{text[: most // 2]}\n...\n{text[-most // 2 :]}"


def _size(value: Any) -> int:
    """Return the approximate length of a value as JSON."""
    if isinstance(value, dict):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 8
