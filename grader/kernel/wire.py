"""The bytes of one call and of its answer, for both sides of the sandbox wall.

A message is a frame: magic, two lengths, a msgpack header, and the raw bytes of every tensor in it.
There is no pickle in either direction. What the other side sends is a stranger's data: every
length, rank, dtype and depth is bounded before it is believed, and what cannot cross (a generator,
a sparse or complex tensor, ten gigabytes) becomes a `Refusal` that says what it was.

Here: frames, values, bounds. Not here: who asks what (`student.py`), who answers (`guest.py`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Union, cast

import msgspec
import numpy as np
import torch

_HEAD = struct.Struct("<4sIQ")
_MAGIC = b"NGW1"
HEAD_BYTES = _HEAD.size
_ALIGN = 16

_DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    )
}


class WireError(Exception):
    """The bytes are not a message of ours, or hold more than they may."""


@dataclass(frozen=True)
class Bounds:
    """How much of a message is believed."""

    header_bytes: int = 1 << 20
    payload_bytes: int = 128 << 20
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
    """Whether what is printed during the call is wanted."""
    back: bool = False
    """Whether the arguments are wanted as they are after the call."""


class Failure(msgspec.Struct):
    """An exception on the other side, as text."""

    kind: str
    message: str
    where: str = ""
    refused: bool = False
    """True where our guest could not do what was asked, rather than the student's code raising."""


class Reply(msgspec.Struct):
    """The answer to one request."""

    number: int
    value: Node = None
    arguments: list[Node] = []
    printed: str = ""
    failure: Failure | None = None


@dataclass(frozen=True)
class Answer:
    """A reply after it was decoded and believed as far as its bounds go."""

    value: Any
    arguments: list[Any] = field(default_factory=list)
    printed: str = ""


@dataclass(frozen=True)
class Refusal:
    """What stands for a value that could not cross."""

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
        pad = -self.size % _ALIGN
        if pad:
            self.parts.append(memoryview(bytes(pad)))
        start = self.size + pad
        self.parts.append(raw)
        self.size = start + raw.nbytes
        return start


class Encoder:
    """Turns values into nodes. One encoder writes one message.

    Args:
        keep: what to do with an object that is no plain value: return its handle, or a refusal.
    """

    def __init__(
        self, keep: Callable[[object], HandleNode | RefusalNode], bounds: Bounds = BOUNDS
    ) -> None:
        self.payload = Payload()
        self._keep = keep
        self._bounds = bounds
        self._items = 0

    def node(self, value: object, depth: int = 0) -> Node:
        """Return the node of a value."""
        self._items += 1
        if depth > self._bounds.depth or self._items > self._bounds.items:
            return RefusalNode(f"a {type(value).__name__} that is nested too deep or too long")
        # exact types: a subclass of int or str may answer to anything it likes
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value  # type: ignore[return-value]
        if kind is int:
            fits = -(2**63) <= value < 2**63  # type: ignore[operator]
            return value if fits else RefusalNode("an integer of more than 64 bits")  # type: ignore[return-value]
        if kind is str:
            text: str = value  # type: ignore[assignment]
            return text[: self._bounds.text].encode(errors="replace").decode()
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray):
            return RefusalNode(f"a NumPy array {value.shape}")
        if isinstance(value, np.generic):
            return self.node(value.item(), depth + 1)
        if kind in (list, tuple, torch.Size):
            items = [self.node(item, depth + 1) for item in value]  # type: ignore[attr-defined]
            return SequenceNode(kind is not list, items)
        if isinstance(value, dict) and all(type(key) is str for key in value):
            return MappingNode(
                [str(key)[: self._bounds.text] for key in value],
                [self.node(item, depth + 1) for item in value.values()],
            )
        return self._keep(value)

    def _tensor(self, value: torch.Tensor) -> Node:
        name = str(value.dtype).removeprefix("torch.")
        if value.layout != torch.strided or name not in _DTYPES or value.is_quantized:
            layout = str(value.layout).removeprefix("torch.").replace("strided", "").strip()
            return RefusalNode(f"a {layout} {name} tensor {tuple(value.shape)}".replace("  ", " "))
        if value.is_meta or value.numel() * value.element_size() > self._bounds.payload_bytes // 2:
            return RefusalNode(f"a {name} tensor {tuple(value.shape)}, too large to send")
        if self.payload.size + value.numel() * value.element_size() > self._bounds.payload_bytes:
            return RefusalNode("more tensors than one answer may hold")
        # a subclass may overload everything: only its plain tensor is looked at
        plain = value.detach().as_subclass(torch.Tensor).resolve_conj().resolve_neg()
        plain = plain.cpu().contiguous()
        raw = memoryview(b"")
        if plain.numel():
            raw = memoryview(plain.reshape(-1).view(torch.uint8).numpy().data)
        return TensorNode(name, list(plain.shape), self.payload.add(raw))


