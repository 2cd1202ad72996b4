"""Calls that are made before a check makes them, and what came back, kept for the check.

A check asks one call after another and waits for each answer. Where the calls are known from a run
on right answers, they are sent together, so that the kernel answers the next while the last is
read. Each is answered as if it came alone. An answer of exactly the bytes of the right one needs
no comparison of numbers; any other is given to the check when it asks the same.

Here: known calls, how an answer is recognised as the right one, and the answers that wait.
Not here: how calls are learned (`grading/sheets.py`), sending and deadlines (`connection.py`).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from grader.errors import StudentError
from grader.kernel.describe import call_text
from grader.kernel.handle import handle_nodes
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder

_WRITER = msgspec.msgpack.Encoder()
_READER = msgspec.msgpack.Decoder(tuple[messages.Node, list[messages.Node], str])
_SEEN = 16  # bytes of a digest
_MOST_SEEN = 1 << 16


@dataclass(frozen=True)
class KnownCall:
    """A call of a name that a check makes, and what a right answer replies to it."""

    name: str
    args: list[messages.Node]
    kwargs: dict[str, messages.Node]
    payload: bytes
    """The bytes of the tensors among the arguments."""
    right: bytes
    """The reply, as `content_of` writes it."""
    right_payload: bytes

    @cached_property
    def asked(self) -> bytes:
        """The arguments, comparable."""
        return _WRITER.encode((self.args, self.kwargs))

    def text(self, name: str) -> str:
        """Return the call as it would be typed, under the name that the notebook gives it."""
        decoder = Decoder(bytearray(self.payload), lambda node: node)
        args = [decoder.value(node) for node in self.args]
        return call_text(name, args, {k: decoder.value(node) for k, node in self.kwargs.items()})

    def is_right(self, reply: messages.Reply, payload: bytearray) -> bool:
        """Return whether a reply has exactly the bytes of the right one."""
        if reply.failure is not None or reply.missing or payload != self.right_payload:
            return False
        return content_of(reply) == self.right


@dataclass(frozen=True)
class RepeatedCall(KnownCall):
    """A call that an earlier notebook answered, right or wrong; `right` is `seen_of` its reply."""

    def is_right(self, reply: messages.Reply, payload: bytearray) -> bool:
        """Return whether a check sees the same of a reply as of the earlier one."""
        return seen_of(reply, payload) == self.right


@dataclass(frozen=True)
class Sent:
    """A known call on its way to one notebook."""

    known: KnownCall
    request: messages.Request
    name: str
    """Of the definition that is called, in the notebook."""

    def text(self) -> str:
        """Return the call as it would be typed."""
        return self.known.text(self.name)

    def frame(self) -> bytes:
        """Return the bytes to send."""
        payload = messages.Payload()
        if self.known.payload:
            payload.add(memoryview(self.known.payload))
        return b"".join(messages.pack(self.request, payload))

    def is_right(self, reply: messages.Reply, payload: bytearray) -> bool:
        """Return whether a reply has exactly the bytes of the right one."""
        return self.known.is_right(reply, payload)

    def is_asked_by(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object]
    ) -> bool:
        """Return whether a check asks exactly this."""
        ours = self.request
        place = (ours.op, ours.definition, ours.handle, ours.method)
        if place != (request.op, request.definition, request.handle, request.method):
            return False
        encoder = Encoder(handle_nodes)
        try:
            nodes = [encoder.node(arg) for arg in args]
            named = {key: encoder.node(arg) for key, arg in kwargs.items()}
        except TypeError:  # it cannot be sent, and the check is at fault
            return False
        return (
            not encoder.refused
            and b"".join(encoder.payload.parts) == self.known.payload
            and _WRITER.encode((nodes, named)) == self.known.asked
        )


@dataclass(frozen=True)
class RightReply:
    """A reply with the bytes of the right one; decoded only where a check asks for it."""

    reply: messages.Reply
    payload: bytearray


Outcome = messages.Answer | RightReply | StudentError
"""What came back: the answer or the error that the same call made alone ends with."""


class Waiting:
    """What came back from calls made ahead, until the check makes the same calls, in order."""

    def __init__(self) -> None:
        self._left: deque[tuple[Sent, Outcome]] = deque()

    def seen(self, calls: int) -> bytes:
        """Return a digest of what a check sees of so many answers; empty where one is not there."""
        if not calls or len(self._left) != calls:
            return b""
        each = [_seen_of_outcome(outcome) for _, outcome in self._left]
        return hashlib.blake2b(b"".join(each), digest_size=_SEEN).digest() if all(each) else b""

    def keep(self, sent: Sequence[Sent], outcomes: Sequence[Outcome]) -> None:
        """Wait with these outcomes, of the first of these calls, and no others."""
        self._left = deque(zip(sent, outcomes, strict=False))

    def forget(self) -> None:
        """Let every further call be made live."""
        self._left.clear()

    def take(
        self, request: messages.Request, args: Sequence[object], kwargs: dict[str, object],
        decode: Callable[[RightReply], messages.Answer],
    ) -> messages.Answer | None:  # fmt: skip
        """Return what came back if the next call is this one; otherwise forget all.

        Raises:
            StudentError: the call made ahead ended with it.
        """
        if not self._left:
            return None
        sent, outcome = self._left.popleft()
        if not sent.is_asked_by(request, args, kwargs):
            self.forget()
            return None
        if isinstance(outcome, StudentError):
            raise outcome
        return decode(outcome) if isinstance(outcome, RightReply) else outcome


def content_of(reply: messages.Reply) -> bytes:
    """Return what a reply says, comparable: value, arguments after the call, and what it printed.

    As bytes, because 1, 1.0 and True are equal in Python and different to a check.
    """
    return _WRITER.encode((reply.value, reply.arguments, reply.printed))


def seen_of(reply: messages.Reply, payload: bytes | bytearray) -> bytes:
    """Return a digest of what a check sees of a reply: its content, or the error without its place.

    Empty for a large reply and for one that came by way of a missing package: these are not
    compared.
    """
    if reply.missing or len(payload) > _MOST_SEEN:
        return b""
    failure = reply.failure
    raised = None if failure is None else (failure.kind, failure.message, failure.refused)
    said = _WRITER.encode((reply.value, reply.arguments, reply.printed, raised))
    if len(said) > _MOST_SEEN:
        return b""
    digest = hashlib.blake2b(said, digest_size=_SEEN)
    digest.update(payload)
    return digest.digest()


def _seen_of_outcome(outcome: Outcome) -> bytes:
    if isinstance(outcome, RightReply):
        return seen_of(outcome.reply, outcome.payload)
    return outcome.seen


def content_read(content: bytes) -> messages.Node:
    """Return the value of a reply from what `content_of` wrote.

    Raises:
        WireError: it wrote something else.
    """
    try:
        value, _, _ = _READER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise messages.WireError(f"an answer cannot be read: {type(error).__name__}") from None
    return value
