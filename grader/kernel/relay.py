"""Carries the messages of a kernel to its client, and ends a kernel that sends endless ones.

libzmq holds a message in memory until its last part has arrived, and bounds a part only. So a
kernel could fill the memory of the grader with one message of many parts. The relay stands between
the two sockets of a channel, reads the frames that pass (ZMTP 3, https://rfc.zeromq.org/spec/23/)
and counts bytes and parts of each message. It holds a piece of a message, never a whole one.

Here: sockets, frames and their bounds. Not here: how many messages a cell may send (`client.py`),
what happens to a kernel that sends too much (`provisioner.py`).
Not covered: the content of messages; what a kernel keeps in its own memory is its own.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

MOST_PARTS = 64
"""Of one message: one of Jupyter has seven, and one for each buffer of a widget."""
MOST_MESSAGE_BYTES = 32 << 20
_GREETING = 64
_MORE, _LONG, _COMMAND = 1, 2, 4
_MOST_COMMANDS = 10_000
_PIECE = 1 << 16


class Overflow(Exception):
    """A message has more parts or bytes than any of a notebook."""


class FrameCounter:
    """Follows the frames of one direction of a connection, whatever pieces they arrive in.

    Args:
        most_parts: of one message.
        most_bytes: of one message.
    """

    def __init__(self, most_parts: int = MOST_PARTS, most_bytes: int = MOST_MESSAGE_BYTES) -> None:
        self._most_parts, self._most_bytes = most_parts, most_bytes
        self._skip = _GREETING  # bytes until the next header
        self._header = bytearray()
        self._parts = self._bytes = self._commands = 0

    def feed(self, data: bytes) -> None:
        """Count the bytes that have just arrived.

        Raises:
            Overflow: a message is too long.
        """
        start = 0
        while start < len(data):
            if self._skip:
                step = min(self._skip, len(data) - start)
                self._skip -= step
                start += step
                continue
            self._header.append(data[start])
            start += 1
            if len(self._header) == (9 if self._header[0] & _LONG else 2):
                self._begin(self._header[0], int.from_bytes(self._header[1:], "big"))
                self._header.clear()

    def _begin(self, flags: int, size: int) -> None:
        """Count the frame whose header has just been read."""
        self._skip = size
        if flags & _COMMAND:
            self._commands += 1
            if size > _PIECE or self._commands > _MOST_COMMANDS:
                raise Overflow
            return
        self._parts += 1
        self._bytes += size
        if self._parts > self._most_parts or self._bytes > self._most_bytes:
            raise Overflow
        if not flags & _MORE:
            self._parts = self._bytes = 0


class Relay:
    """A thread that passes on what a kernel and its client send each other.

    Args:
        routes: paths of sockets: where the client connects, and where the kernel listens.
        overflowed: called once, from the thread, when a message is too long.
    """

    def __init__(self, routes: dict[str, str], overflowed: Callable[[], None]) -> None:
        self._routes = routes
        self._overflowed = overflowed
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._open: set[socket.socket] = {self._wake, self._waker}
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)

    def start(self) -> None:
        """Listen for the client."""
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        for path, beyond in self._routes.items():
            listener = socket.socket(socket.AF_UNIX)
            self._open.add(listener)
            listener.bind(path)
            os.chmod(path, 0o600)
            listener.listen(8)
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, beyond)
        self._thread.start()

    def close(self) -> None:
        """End all connections and the thread."""
        if self._thread.is_alive():
            self._waker.send(b"x")
            self._thread.join()
        for one in self._open:
            one.close()
        self._selector.close()

    def _work(self) -> None:
        while True:
            for key, events in self._selector.select():
                if key.fileobj is self._wake:
                    return
                if isinstance(key.data, str):
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type]
                    continue
                link: _Link = key.data
                if link.is_open:
                    self._serve(link, key.fileobj, events)  # type: ignore[arg-type]

    def _serve(self, link: _Link, end: socket.socket, events: int) -> None:
        try:
            link.serve(end, events)
        except Overflow:
            link.close()
            self._overflowed()
        except (EOFError, OSError):
            link.close()

    def _accept(self, listener: socket.socket, beyond: str) -> None:
        client = kernel = None
        with suppress(OSError):
            client, _ = listener.accept()
            kernel = socket.socket(socket.AF_UNIX)
            kernel.settimeout(1.0)  # a kernel that lets nobody in must not hold the thread
            kernel.connect(beyond)
            _Link(self._selector, self._open, client, kernel)
            return
        for end in (client, kernel):
            if end is not None:
                end.close()


class _Link:
    """One connection: what has been read from one end and not yet written to the other."""

    def __init__(
        self, selector: selectors.BaseSelector, open_: set[socket.socket],
        client: socket.socket, kernel: socket.socket,
    ) -> None:  # fmt: skip
        self._selector, self._open = selector, open_
        self._other = {client: kernel, kernel: client}
        self._counter = {kernel: FrameCounter()}
        self._waiting = {client: b"", kernel: b""}
        """For each end, what is still to be written to it."""
        self.is_open = True
        for end in self._other:
            end.setblocking(False)
            open_.add(end)
            selector.register(end, selectors.EVENT_READ, self)

    def serve(self, end: socket.socket, events: int) -> None:
        """Read from an end, or write to it.

        Raises:
            EOFError, OSError: the connection is over.
            Overflow: the kernel sends too much.
        """
        if events & selectors.EVENT_WRITE:
            self._write(end)
        if events & selectors.EVENT_READ and not self._waiting[self._other[end]]:
            with suppress(BlockingIOError):
                data = end.recv(_PIECE)
                if not data:
                    raise EOFError
                if end in self._counter:
                    self._counter[end].feed(data)
                self._waiting[self._other[end]] = data
                self._write(self._other[end])
        self._watch()

    def close(self) -> None:
        """Close both ends."""
        self.is_open = False
        for end in self._other:
            with suppress(KeyError, ValueError):
                self._selector.unregister(end)
            self._open.discard(end)
            end.close()

    def _write(self, end: socket.socket) -> None:
        with suppress(BlockingIOError):
            sent = end.send(self._waiting[end], socket.MSG_NOSIGNAL)
            self._waiting[end] = self._waiting[end][sent:]

    def _watch(self) -> None:
        """Read from an end only when its last piece was passed on: so nothing piles up here."""
        for end, other in self._other.items():
            wanted = 0 if self._waiting[other] else selectors.EVENT_READ
            wanted |= selectors.EVENT_WRITE if self._waiting[end] else 0
            known = end in self._selector.get_map()
            if wanted and known:
                self._selector.modify(end, wanted, self)
            elif wanted:
                self._selector.register(end, wanted, self)
            elif known:
                self._selector.unregister(end)
