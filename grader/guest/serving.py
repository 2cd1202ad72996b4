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
    with suppress(EOFError, OSError):
        while True:
            header, payload = messages.lengths(bytes(receive(channel, messages.HEAD_BYTES)))
            request = messages.read_request(receive(channel, header))
            data = receive(channel, payload)
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
            for part in parts:
                channel.sendall(part)
    channel.detach()
