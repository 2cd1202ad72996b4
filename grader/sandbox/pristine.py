"""The pristine process: imports libraries once, and forks a warm parent for each worker.

It is what a warm parent is before its walls stand: a clean environment, nothing of the course, no
torch operation, one thread. It imports the libraries of `policy.PRISTINE`; each warm parent imports
the others inside its walls.

Here: the loop that forks. Not here: imports and outer walls (`zygote.py`).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
from typing import NoReturn

from grader.sandbox import linux, messages, zygote

_PACKET = 1 << 18


def main(descriptor: int) -> NoReturn:
    """Import the libraries, and fork a warm parent for every order until the grader ends.

    A library that cannot be imported is left to the warm parents, which report it.
    """
    orders = socket.socket(fileno=descriptor)
    orders.set_inheritable(False)
    linux.die_with_parent()
    gc.disable()  # imports make half a million objects and leave next to none to collect
    settings = messages.decode_start(orders.recv(_PACKET))
    zygote.import_ours(settings)
    with contextlib.suppress(Exception):
        zygote.import_pristine(settings)
    gc.freeze()  # the collector would write to every page that is shared, and so copy it
    linux.set_dumpable(False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps what was forked
    while True:
        packet, descriptors, _, _ = socket.recv_fds(orders, _PACKET, 1)
        if not packet:
            os._exit(0)
        for control in descriptors:
            pid = os.fork()
            if pid == 0:
                orders.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                linux.set_dumpable(True)  # as in any new process, until its walls stand
                zygote.main(control, forked=True)
            _report(control, pid)


def _report(control: int, pid: int) -> None:
    """Send the pidfd of a warm parent to the worker that asked for it."""
    with contextlib.suppress(OSError), socket.socket(fileno=control) as answers:
        watched = os.pidfd_open(pid)
        try:
            socket.send_fds(answers, [messages.encode(messages.Forked(0))], [watched])
        finally:
            os.close(watched)
