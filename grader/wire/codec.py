"""Values as nodes of a message, and nodes as values: what can cross the wall, and its bounds.

Data of the other side is untrusted: every length, rank, dtype and depth is checked before use. A
value that cannot cross (a generator, a sparse or complex tensor, ten gigabytes) becomes a `Refusal`
that describes it.

Here: plain values and tensors, and the bounds of one message as a whole. Not here: the nodes
themselves and the frames around them (`messages.py`), what is kept by handle (`guest/server.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
import torch

from grader.text import with_article
from grader.wire.messages import (
    ALIGN,
    BOUNDS,
    Bounds,
    HandleNode,
    MappingNode,
    Node,
    Payload,
    Refusal,
    RefusalNode,
    SequenceNode,
    TensorNode,
    WireError,
)
from grader.wire.torch_internals import without_overloads

_MOST_DESCRIPTION = 300
_MOST_KEY = 1_000
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
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_MOST_COPIED = 1 << 16  # bytes; a view costs more than a copy of so few


class Encoder:
    """Turns values into nodes. One encoder writes one message.

    Args:
        keep: called with an object that is no plain value; returns its handle, or a refusal.
    """

    def __init__(
        self, keep: Callable[[object], HandleNode | RefusalNode], bounds: Bounds = BOUNDS
    ) -> None:
        self.payload = Payload()
        self.refused: list[str] = []
        """Descriptions of the values that could not be written."""
        self._keep = keep
        self._bounds = bounds
        self._items_left = bounds.items - 1
        self._text_left = bounds.header_bytes // 2

    def node(self, value: object) -> Node:
        """Return the node of a value."""
        self._items_left -= 1
        return self._node(value, 0)

    def _node(self, value: object, depth: int) -> Node:
        # exact types: a subclass of int or str may override anything
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value  # type: ignore[return-value]
        if kind is int:
            fits = -(2**63) <= value < 2**63  # type: ignore[operator]
            return value if fits else self._refuse("an integer of more than 64 bits")  # type: ignore[return-value]
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray):
            return self._refuse(f"a NumPy array {value.shape}")
        if isinstance(value, np.generic):
            item = value.item()
            if isinstance(item, np.generic):
                return self._refuse(f"a NumPy {kind.__name__}")
            return self._node(item, depth + 1)
        if kind in (list, tuple, torch.Size):
            items: list[object] = [*value]  # type: ignore[misc]
            refusal = self._reserve(kind.__name__, len(items), depth)
            return refusal or SequenceNode(
                kind is not list, [self._node(item, depth + 1) for item in items]
            )
        if isinstance(value, dict) and all(type(key) is str for key in dict.keys(value)):
            refusal = self._reserve("dictionary", dict.__len__(value), depth)
            pairs = [] if refusal else list(dict.items(value))
            # keys first: a refused text must not become a key
            keys = [self._text(key) for key, _ in pairs]
            if refusal is None and not all(isinstance(key, str) for key in keys):
                refusal = self._refuse("a dictionary with too much text in its keys")
            return refusal or MappingNode(
                cast(list[str], keys), [self._node(item, depth + 1) for _, item in pairs]
            )
        kept = self._keep(value)
        return self._refuse(kept.what) if isinstance(kept, RefusalNode) else kept

    def _refuse_a(self, noun: str) -> RefusalNode:
        return self._refuse(with_article(noun))

    def _refuse(self, what: str) -> RefusalNode:
        self.refused.append(what)
        return RefusalNode(plain_text(what, _MOST_DESCRIPTION))

    def _reserve(self, kind: str, items: int, depth: int) -> RefusalNode | None:
        if depth > self._bounds.depth:
            return self._refuse_a(f"{kind} that is nested too deep")
        if items > self._items_left:
            return self._refuse_a(f"{kind} of {items} items, too many to send")
        self._items_left -= items
        return None

    def _text(self, value: str) -> str | RefusalNode:
        text = plain_text(value, self._bounds.text)
        self._text_left -= len(text.encode())
        return text if self._text_left >= 0 else self._refuse("more text than may be sent")

    def _tensor(self, value: torch.Tensor) -> Node:
        plain = torch.Tensor.detach(value) if type(value) is torch.Tensor else _plain(value)
        if plain.is_nested:
            return self._refuse("a nested tensor")
        dtype, shape = plain.dtype, tuple(plain.shape)
        name = _NAMES.get(dtype)
        if plain.layout != torch.strided or name is None or plain.is_quantized:
            name = str(dtype).removeprefix("torch.")
            layout = str(plain.layout).removeprefix("torch.").replace("strided", "").strip()
            return self._refuse_a(f"{layout} {name} tensor {shape}".strip())
        size = plain.numel() * dtype.itemsize
        if plain.is_meta:
            on = "it lies on the meta device"
            return self._refuse_a(f"{name} tensor {shape} that has no values: {on}")
        if (size or _hidden_in(shape) * dtype.itemsize) > self._bounds.payload_bytes // 2:
            return self._refuse_a(f"{name} tensor {shape}, too large to send")
        if len(shape) > self._bounds.rank:
            return self._refuse_a(f"{name} tensor of {len(shape)} axes")
        if self.payload.size + ALIGN + size > self._bounds.payload_bytes:
            return self._refuse("more tensors than may be sent at once")
        plain = plain.resolve_neg().cpu()
        transposed = is_transpose(plain)
        plain = plain.mT if transposed else plain
        return TensorNode(name, list(shape), self.payload.add(_bytes_of(plain, size)), transposed)


def _plain(value: torch.Tensor) -> torch.Tensor:
    """Return the plain tensor of a subclass, which may override everything."""
    with without_overloads():
        plain = torch.Tensor.detach(value)
        with suppress(NotImplementedError):  # a sparse one has no bytes, and is refused
            plain = torch.Tensor.as_subclass(plain, torch.Tensor)
    return plain


def _bytes_of(plain: torch.Tensor, size: int) -> memoryview:
    """Return the bytes of a tensor, in the order of its axes."""
    if not size:
        return memoryview(b"")
    if size <= _MOST_COPIED and plain.dtype != torch.bfloat16:  # which NumPy does not know
        return memoryview(plain.numpy().tobytes())
    # a copy only where it is needed; a single number may have any stride and be contiguous
    flat = plain.contiguous().reshape(-1).as_strided((plain.numel(),), (1,))
    return memoryview(flat.view(torch.uint8).numpy().data)


class Decoder:
    """Turns the nodes of one message back into values, with all bounds checked.

    Args:
        payload: the tensor bytes of the message.
        handle: builds the stand-in of an object that stayed on the other side.
        bounds: the limits of the message as a whole.
    """

    def __init__(
        self,
        payload: bytearray,
        handle: Callable[[HandleNode], object],
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._payload = payload
        self._handle = handle
        self._bounds = bounds
        self._items_left = bounds.items
        # no two tensors share bytes: one payload named a thousand times would fill our memory
        self._bytes_left = len(payload)

    def value(self, node: Node) -> Any:
        """Return the value of a node.

        Raises:
            WireError: a shape that does not match its bytes, an unknown dtype, or too much data.
        """
        return self._read(node, 0)

    def _read(self, node: Node, depth: int) -> Any:
        self._items_left -= 1
        if self._items_left < 0 or depth > self._bounds.depth + 1:
            raise WireError("a value is nested too deep or holds too many items")
        if node is None or isinstance(node, bool | int | float):
            return node
        if isinstance(node, str):
            return node[: self._bounds.text]
        if isinstance(node, TensorNode):
            return self._tensor(node)
        if isinstance(node, SequenceNode):
            items = [self._read(item, depth + 1) for item in node.items]
            return tuple(items) if node.is_tuple else items
        if isinstance(node, MappingNode):
            if len(node.keys) != len(node.items):
                raise WireError("a mapping has more keys than values, or fewer")
            pairs = zip(node.keys, node.items, strict=True)
            return {key[:_MOST_KEY]: self._read(item, depth + 1) for key, item in pairs}
        if isinstance(node, HandleNode):
            return self._handle(node)
        return Refusal(node.what[:_MOST_DESCRIPTION])

    def _tensor(self, node: TensorNode) -> torch.Tensor:
        dtype = _DTYPES.get(node.dtype)
        if dtype is None:
            raise WireError("a tensor has an unknown dtype")
        if len(node.shape) > self._bounds.rank or (node.shape and min(node.shape) < 0):
            raise WireError("a tensor has an impossible shape")
        size = math.prod(node.shape) * dtype.itemsize
        if (size or _hidden_in(node.shape) * dtype.itemsize) > self._bounds.payload_bytes:
            raise WireError("a tensor is larger than a message may be")
        if node.start < 0 or node.start % ALIGN or node.start + size > len(self._payload):
            raise WireError("a tensor's shape does not match its bytes")
        if size == 0:
            return torch.empty(node.shape, dtype=dtype)
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise WireError("several tensors claim the same bytes")
        # a copy, so that values neither keep the memory of a message alive nor share it
        if dtype == torch.bool:  # any byte but 0 and 1 would be undefined behaviour
            raw = torch.frombuffer(self._payload, dtype=torch.uint8, count=size, offset=node.start)
            whole = raw.ne(0)
        else:
            count = size // dtype.itemsize
            raw = torch.frombuffer(self._payload, dtype=dtype, count=count, offset=node.start)
            whole = raw.clone()
        if node.transposed and len(node.shape) >= 2:
            *batch, rows, columns = node.shape
            return whole.reshape(*batch, columns, rows).mT
        return whole.reshape(node.shape)


def _hidden_in(shape: Sequence[int]) -> int:
    """Return how many numbers a shape without numbers would have, were its zeros ones.

    An axis of length 0 must not hide axes of any length beside it.
    """
    return math.prod(max(side, 1) for side in shape)


def is_transpose(value: torch.Tensor) -> bool:
    """Return whether the last two axes of a tensor are exchanged in memory."""
    return value.ndim >= 2 and not value.is_contiguous() and value.mT.is_contiguous()


def plain_text(text: str, most: int) -> str:
    """Return the first characters of a text as an exact `str` that can be encoded.

    Half a surrogate pair cannot be encoded, and a subclass of `str` may override anything.
    """
    return str.encode(str.__getitem__(text, slice(most)), errors="replace").decode()
