"""Jupyter's client and manager, for a kernel over `ipc://` that the grader starts and ends.

They avoid the waits of the stock ones: no heartbeat, no stdin channel, no connection file, and a
kernel is ready at its welcome message instead of after 200 ms of silence. Measured: 0.33 s from
start to end with the stock client, 0.12 s with this one.

Not here: starting the process (`provisioner.py`), running cells (`execution.py`).
"""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpec
from traitlets import Type

from grader.errors import KernelLost
from grader.kernel.jupyter_internals import ManagerWithoutControl
from grader.kernel.provisioner import SPEC, SandboxProvisioner

_MOST_MESSAGE_BYTES = 16 << 20  # a larger one drops the connection
_WELCOME_S = 0.5  # for a kernel's welcome
_ANSWER_S = 3.0  # for an answer, until it is asked again
_MOST_WAITING = 8  # received messages that wait to be read: bounds our memory
_A_MESSAGE, _A_MISTAKE = 500, 1 << 20  # added for each message, and for a malformed one


class Garbled(Exception):
    """The kernel sends malformed messages, or far more output than a cell may."""


class BoundedChannel(AsyncZMQSocketChannel):
    """A channel that drops malformed messages and bounds the number of bytes."""

    most_bytes = _MOST_MESSAGE_BYTES
    """How many bytes may arrive until `renew`, malformed ones included."""
    _received = 0

    def renew(self) -> None:
        """Begin a new cell."""
        self._received = 0

    async def get_msg(  # type: ignore[override]  # the class above is of a blocking channel
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        """Return the next message.

        Raises:
            Empty: none arrived in time.
            Garbled: too many malformed messages or too many bytes arrived.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not await self.socket.poll(None if left is None else int(left * 1000)):
                raise Empty
            frames = await self.socket.recv_multipart()
            self._received += _A_MESSAGE + sum(map(len, frames))
            if self._received > self.most_bytes:
                raise Garbled
            try:
                _, parts = self.session.feed_identities(frames)
                message: dict[str, Any] = self.session.deserialize(parts)
            except Exception:  # untrusted bytes can make a parser raise anything
                self._received += _A_MISTAKE
                continue
            if _has_form(message):
                return message
            self._received += _A_MISTAKE


def _has_form(message: dict[str, Any]) -> bool:
    fields = (message.get(key) for key in ("header", "parent_header", "content"))
    return all(isinstance(f, dict) for f in fields) and isinstance(message["msg_type"], str)


class SandboxClient(AsyncKernelClient):
    """Sends cells and receives output; nothing else."""

    shell_channel_class = Type(BoundedChannel)
    iopub_channel_class = Type(BoundedChannel)
    cell_id = ""
    """Sent with the next cell, so that each definition is recorded with its cell."""

    def begin_cell(self, output_bytes: int) -> None:
        """Set how much the next cell may output, counted as encoded messages."""
        for channel in (self.shell_channel, self.iopub_channel):
            channel.most_bytes = _MOST_MESSAGE_BYTES + 8 * output_bytes
            channel.renew()

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = False, hb: bool = False,
        control: bool = False,
    ) -> None:  # fmt: skip
        """Open shell and iopub, the two channels that are used."""
        super().start_channels(shell=True, iopub=True, stdin=False, hb=False, control=False)

    def connect_shell(self, identity: bytes | None = None) -> Any:
        """Connect to the socket that takes cells."""
        return self._bounded(zmq.DEALER, "shell", identity or self.session.bsession)

    def connect_iopub(self, identity: bytes | None = None) -> Any:
        """Connect to the socket that sends output."""
        channel = self._bounded(zmq.SUB, "iopub", None)
        channel.setsockopt(zmq.SUBSCRIBE, b"")
        monitor = channel.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._dropped: zmq.Socket[bytes] = zmq.Socket.shadow(monitor)
        return channel

    def _bounded(self, kind: int, channel: str, identity: bytes | None) -> Any:
        made = self.context.socket(kind)
        made.linger = 0
        made.setsockopt(zmq.MAXMSGSIZE, _MOST_MESSAGE_BYTES)
        made.setsockopt(zmq.RCVHWM, _MOST_WAITING)
        if identity:
            made.identity = identity
        made.connect(self._address(channel))
        return made

    def _address(self, channel: str) -> str:
        return f"{self.transport}://{self.ip}-{getattr(self, f'{channel}_port')}"

    def execute(self, code: str, *args: Any, **kwargs: Any) -> str:
        """Send a cell with its id."""
        self._connect_output_again()
        content = {
            "code": code,
            "silent": kwargs.get("silent", False),
            "store_history": kwargs.get("store_history", True),
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self.session.msg("execute_request", content)
        message["metadata"] = {"cellId": self.cell_id}
        self.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def _connect_output_again(self) -> None:
        """Reconnect to the output if an oversized message closed the connection."""
        if not self._dropped.poll(0):
            return
        while self._dropped.poll(0):
            self._dropped.recv_multipart()
        output, address = self.iopub_channel.socket, self._address("iopub")
        output.disconnect(address)  # a second connection to the same address would be ignored
        output.connect(address)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for the kernel's welcome, then for its answer to one question.

        Raises:
            KernelLost: it died or did not answer in time.
        """
        deadline = time.monotonic() + (timeout or 60)
        # the welcome may be lost; then the answer to a question shows that the kernel is ready
        await self._next(self.iopub_channel, "iopub_welcome", set(), _WELCOME_S)
        asked: set[str] = set()
        while time.monotonic() < deadline:
            asked.add(self.kernel_info())
            reply = await self._next(self.shell_channel, "kernel_info_reply", asked, _ANSWER_S)
            if reply is None:
                continue
            while said := await self._next(self.iopub_channel, "status", asked, _ANSWER_S):
                if said["content"].get("execution_state") == "idle":
                    return
        raise KernelLost("the kernel did not answer in time")

    async def _next(
        self, channel: Any, kind: str, parents: set[str], wait_s: float
    ) -> dict[str, Any] | None:
        """Return the next message of a kind about one of `parents`, or None."""
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                message: dict[str, Any] = await channel.get_msg(timeout=min(left, 0.25))
            except Empty:
                if self.parent is not None and not await self.parent.is_alive():
                    raise KernelLost("the kernel died before its first cell") from None
                continue
            about = message["parent_header"].get("msg_id")
            if message["msg_type"] == kind and (not parents or about in parents):
                return message
        return None


class SandboxManager(ManagerWithoutControl):
    """Starts a kernel through our provisioner; the kernelspec of a notebook is ignored."""

    client_class = "grader.kernel.client.SandboxClient"
    client_factory = SandboxClient

    def __init__(self, provisioner: SandboxProvisioner) -> None:
        super().__init__(transport="ipc", context=zmq.asyncio.Context())
        provisioner.parent = self
        self.provisioner = self._sandbox = provisioner

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return the only kernelspec."""
        return SPEC

    def write_connection_file(self, **kwargs: Any) -> None:
        """Write no file: the kernel gets its connection over a pipe."""

    def cleanup_connection_file(self) -> None:
        """Do nothing: no connection file exists."""

    def cleanup_ipc_files(self) -> None:
        """Do nothing: these files lie in the scratch folder, which is removed."""
