"""What crosses the wall comes back the same; what cannot cross is described."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from grader.text import with_article
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder, plain_text
from grader.wire.messages import HandleNode, RefusalNode, SequenceNode, TensorNode, WireError

DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.uint8,
    torch.int8, torch.int16, torch.int32, torch.int64,
)  # fmt: skip


def refuse(value: object) -> RefusalNode:
    return RefusalNode(with_article(type(value).__name__))


def keep(node: HandleNode) -> HandleNode:
    return node


def there_and_back(value, bounds=messages.BOUNDS):
    encoder = Encoder(refuse, bounds)
    parts = messages.pack(messages.Reply(1, encoder.node(value)), encoder.payload)
    frame = bytearray(b"".join(parts))
    header, payload = messages.lengths(bytes(frame[: messages.HEAD_BYTES]))
    body = frame[messages.HEAD_BYTES :]
    assert len(body) == header + payload
    return Decoder(body[header:], keep, bounds).value(messages.read_reply(body[:header]).value)


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        assert isinstance(b, torch.Tensor)
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return bytes(bits(a)) == bytes(bits(b))
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and [*a] == [*b] and all(same(a[k], b[k]) for k in a)
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b


def bits(tensor: torch.Tensor) -> list[int]:
    whole = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
    return whole.view(torch.uint8).tolist() if whole.numel() else []


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    numbers = draw(
        st.lists(st.integers(0, 1), min_size=math.prod(shape), max_size=math.prod(shape))
    )
    made = torch.tensor(numbers, dtype=torch.int64).to(dtype).reshape(shape)
    if made.ndim:
        made = made.transpose(0, -1) if draw(st.booleans()) else made
        made = made[..., :: draw(st.sampled_from([1, 2]))]
    return made


plain = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | tensors()
)  # fmt: skip
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=150, deadline=None)
def test_every_supported_value_comes_back_bit_for_bit(value):
    assert same(value, there_and_back(value))


def test_a_transposed_view_arrives_as_one():
    for x in (torch.arange(6.0).reshape(2, 3).t(), torch.arange(24.0).reshape(2, 3, 4).mT):
        back = there_and_back(x)
        assert (back.stride(), back.tolist()) == (x.stride(), x.tolist())
    x = torch.arange(6.0).reshape(2, 3).t()
    assert there_and_back(x[:, 1:]).is_contiguous()  # other views do not: a copy is as good


@pytest.mark.parametrize("shape", [[6], []])
def test_a_tensor_of_one_axis_is_not_believed_to_be_transposed(shape):
    node = TensorNode("uint8", shape, 0, True)
    back = Decoder(bytearray(6), keep).value(node)
    assert list(back.shape) == shape
    assert back.is_contiguous()


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_a_wire_error(data):
    for read in (messages.read_reply, messages.read_request, messages.lengths):
        try:
            message = read(data)
        except WireError:
            continue
        if isinstance(message, messages.Reply):
            believe(message, bytearray(64))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_message_is_a_message_or_a_wire_error(data):
    encoder = Encoder(refuse)
    node = encoder.node({"y": torch.ones(3, 2), "s": [1, (2.0, "three")]})
    frame = bytearray(b"".join(messages.pack(messages.Reply(1, node), encoder.payload)))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        header, payload = messages.lengths(bytes(frame[: messages.HEAD_BYTES]))
        body = frame[messages.HEAD_BYTES :]
        believe(messages.read_reply(body[:header]), body[header : header + payload])
    except WireError:
        pass


def believe(reply: messages.Reply, payload: bytearray) -> None:
    with contextlib.suppress(WireError):
        Decoder(payload, keep).value(reply.value)


@pytest.mark.parametrize(
    "node",
    [
        TensorNode("float32", [2, 2], 16),
        TensorNode("float32", [5], 0),
        TensorNode("float32", [-1], 0),
        TensorNode("float32", [1], -16),
        TensorNode("float32", [1], 1),
        TensorNode("float32", [0, 2**39], 0),
        TensorNode("float32", [2**62, 2**62, 0], 0),
        TensorNode("float32", [1] * 40, 0),
        TensorNode("complex64", [1], 0),
        TensorNode("object", [1], 0),
        SequenceNode(False, [None] * 20_001),
        SequenceNode(False, [TensorNode("float32", [4], 0)] * 2),
        messages.MappingNode(["a", "b"], [1]),
    ],
)
def test_a_node_that_lies_is_a_wire_error(node):
    with pytest.raises(WireError):
        Decoder(bytearray(16), keep).value(node)


def test_one_payload_cannot_be_claimed_by_many_tensors():
    # 128 MiB named ten thousand times would be more than a terabyte on our side
    payload = bytearray(1 << 20)
    decoder = Decoder(payload, keep)
    decoder.value(TensorNode("uint8", [1 << 20], 0))
    with pytest.raises(WireError, match="same bytes"):
        decoder.value(TensorNode("uint8", [1 << 20], 0))


def test_what_is_nested_too_deep_is_refused_on_both_sides():
    deep: list[object] = []
    node = SequenceNode(False, [])
    for _ in range(50):
        deep, node = [deep], SequenceNode(False, [node])
    encoder = Encoder(refuse)
    there_and_back(deep)
    encoder.node(deep)
    assert encoder.refused == ["a list that is nested too deep"]
    with pytest.raises(WireError, match="too deep"):
        Decoder(bytearray(), keep).value(node)


def test_a_header_nested_without_end_is_a_wire_error():
    with pytest.raises(WireError):
        messages.read_reply(b"\x82\xa6number\x01\xa5value" + b"\x93\xa1s\xc2\x91" * 100_000)


def test_a_head_that_claims_too_much_is_refused_before_anything_is_read():
    head = messages._HEAD.pack(b"NGW1", 10, 1 << 60)
    with pytest.raises(WireError, match="larger than allowed"):
        messages.lengths(head)


class AlwaysAgrees(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True

    def __eq__(self, other):
        return True

    __hash__ = torch.Tensor.__hash__


def test_a_tensor_subclass_is_taken_for_its_plain_numbers():
    y = there_and_back(torch.ones(2, 3).as_subclass(AlwaysAgrees))
    assert type(y) is torch.Tensor
    assert y.tolist() == [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]


def test_a_view_that_requires_grad_comes_back_as_plain_numbers():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    assert there_and_back(x.T * 2).tolist() == (x.T * 2).tolist()
    assert not there_and_back(x).requires_grad


def test_one_number_out_of_a_larger_tensor_is_sent():
    # its stride is that of the larger tensor, although it counts as contiguous
    assert there_and_back(torch.arange(6.0).reshape(2, 3)[:1, 1:2]).tolist() == [[1.0]]
    assert there_and_back(torch.arange(6.0)[::4][:1]).tolist() == [0.0]


def test_a_negated_view_is_sent_with_its_sign():
    x = torch.tensor([1 + 2j]).conj().imag
    assert x.is_neg()
    assert there_and_back(x).tolist() == [-2.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((i for i in ()), "a generator"),
        (1 + 2j, "a complex"),
        (torch.ones(2, dtype=torch.complex64), "a complex64 tensor (2,)"),
        (torch.eye(2).to_sparse(), "a sparse_coo float32 tensor (2, 2)"),
        (torch.empty(2, 3, device="meta"), "(2, 3) that has no values: it lies on the meta device"),
        (torch.zeros(1).expand(10 << 30), "too large to send"),
        (torch.zeros(0, 1 << 39), "too large to send"),
        (torch.zeros([1] * 40), "a float32 tensor of 40 axes"),
        (np.ones((2, 3)), "a NumPy array (2, 3)"),
        (np.longdouble(1), "a NumPy longdouble"),
        (2**64, "an integer of more than 64 bits"),
        ([0.5] * 1_000_000, "a list of 1000000 items, too many to send"),
        ({1: 2}, "a dict"),
        (object(), "an object"),
    ],
)
def test_what_cannot_cross_is_described(value, words):
    back = there_and_back(value)
    assert isinstance(back, messages.Refusal)
    assert words in back.description


def test_none_and_numpy_scalars_cross_as_plain_values():
    assert there_and_back([None, np.float32(0.5), np.bool_(True)]) == [None, 0.5, True]


def test_a_list_that_holds_itself_is_cut_off():
    ring: list[object] = []
    ring += [ring] * 3
    encoder = Encoder(refuse)
    encoder.node(ring)
    assert encoder.refused


def test_a_message_never_holds_more_items_than_the_other_side_believes():
    wide = [[[0] * 30 for _ in range(30)] for _ in range(30)]
    there_and_back([wide, wide, wide])


def test_much_text_is_refused_before_it_fills_a_header():
    back = there_and_back(["x" * 90_000] * 12)
    assert any(isinstance(item, messages.Refusal) for item in back)


@given(st.text(st.characters(categories=["Cs", "L"])))
@settings(deadline=None)
def test_half_a_surrogate_pair_does_not_stop_a_message(text):
    there_and_back({text: text})
    plain_text(text, 10).encode()


@pytest.mark.parametrize("room", ["wire", "kernel"])
def test_no_module_that_reads_what_a_kernel_sends_uses_pickle(room):
    folder = Path(messages.__file__).parents[1] / room
    calls = re.compile(r"\bpickle\.|import (?:c?[pP]ickle|marshal|shelve|dill)|torch\.load")
    users = [path.name for path in folder.glob("*.py") if calls.search(path.read_text("utf-8"))]
    assert users == []
