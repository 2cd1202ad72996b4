"""Sends a request to the guest: over a socket with a deadline, or in this process.

Here: deadlines, interrupts, the death of a kernel, and the reading of what comes back.
Not here: what is asked (`student.py`), the format (`wire/`).
"""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from grader.errors import (
    CallTimedOut,
    GpuOutOfMemory,
    KernelDied,
    MemoryRefused,
    OutOfMemory,
    StudentError,
    StudentRaised,
)
from grader.guest.server import Guest
from grader.kernel.deadlines import Deadline, Spent
from grader.kernel.handle import handle_nodes
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder
from grader.wire.messages import HandleNode

_GPU_OUT_OF_MEMORY = "OutOfMemoryError"  # torch's name for it
_OUT_OF_MEMORY = ("MemoryError", "_ArrayMemoryError")  # Python's, and NumPy's
_TORCH_OUT_OF_MEMORY = "DefaultCPUAllocator: can't allocate memory"  # torch's: a RuntimeError
_MOST_MISSING, _MOST_NAME = 16, 60  # packages of one answer, characters of a name
_GRACE_S = 1.0  # from an interrupt until the kernel is killed


def encode(
    request: messages.Request, args: Sequence[object], kwargs: dict[str, object]
) -> list[memoryview]:
    """Write a request with its arguments as the parts of a frame.

    Raises:
        TypeError: an argument cannot be sent; the check that asks is at fault.
    """
    encoder = Encoder(handle_nodes)
    request.args = [encoder.node(arg) for arg in args]
    request.kwargs = {key: encoder.node(arg) for key, arg in kwargs.items()}
    if encoder.refused:
        raise TypeError(f"{encoder.refused[0]} cannot be sent to the student's code")
    try:
        return messages.pack(request, encoder.payload)
    except messages.WireError as error:
        raise TypeError(f"the arguments cannot be sent to the student's code: {error}") from None


def read_answer(
    reply: messages.Reply,
    payload: bytearray,
    call: str,
    decode: Callable[[HandleNode], object],
) -> messages.Answer:
    """Turn a reply into an answer.

    Raises:
        StudentRaised: the call raised.
        MemoryRefused: the call got no memory, of the machine or of the GPU.
            Whether that or the end of the kernel comes first is a race, with the same verdict.
        WireError: a value does not match its header.
    """
    missing = tuple(name[:_MOST_NAME] for name in reply.missing[:_MOST_MISSING])
    if reply.failure is not None:
        error = _error_of(reply.failure, call)
        error.missing = missing
        raise error
    decoder = Decoder(payload, decode)
    return messages.Answer(
        decoder.value(reply.value),
        [decoder.value(node) for node in reply.arguments],
        reply.printed[:100_000],
        missing,
    )


def _error_of(failure: messages.Failure, call: str) -> StudentError:
    if failure.kind == _GPU_OUT_OF_MEMORY and not failure.refused:
        return GpuOutOfMemory(call, failure.message[:500])
    if failure.kind in _OUT_OF_MEMORY or _TORCH_OUT_OF_MEMORY in failure.message[:500]:
        return MemoryRefused(call, failure.message[:500])
    kind = "" if failure.refused else failure.kind[:200]
    return StudentRaised(call, kind, failure.message[:2_000], failure.where[:200])


class LocalConnection:
    """A guest in this process: for the self-check, and for tests of checks.

    Values still travel as bytes, so they are copied and refused exactly as with a kernel.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def ask(
        self,
        request: messages.Request,
        args: Sequence[object],
        kwargs: dict[str, object],
        *,
        call: str,
        decode: Callable[[HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:
        """Answer at once; there is no deadline here."""
        sent = _joined(encode(request, args, kwargs))
        header, _ = messages.lengths(bytes(sent[: messages.HEAD_BYTES]))
        body = sent[messages.HEAD_BYTES :]
        parts = self._guest.answer(messages.read_request(body[:header]), body[header:])
        received = _joined(parts)
        header, _ = messages.lengths(bytes(received[: messages.HEAD_BYTES]))
        body = received[messages.HEAD_BYTES :]
        return read_answer(messages.read_reply(body[:header]), body[header:], call, decode)


class Process(Protocol):
    """What a connection uses of the kernel behind it."""

    @property
    def pidfd(self) -> int:
        """A descriptor that becomes readable when the kernel has died."""

    @property
    def out_of_memory(self) -> int:
        """The memory limit in bytes if the kernel was ended for exceeding it, else 0."""

    @property
    def out_of_time(self) -> int:
        """The limit in processor seconds if the kernel was ended for exceeding it, else 0."""

    @property
    def ended_for(self) -> str:
        """Why the watchdog ended the kernel, in words; empty if it did not."""

    def spent(self) -> Spent:
        """Return what the kernel and all it started have spent up to now."""

    def signal(self, number: int) -> None:
        """Send a signal to the kernel."""

    def end_descendants(self) -> bool:
        """End the kernel's descendants; return False where they are too many to end."""


