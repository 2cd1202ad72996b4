"""Uses of ipykernel beyond its public interface, for a kernel behind walls.

A kernel cannot create sockets or files where ipykernel would; it uses inherited ones.
Covered by `tests/test_third_party_internals.py`. Not here: settings and the shell
(`kernel_process.py`), limits on output (`output.py`).
"""

from __future__ import annotations

import os
import sys
from typing import Any

import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp


class InheritedSocketsApp(IPKernelApp):
    """ipykernel's application over listening sockets that the grader has made."""

    first_listener = 0
    """Descriptor of the socket of port 1; those of the ports after it follow."""

    def init_iopub(self, context: Any) -> None:
        """Open the output socket, without a limit on what waits in it."""
        # the grader takes few messages at a time; the others wait here and are not lost
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]

    def init_control(self, context: Any) -> None:
        """Open the control socket, without the debugger's, which has no reader."""
        context.setsockopt(zmq.RECONNECT_IVL, -1)
        super().init_control(context)  # type: ignore[no-untyped-call]

    def _try_bind_socket(self, socket: Any, port: int) -> int:
        # a kernel may not create a socket outside its folder
        socket.setsockopt(zmq.USE_FD, self.first_listener + port - 1)
        socket.bind(f"ipc://{self.ip}-{port}")
        return port

    def init_heartbeat(self) -> None:
        """Start no heartbeat: the grader watches the process."""

    def init_connection_file(self) -> None:
        """Read no connection file: the start message holds the same."""

    def write_connection_file(self, **_: Any) -> None:
        """Write no connection file."""

    def cleanup_connection_file(self) -> None:
        """Remove none."""

    def log_connection_info(self) -> None:
        """Print no hint on how to connect."""

    def parse_command_line(self, argv: Any = None) -> None:
        """Read no command line."""


def keep_output_of_children_local() -> None:
    """Disable the pipe by which forked children send their output over tcp://127.0.0.1.

    libzmq aborts when it is refused a TCP socket.
    """
    IOPubThread._setup_pipe_in = (  # type: ignore[method-assign]
        lambda self: setattr(self, "_pipe_flag", False)
    )


def forget_log() -> None:
    """Close the log file of a kernel's start, whose size nothing limits."""
    with open("/dev/null", "wb") as null:
        for stream in (sys.stdout, sys.stderr):
            place = getattr(stream, "_original_stdstream_copy", None)
            if place is not None:
                os.dup2(null.fileno(), place, inheritable=False)
