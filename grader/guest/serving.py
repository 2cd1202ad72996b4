"""The loop inside the sandbox that reads questions from a socket and writes the answers.

Questions that were sent together are answered one after another, each as if it came alone. An
interrupt ends the one that is being answered, and what is left of those sent with it is refused.

Here: reading, writing, interrupts. Not here: what an answer is (`server.py`), when one is late
(`kernel/connection.py`).
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress

from grader.guest.server import Guest, Refused, failed
from grader.wire import messages
from grader.wire.messages import receive

_AT_ONCE_BYTES = 1 << 16


def serve(guest: Guest, descriptor: int) -> None:
    """Answer requests from a socket until it is closed. Runs in the kernel's main thread."""
    working = False
    batch = given_up = 0

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal given_up
        given_up = batch
        # an interrupt between two calls is late: it was meant for the call that has just ended
        if working:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    channel = socket.socket(fileno=descriptor)  # no copy: none may be free
    arrived = _Arrived(channel)
    with suppress(EOFError, OSError):
        while True:
            header, payload = messages.lengths(bytes(arrived.take(messages.HEAD_BYTES)))
            request = messages.read_request(arrived.take(header))
            data = arrived.take(payload)
            batch = request.batch
            working = True
            try:
                if batch and batch == given_up:
                    raise Refused("a question before it took too long")
                parts = guest.answer(request, data)
            except BaseException as error:  # an interrupt while the answer was written
                parts = failed(request.number, error)
            finally:
                working = False
            # each part of its own would wake the grader once
            small = sum(part.nbytes for part in parts) <= _AT_ONCE_BYTES
            for part in [b"".join(parts)] if small else parts:
                channel.sendall(part)
    channel.detach()


class _Arrived:
    """What arrives at a socket: one look at it serves several small questions."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._bytes = bytearray()

    def take(self, size: int) -> bytearray:
        """Return the next bytes, so many.

        Raises:
            EOFError: it was closed.
        """
        while len(self._bytes) < size <= _AT_ONCE_BYTES:
            more = self._channel.recv(_AT_ONCE_BYTES)
            if not more:
                raise EOFError
            self._bytes += more
        taken = self._bytes[:size]
        del self._bytes[:size]
        return taken + receive(self._channel, size - len(taken)) if len(taken) < size else taken