@dataclass
class SocketConnection:
    """A guest behind a socket, in a kernel that may hang, die or send anything."""

    channel: socket.socket
    process: Process
    call_s: float
    wall_factor: float = 4.0
    lost: str = ""
    """Why no more questions are possible; empty while the kernel lives."""
    received: int = 0
    """Bytes of all answers so far."""

    def ask(
        self,
        request: messages.Request,
        args: Sequence[object],
        kwargs: dict[str, object],
        *,
        call: str,
        decode: Callable[[HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:
        """Send one request and wait for its answer.

        It may take `call_s` processor seconds, or `limit_s`, and `wall_factor` times as long by
        the wall clock.

        Raises:
            CallTimedOut: no answer in time. The call was interrupted; if that did not help, the
                kernel is dead now.
            StudentRaised, KernelDied, OutOfMemory: what the student's code did instead.
        """
        if self.lost:
            raise KernelDied(call, self.lost)
        deadline = self._deadline(self.call_s if limit_s is None else limit_s)
        try:
            self._send(encode(request, args, kwargs), deadline)
            return self._receive(request.number, deadline, call, decode)
        except _Late:
            self._interrupt(request.number, call, decode)
            if self.process.out_of_memory:  # the interrupt came while it was being ended for that
                raise OutOfMemory(call, self.process.out_of_memory) from None
            if deadline.by_wall:
                raise CallTimedOut(call, deadline.ceiling_s) from None
            raise CallTimedOut(call, deadline.limit_s, of_processor=True) from None
        except messages.WireError as error:
            raise self._end(call, f"its answer cannot be read: {error}") from None
        except (EOFError, OSError):
            raise self._end(call, "the process exited") from None

    def _deadline(self, limit_s: float) -> Deadline:
        return Deadline(self.process.spent, limit_s, self.wall_factor)

    def _interrupt(self, number: int, call: str, decode: Callable[[HandleNode], object]) -> None:
        self.process.signal(signal.SIGINT)
        try:
            with suppress(StudentRaised, MemoryRefused):
                self._receive(number, self._deadline(_GRACE_S), call, decode)
        except (_Late, messages.WireError, EOFError, OSError):
            self._end(call, "it did not stop when a call took too long")
        else:
            if not self.process.end_descendants():
                self._end(call, "a call that took too long left processes without end")

    def _end(self, call: str, reason: str) -> KernelDied | OutOfMemory | CallTimedOut:
        # the watchdog says why before it kills, so this is known by now
        self.lost = self.process.ended_for or reason
        self.process.signal(signal.SIGKILL)
        if self.process.out_of_memory:
            return OutOfMemory(call, self.process.out_of_memory)
        if self.process.out_of_time:
            return CallTimedOut(call, self.process.out_of_time, of_processor=True)
        return KernelDied(call, self.lost)

    def _send(self, parts: list[memoryview], deadline: Deadline) -> None:
        small = sum(part.nbytes for part in parts) < 1 << 16
        for part in [memoryview(_joined(parts))] if small else parts:
            view = part
            while view:
                self._wait(select.POLLOUT, deadline)
                view = view[self.channel.send(view, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]

    def _receive(
        self,
        number: int,
        deadline: Deadline,
        call: str,
        decode: Callable[[HandleNode], object],
    ) -> messages.Answer:
        header, payload = messages.lengths(bytes(self._read(messages.HEAD_BYTES, deadline)))
        self.received += header + payload
        reply = messages.read_reply(self._read(header, deadline))
        data = self._read(payload, deadline)
        if reply.number != number:
            raise messages.WireError("it answers another question")
        return read_answer(reply, data, call, decode)

    def _read(self, size: int, deadline: Deadline) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._wait(select.POLLIN, deadline)
            got = self.channel.recv_into(view, 0, socket.MSG_DONTWAIT)
            if not got:
                raise EOFError
            view = view[got:]
        return data

    def _wait(self, event: int, deadline: Deadline) -> None:
        """Wait until the channel is ready; a kernel may have answered before it died."""
        poll = select.poll()
        poll.register(self.channel, event)
        poll.register(self.process.pidfd, select.POLLIN)
        while True:
            left_s = deadline.left()
            if left_s <= 0:
                raise _Late
            ready = dict(poll.poll(left_s * 1000))
            if ready.get(self.channel.fileno(), 0) & (event | select.POLLHUP | select.POLLERR):
                return
            if ready:
                raise EOFError


class _Late(Exception):
    """The deadline has passed."""


def _joined(parts: Sequence[memoryview]) -> bytearray:
    return bytearray(b"".join(parts))