def decode(
    node: Node,
    payload: bytearray,
    handle: Callable[[HandleNode], object],
    bounds: Bounds = BOUNDS,
) -> Any:
    """Turn a node back into a value, believing nothing.

    Args:
        node: as it came out of the header.
        payload: the tensor bytes of the same message.
        handle: what stands here for an object that stayed on the other side.
        bounds: how much is believed.

    Raises:
        WireError: a shape that does not match its bytes, an unknown dtype, too much of anything.
    """
    budget = iter(range(bounds.items))

    def read(node: Node, depth: int) -> Any:
        if next(budget, None) is None or depth > bounds.depth + 1:
            raise WireError("a value is nested too deep or holds too many items")
        if node is None or isinstance(node, bool | int | float):
            return node
        if isinstance(node, str):
            return node[: bounds.text]
        if isinstance(node, TensorNode):
            return _decode_tensor(node, payload, bounds)
        if isinstance(node, SequenceNode):
            items = [read(item, depth + 1) for item in node.items]
            return tuple(items) if node.is_tuple else items
        if isinstance(node, MappingNode):
            if len(node.keys) != len(node.items):
                raise WireError("a mapping has more keys than values, or fewer")
            return {k: read(v, depth + 1) for k, v in zip(node.keys, node.items, strict=True)}
        if isinstance(node, HandleNode):
            return handle(node)
        return Refusal(node.what[:300])

    return read(node, 0)


def _decode_tensor(node: TensorNode, payload: bytearray, bounds: Bounds) -> torch.Tensor:
    dtype = _DTYPES.get(node.dtype)
    if dtype is None:
        raise WireError("a tensor has an unknown dtype")
    if len(node.shape) > bounds.rank or any(size < 0 for size in node.shape):
        raise WireError("a tensor has an impossible shape")
    # an axis of length 0 must not hide axes of any length beside it
    if math.prod(max(size, 1) for size in node.shape) * dtype.itemsize > bounds.payload_bytes:
        raise WireError("a tensor is larger than a message may be")
    size = math.prod(node.shape) * dtype.itemsize
    if node.start < 0 or node.start % _ALIGN or node.start + size > len(payload):
        raise WireError("a tensor's shape does not match its bytes")
    if size == 0:
        return torch.empty(node.shape, dtype=dtype)
    raw = torch.frombuffer(payload, dtype=torch.uint8, count=size, offset=node.start)
    if dtype == torch.bool:
        raw = raw.ne(0).view(torch.uint8)  # any other byte would be undefined behaviour
    # a copy: the memory of a message is not kept alive, nor shared, by what came in it
    return raw.clone().view(dtype).reshape(node.shape)


_REQUEST = msgspec.msgpack.Decoder(Request)
_REPLY = msgspec.msgpack.Decoder(Reply)
_WRITER = msgspec.msgpack.Encoder()


def pack(message: Request | Reply, payload: Payload) -> list[memoryview]:
    """Return the parts of a frame, ready to be sent one after another."""
    header = _WRITER.encode(message)
    head = _HEAD.pack(_MAGIC, len(header), payload.size)
    return [memoryview(head + header), *payload.parts]


def lengths(head: bytes, bounds: Bounds = BOUNDS) -> tuple[int, int]:
    """Read the fixed head of a frame: bytes of header, bytes of payload.

    Raises:
        WireError: no frame of ours, or one that is too large.
    """
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


def _read(decoder: Any, header: bytes | bytearray) -> Any:
    try:
        return decoder.decode(header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a message cannot be read: {type(error).__name__}") from None
