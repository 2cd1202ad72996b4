"""The bytes of one call and of its answer, for both sides of the sandbox wall.

A message is a frame: magic, two lengths, a msgpack header, and the raw bytes of every tensor in it.
There is no pickle in either direction, and every length is checked before use.

Here: frames, messages, nodes, bounds. Not here: nodes as values and back (`codec.py`), asking
(`kernel/student.py`), answering (`guest/server.py`).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Union, cast

import msgspec

_HEAD = struct.Struct("<4sIQ")
_MAGIC = b"NGW1"
HEAD_BYTES = _HEAD.size
ALIGN = 16


class WireError(Exception):
    """The bytes are no valid message, or exceed its bounds."""


@dataclass(frozen=True)
class Bounds:
    """The limits of one message."""

    header_bytes: int = 1 << 20
    payload_bytes: int = 64 << 20
    depth: int = 12
    items: int = 20_000
    text: int = 100_000
    rank: int = 16


BOUNDS = Bounds()


class TensorNode(msgspec.Struct, tag="t", array_like=True):
    """A dense real tensor; its bytes begin at `start` of the payload."""

    dtype: str
    shape: list[int]
    start: int
    transposed: bool = False
    """Whether the bytes are those of the transpose: a view, such as `X.t()`, arrives as one."""


class SequenceNode(msgspec.Struct, tag="s", array_like=True):
    """A list or a tuple."""

    is_tuple: bool
    items: list[Node]


class MappingNode(msgspec.Struct, tag="m", array_like=True):
    """A dictionary with text for keys."""

    keys: list[str]
    items: list[Node]


class HandleNode(msgspec.Struct, tag="h", array_like=True):
    """An object that stays on its side, by number."""

    number: int
    type_name: str = ""
    is_module: bool = False


class RefusalNode(msgspec.Struct, tag="r", array_like=True):
    """Something that cannot cross, described."""

    what: str


Node = Union[  # noqa: UP007  (msgspec resolves the forward references of this alias)
    None, bool, int, float, str, TensorNode, SequenceNode, MappingNode, HandleNode, RefusalNode
]


class Request(msgspec.Struct):
    """One question to the guest. `op` names one of its operations."""

    number: int
    op: str
    definition: int = -1
    """Number of a captured definition, where the question is about one."""
    handle: int = -1
    """Number of a kept object, where the question is about one."""
    method: str = ""
    args: list[Node] = []
    kwargs: dict[str, Node] = {}
    keep: int = -1
    """Number under which an answer that stays inside is kept."""
    seed: int = 0
    printed: bool = False
    """Whether to return what the call prints."""
    back: bool = False
    """Whether to return the arguments as they are after the call."""
    batch: int = 0
    """Number of the questions sent together with this one; 0 for a question alone."""


class Failure(msgspec.Struct):
    """An exception on the other side, as text."""

    kind: str
    message: str
    where: str = ""
    refused: bool = False
    """True if the guest could not carry out the request; False if the student's code raised."""


class Reply(msgspec.Struct):
    """The answer to one request."""

    number: int
    value: Node = None
    arguments: list[Node] = []
    printed: str = ""
    failure: Failure | None = None
    missing: list[str] = []
    """Packages that are not here and that the answer came by way of."""


@dataclass(frozen=True)
class Answer:
    """A decoded reply, with its bounds checked."""

    value: Any
    arguments: list[Any] = field(default_factory=list)
    printed: str = ""
    missing: tuple[str, ...] = ()
    """Packages that are not here and that the answer came by way of, as the other side says."""
    seen: bytes = b""
    """Digest of what a check sees of the reply; empty where replies like it are not compared."""


@dataclass(frozen=True)
class Refusal:
    """Stands for a value that could not cross."""

    what: str

    @property
    def description(self) -> str:
        """The value in words: `a generator`."""
        return self.what


@dataclass
class Payload:
    """The tensor bytes of a message that is being written."""

    parts: list[memoryview] = field(default_factory=list)
    size: int = 0

    def add(self, raw: memoryview) -> int:
        """Append bytes, aligned, and return where they begin."""
        pad = -self.size % ALIGN
        if pad:
            self.parts.append(memoryview(bytes(pad)))
        start = self.size + pad
        self.parts.append(raw)
        self.size = start + raw.nbytes
        return start


_REQUEST = msgspec.msgpack.Decoder(Request)
_REPLY = msgspec.msgpack.Decoder(Reply)
_WRITER = msgspec.msgpack.Encoder()


def pack(message: Request | Reply, payload: Payload, bounds: Bounds = BOUNDS) -> list[memoryview]:
    """Return the parts of a frame, ready to be sent one after another.

    Raises:
        WireError: the message exceeds the bounds.
    """
    header = _WRITER.encode(message)
    if len(header) > bounds.header_bytes:
        raise WireError(f"a header of {len(header)} bytes is larger than allowed")
    head = _HEAD.pack(_MAGIC, len(header), payload.size)
    return [memoryview(head + header), *payload.parts]


def lengths(head: bytes, bounds: Bounds = BOUNDS) -> tuple[int, int]:
    """Read the fixed head of a frame: bytes of header, bytes of payload.

    Raises:
        WireError: no valid frame, or one that is too large.
    """
    if len(head) != HEAD_BYTES:
        raise WireError("half a head")
    magic, header, payload = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise WireError("these bytes are no message")
    if header > bounds.header_bytes or payload > bounds.payload_bytes:
        raise WireError(f"a message of {header + payload} bytes is larger than allowed")
    return header, payload


def read_request(header: bytes | bytearray) -> Request:
    """Read the header of a request.

    Raises:
        WireError: it is none.
    """
    return cast(Request, _read(_REQUEST, header))


def read_reply(header: bytes | bytearray) -> Reply:
    """Read the header of a reply.

    Raises:
        WireError: it is none.
    """
    return cast(Reply, _read(_REPLY, header))


def receive(channel: socket.socket, size: int) -> bytearray:
    """Return the next bytes of a socket, so many.

    Raises:
        EOFError: it was closed.
    """
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = channel.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return data


def _read(decoder: Any, header: bytes | bytearray) -> Any:
    try:
        return decoder.decode(header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a message cannot be read: {type(error).__name__}") from None
