"""Uses of ipykernel beyond its public interface, for a kernel behind walls.

A kernel cannot create sockets or files where ipykernel would; it uses inherited ones. It also
inherits the application and the shell, which the warm parent builds once for all kernels.
Covered by `tests/test_third_party_internals.py`. Not here: settings and the shell
(`kernel_process.py`), limits on output (`output.py`).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipykernel.ipkernel
import zmq
from ipykernel.compiler import XCachingCompiler
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.profiledir import ProfileDir
from IPython.paths import get_ipython_dir
from traitlets.config import Config


class InheritedSocketsApp(IPKernelApp):
    """ipykernel's application over listening sockets that the grader has made."""

    first_listener = 0
    """Descriptor of the socket of port 1; those of the ports after it follow."""
    profile_folder = ""
    """Where the kernel's own profile is created."""

    @classmethod
    def prepared(cls, settings: Config) -> InheritedSocketsApp:
        """Build the application and its shell, without a socket, a thread or a folder.

        Runs once in the warm parent: it is two thirds of a kernel's start. `initialize` then
        does what each kernel needs for itself.
        """
        app: InheritedSocketsApp = cls.instance(config=settings)
        IPKernelApp.init_config_files(app)  # type: ignore[no-untyped-call]
        IPKernelApp.load_config_file(app)  # type: ignore[no-untyped-call]
        app.init_pdb()  # type: ignore[no-untyped-call]
        shell: Any = ZMQInteractiveShell.instance(
            parent=app, ipython_dir="", profile_dir=ProfileDir(), compiler_class=XCachingCompiler
        )
        assert shell.display_formatter.formatters, "made when first used"
        importlib.import_module("IPython.extensions.storemagic")  # each kernel loads it
        shell._sys_modules_keys = set(sys.modules)  # what `%reset` keeps
        app.log.setLevel(app.log_level)  # else a record of every message is made and dropped
        return app

    def init_profile_dir(self) -> None:
        """Create the folders of the kernel's own profile."""
        self.profile_dir = ProfileDir(parent=self, location=self.profile_folder)

    def init_config_files(self) -> None:
        """List no files: see `prepared`."""

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """Load no configuration: see `prepared`."""

    def init_code(self) -> None:
        """Run the startup files of this machine."""
        # in place of the base method, which then reads the names of all modules
        self._run_startup_files()  # type: ignore[no-untyped-call]
        self._run_exec_lines()  # type: ignore[no-untyped-call]
        self._run_exec_files()  # type: ignore[no-untyped-call]
        shell: Any = self.shell
        shell.user_ns_hidden.update(shell.user_ns)

    def init_kernel(self) -> None:
        """Create the kernel, which takes the shell that there is, and make the shell its own."""
        with _no_modules_listed():
            super().init_kernel()  # type: ignore[no-untyped-call]
        shell: Any = self.kernel.shell
        shell.parent = shell.kernel = self.kernel
        shell.profile_dir, shell.ipython_dir = self.profile_dir, get_ipython_dir()
        shell.save_sys_module_state()
        shell.sys_excepthook = sys.excepthook
        shell.init_pushd_popd_magic()  # the home folder
        shell.starting_dir = os.getcwd()
        shell.history_manager.dir_hist[:] = [Path.cwd()]

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


@contextmanager
def _no_modules_listed() -> Iterator[None]:
    """Let a kernel be created without the list of all modules, which only its debugger reads.

    Reading a module copies its memory, which a kernel shares with the warm parent.
    """
    found = vars(ipykernel.ipkernel)
    found["sys"] = SimpleNamespace(**{**vars(sys), "modules": {}})
    try:
        yield
    finally:
        found["sys"] = sys


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
