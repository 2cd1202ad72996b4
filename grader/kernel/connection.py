"""Sends a request to the guest: over a socket with a deadline, or in this process.

Here: deadlines, interrupts, the death of a kernel. Not here: what is asked (`student.py`), what a
reply means (`answers.py`), the format (`wire/`).
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from grader.errors import CallTimedOut, KernelDied, OutOfMemory, StudentError
from grader.guest.server import Guest
from grader.kernel.ahead import Outcome, RightReply, Sent
from grader.kernel.answers import read_answer
from grader.kernel.deadlines import Deadline, Spent
from grader.kernel.describe import CallText
from grader.kernel.handle import handle_nodes
from grader.wire import messages
from grader.wire.codec import Encoder
from grader.wire.messages import HandleNode

_AT_ONCE_OR_NOT = int(socket.MSG_DONTWAIT) | int(getattr(socket, "MSG_NOSIGNAL", 0))
_GRACE_S = 1.0  # from an interrupt until the kernel is killed
_READ_BYTES = 1 << 16
_AT_ONCE = 8  # calls under way, of `_READ_BYTES` in all: they fit the buffer of a socket, so that
# sending never waits for a kernel that waits to be read
_QUICK_S = 0.02  # a call that takes longer is made alone
_AHEAD_S = 0.5  # calls are made ahead for so long; then the check makes its own


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
        call: str | CallText,
        decode: Callable[[HandleNode], object],
        limit_s: float | None = None,
    ) -> messages.Answer:
        """Answer at once; there is no deadline here."""
        reply, payload = self.exchange(_joined(encode(request, args, kwargs)))
        return read_answer(reply, payload, call, decode)

    def ask_all(
        self, asked: Sequence[Sent], decode: Callable[[HandleNode], object]
    ) -> list[Outcome]:
        """Answer calls in order."""
        return [_outcome(one, *self.exchange(bytearray(one.frame())), decode) for one in asked]

    def exchange(self, sent: bytearray) -> tuple[messages.Reply, bytearray]:
        """Return the reply to a request, both as bytes, and the tensors of the reply."""
        header, _ = messages.lengths(bytes(sent[: messages.HEAD_BYTES]))
        body = sent[messages.HEAD_BYTES :]
        received = _joined(self._guest.answer(messages.read_request(body[:header]), body[header:]))
        header, _ = messages.lengths(bytes(received[: messages.HEAD_BYTES]))
        body = received[messages.HEAD_BYTES :]
        return messages.read_reply(body[:header]), body[header:]


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

    def end_workers(self) -> bool:
        """End the same while the kernel stands still; they may be pools of workers."""


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
    _buffer: bytearray = field(default_factory=bytearray, repr=False)
    """Bytes that have arrived and are not read yet."""
    _polls: dict[int, select.poll] = field(default_factory=dict, repr=False)

    def ask(
        self,
        request: messages.Request,
        args: Sequence[object],
        kwargs: dict[str, object],
        *,
        call: str | CallText,
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
            raise KernelDied(str(call), self.lost)
        deadline = self._deadline(self.call_s if limit_s is None else limit_s)
        try:
            with self._ending((request.number,), deadline, lambda: str(call)):
                self._send(encode(request, args, kwargs), deadline)
                reply, data = self._receive(request.number, deadline)
                return read_answer(reply, data, call, decode)
        except _Ended as ended:
            raise ended.error from None

    def ask_all(
        self, asked: Sequence[Sent], decode: Callable[[HandleNode], object],
        goes_on: Callable[[], bool] = lambda: True,
    ) -> list[Outcome]:  # fmt: skip
        """Make calls in order, a few on their way at once; return how the first of them ended.

        Each has the deadline that it has alone. The rest is not made after a call that is late or
        ends the kernel, where `goes_on` says no, or where the calls are slow: a slow call is made
        alone, so that no others have to be waited for when it fails.
        """
        outcomes: list[Outcome] = []
        sizes: list[int] = []
        """Of the calls that were sent, in bytes."""
        room = 1
        until = time.monotonic() + _AHEAD_S
        while not self.lost:
            deadline = self._deadline(self.call_s)
            done = len(outcomes)
            if done == len(asked):
                break
            one = asked[done]
            under_way = [each.request.number for each in asked[done : len(sizes)]]
            try:
                with self._ending(under_way, deadline, one.text):
                    # several at once, so that each side wakes up once for several
                    if len(sizes) < len(asked) and len(under_way) <= room // 2 and goes_on():
                        frames = _next_frames(asked, sizes, done, room)
                        under_way[:] = [each.request.number for each in asked[done : len(sizes)]]
                        self._send([memoryview(frame) for frame in frames], deadline)
                    if len(sizes) == done:
                        break
                    started = time.monotonic()
                    reply, data = self._receive(one.request.number, deadline)
                    outcomes.append(_outcome(one, reply, data, decode))
            except _Ended as ended:
                outcomes.append(ended.error)
                break
            now = time.monotonic()
            room = 0 if now > until else _AT_ONCE if now - started < _QUICK_S else 1
        return outcomes

    @contextmanager
    def _ending(
        self, under_way: Sequence[int], deadline: Deadline, call: Callable[[], str]
    ) -> Iterator[None]:
        """Turn the end of a call, the first of those under way, into its error.

        Raises:
            _Ended: it is late, or the kernel has ended.
        """
        try:
            yield
        except _Late:
            self._interrupt(under_way, call())
            if self.process.out_of_memory:  # the interrupt came while it was being ended for that
                raise _Ended(OutOfMemory(call(), self.process.out_of_memory)) from None
            if deadline.by_wall:
                raise _Ended(CallTimedOut(call(), deadline.ceiling_s)) from None
            raise _Ended(CallTimedOut(call(), deadline.limit_s, of_processor=True)) from None
        except messages.WireError as error:
            raise _Ended(self._end(call(), f"its answer cannot be read: {error}")) from None
        except (EOFError, OSError):
            raise _Ended(self._end(call(), "the process exited")) from None

    def end_workers(self) -> None:
        """End the processes that cells and earlier answers left: none of them answers anything."""
        if not self.lost and not self.process.end_workers():
            self._end("the notebook", "its cells left processes without end")

    def _deadline(self, limit_s: float) -> Deadline:
        return Deadline(self.process.spent, limit_s, self.wall_factor)

    def _interrupt(self, numbers: Sequence[int], call: str) -> None:
        self.process.signal(signal.SIGINT)
        grace = self._deadline(_GRACE_S)
        try:
            for number in numbers:  # the guest refuses those after the first
                self._receive(number, grace)
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
                if deadline.left() <= 0:
                    raise _Late
                try:
                    view = view[self.channel.send(view, _AT_ONCE_OR_NOT) :]
                except BlockingIOError:  # seldom: most questions fit the buffer of the socket
                    self._wait(select.POLLOUT, deadline)

    def _receive(self, number: int, deadline: Deadline) -> tuple[messages.Reply, bytearray]:
        header, payload = messages.lengths(bytes(self._read(messages.HEAD_BYTES, deadline)))
        self.received += header + payload
        reply = messages.read_reply(self._read(header, deadline))
        data = self._read(payload, deadline)
        if reply.number != number:
            raise messages.WireError("it answers another question")
        return reply, data

    def _read(self, size: int, deadline: Deadline) -> bytearray:
        if size < _READ_BYTES:  # one look at the socket serves several small answers
            while len(self._buffer) < size:
                self._wait(select.POLLIN, deadline)
                arrived = self.channel.recv(_READ_BYTES, socket.MSG_DONTWAIT)
                if not arrived:
                    raise EOFError
                self._buffer += arrived
        data = self._buffer[:size]
        del self._buffer[:size]
        if len(data) == size:
            return data
        start = len(data)
        data += bytes(size - start)
        view = memoryview(data)[start:]
        while view:
            self._wait(select.POLLIN, deadline)
            got = self.channel.recv_into(view, 0, socket.MSG_DONTWAIT)
            if not got:
                raise EOFError
            view = view[got:]
        return data

    def _wait(self, event: int, deadline: Deadline) -> None:
        """Wait until the channel is ready; a kernel may have answered before it died."""
        poll = self._polls.get(event)
        if poll is None:
            poll = self._polls[event] = select.poll()
            poll.register(self.channel, event)
            poll.register(self.process.pidfd, select.POLLIN)
        while True:
            left_s = deadline.left()
            if left_s <= 0:
                raise _Late
            ready = dict(poll.poll(left_s * 1000))
            if self.channel.fileno() in ready:
                return
            if ready:
                raise EOFError


class _Late(Exception):
    """The deadline has passed."""


class _Ended(Exception):
    """A call has ended without an answer, with this error."""

    def __init__(self, error: StudentError) -> None:
        super().__init__(error)
        self.error = error


def _next_frames(asked: Sequence[Sent], sizes: list[int], done: int, room: int) -> list[bytes]:
    """Return the frames of the calls to send next, and add their sizes.

    Args:
        asked: all calls.
        sizes: of those that were sent, in bytes.
        done: how many of them have ended.
        room: how many may be under way.
    """
    frames: list[bytes] = []
    while len(sizes) < min(len(asked), done + room):
        frame = asked[len(sizes)].frame()
        if len(sizes) > done and sum(sizes[done:]) + len(frame) > _READ_BYTES:
            break
        frames.append(frame)
        sizes.append(len(frame))
    return frames


def _outcome(
    one: Sent, reply: messages.Reply, payload: bytearray, decode: Callable[[HandleNode], object]
) -> Outcome:
    """Return what came back for a call: as it is where it is right, else read.

    Raises:
        WireError: a value does not match its header.
    """
    if one.is_right(reply, payload):
        return RightReply(reply, payload)
    try:
        return read_answer(reply, payload, one.text(), decode)
    except StudentError as error:
        return error


def _joined(parts: Sequence[memoryview]) -> bytearray:
    return bytearray(b"".join(parts))
