"""Any bytes: a result or a sentence, never a traceback, never memory without end.

What strangers hand in (notebooks, zips), what the sandbox sends (messages), and what a course team
may mistype (settings). Inputs are right ones that were damaged, or wrong ones with the right
shape: bytes at random alone would hardly get past the first line of a reader.
"""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from fractions import Fraction

import msgspec
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.course import load_assignment
from grader.errors import CourseError, SubmissionError, UsageError
from grader.reading.archives import Archive
from grader.reading.notebook_file import read_notebook
from grader.reading.submissions import find_submissions
from grader.text import clean
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder

fuzzed = settings(max_examples=max(200, settings.default.max_examples))


@st.composite
def damaged(draw, originals, tokens, most=4):
    """Draw one of some right inputs, and cut, repeat, overwrite and insert in a few places."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 2, 4, 16, 10_000])))
        match draw(st.sampled_from(["cut", "repeat", "overwrite", "insert"])):
            case "cut":
                del data[start:end]
            case "repeat":
                data[end:end] = data[start:end] * draw(st.sampled_from([1, 2, 200]))
            case "overwrite":
                data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start + 4))
            case "insert":
                data[start:start] = draw(st.sampled_from(tokens) | st.binary(max_size=8))
    return bytes(data)


# ---- notebooks

CELLS = [
    {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# 합성곱"},
    {"cell_type": "code", "id": "b", "metadata": {}, "outputs": [], "source": ["x = 1\n", "x"]},
]
NOTEBOOK = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": CELLS})
OLD = json.dumps({"nbformat": 3, "worksheets": [{"cells": [
    {"cell_type": "heading", "level": 2, "source": "A"}, {"cell_type": "code", "input": "x"},
]}]})  # fmt: skip
NOTEBOOKS = [
    *(NOTEBOOK.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32-be")),
    json.dumps(json.loads(NOTEBOOK), ensure_ascii=False).encode("cp949"),
    OLD.encode(),
]
JSON_TOKENS = [
    *(b"[", b"]", b"{", b"}", b",", b'"', b":", b"null", b"NaN", b"-Infinity", b"1e999", b"\0"),
    *(b'"cells":', b'"worksheets":', b'"source":', b'"cell_type":', b'"\\ud800"', b"\xed\xa0\x80"),
    *(b"9" * 5_000, b"[" * 100_000, b'{"a":' * 50_000, b"\xef\xbb\xbf", b"\xff\xfe\0\0"),
]
KEYS = ["cells", "cell_type", "source", "input", "id", "worksheets", "level", "nbformat", "kind"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["code", "markdown", "heading", "raw"]),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)  # fmt: skip


def read_any_notebook(data: bytes) -> None:
    cells, notes, problem = read_notebook(data)
    assert not (cells and problem)
    assert not problem or problem.endswith(".")
    for text in (problem, *notes, *(cell.source for cell in cells)):
        text.encode()
    assert [cell.index for cell in cells] == list(range(len(cells)))


@fuzzed
@given(damaged(NOTEBOOKS, JSON_TOKENS))
@example(b'{"cells": ' + b"[" * 4_999_999)
@example(b'{"cells": [' + b"{}," * 1_600_000 + b"{}]}")
def test_a_damaged_notebook_is_read_or_has_a_problem(data):
    read_any_notebook(data)


@fuzzed
@given(st.fixed_dictionaries({"cells": st.lists(ANY_JSON)}) | ANY_JSON, st.booleans())
def test_any_json_is_read_or_has_a_problem(document, escaped):
    text = json.dumps(document, ensure_ascii=escaped)
    read_any_notebook(text.encode("utf-8", "surrogatepass"))


# ---- zip files


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo("member")
            info.filename, info.compress_type = name, method  # it would repair the name itself
            archive.writestr(info, data)
    return file.getvalue()


ZIPS = [
    zipped({"kim/hw2.ipynb": NOTEBOOKS[0], "lee/hw2.ipynb": b"{}"}),
    zipped({"이순신_1_2_hw.ipynb": NOTEBOOKS[0], "kim_LATE_3_4_hw.ipynb": b""}, zipfile.ZIP_BZIP2),
    zipped({"Kim_1_assignsubmission_file/a.zip": zipped({"a.ipynb": b"{}"})}, zipfile.ZIP_STORED),
    zipped({}),
]
ZIP_TOKENS = [
    *(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff\xff\xff\xff", b"\0" * 8),
    *(b"../", b"\\", b"\0", b"\x01\x00\x1c\x00", b"up\x05\x00", b".ipynb", ZIPS[3], ZIPS[0]),
]
NAMES = st.text(st.sampled_from("ab._/\\ :가\0é") | st.characters(codec="utf-8"), max_size=20)


def read_any_archive(data: bytes) -> None:
    with suppress(SubmissionError), Archive(data) as archive:
        members = archive.members()
        for member in members:
            assert ".." not in member.folders
            with suppress(SubmissionError):
                member.read()


@fuzzed
@given(damaged(ZIPS, ZIP_TOKENS))
def test_a_damaged_zip_is_read_or_described(data):
    read_any_archive(data)


@fuzzed
@given(st.dictionaries(NAMES, st.sampled_from([b"", b"{}", NOTEBOOKS[0], *ZIPS]), max_size=4))
def test_a_zip_of_any_names_gives_submissions_or_a_sentence(tmp_path_factory, members):
    path = tmp_path_factory.getbasetemp() / "any.zip"
    path.write_bytes(zipped(members))
    read_any_archive(path.read_bytes())
    with suppress(UsageError):
        found = find_submissions([path], assignment="cnn")
        assert all(one.student and one.path.isprintable() for one in found)


# ---- messages


def frame(message: object, payload: bytes = b"") -> bytes:
    header = msgspec.msgpack.encode(message)
    return messages._HEAD.pack(b"NGW1", len(header), len(payload)) + header + payload


def right_frame(value: object) -> bytes:
    encoder = Encoder(lambda kept: messages.HandleNode(1, type(kept).__name__))
    return b"".join(messages.pack(messages.Reply(1, encoder.node(value)), encoder.payload))


FRAMES = [
    right_frame({"y": torch.ones(3, 2), "s": [1, (2.0, "three", None)], "m": [object()]}),
    right_frame([torch.zeros(2, dtype=torch.bool), torch.arange(5), float("nan"), 2**40]),
    frame(messages.Reply(1, failure=messages.Failure("ValueError", "no", "cell 3"))),
    frame(messages.Request(1, "call", args=[1, "x"], kwargs={"k": 2.0}, keep=3)),
]
PACKED_TOKENS = [
    *(b"\xc0", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"),
    *(b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\0", b"\xcf" + b"\xff" * 8, b"\xff" * 8),
    *(b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xa1t", b"\xa1s", b"\x91" * 10_000, b"NGW1", b"\xd9\xed\xa0"),
]
NUMBERS = st.integers(-2, 2**64 - 1) | st.sampled_from([0, 1, 2, 16, 2**31, 2**39, 2**62])
DTYPES = st.sampled_from(["float32", "bool", "int64", "bfloat16", "complex64", "object", ""])
WORDS = st.text(max_size=4)
PLAIN = st.none() | st.booleans() | NUMBERS | st.floats() | WORDS | st.binary(max_size=3)
NODES = st.recursive(
    PLAIN
    | st.tuples(st.just("t"), DTYPES, st.lists(NUMBERS, max_size=3), NUMBERS)
    | st.tuples(st.just("h"), NUMBERS, WORDS, st.booleans() | PLAIN)
    | st.tuples(st.just("r"), WORDS | PLAIN),
    lambda inner: (
        st.tuples(st.just("s"), st.booleans(), st.lists(inner, max_size=4))
        | st.tuples(st.just("m"), st.lists(WORDS, max_size=3), st.lists(inner, max_size=3))
        | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)
REPLIES = st.fixed_dictionaries({"number": st.just(1) | PLAIN}, optional={
    "value": NODES, "arguments": st.lists(NODES, max_size=3), "printed": WORDS | PLAIN,
    "failure": st.fixed_dictionaries({"kind": WORDS, "message": WORDS | PLAIN}),
})  # fmt: skip


def read_any_frame(data: bytes) -> None:
    for read in (messages.read_reply, messages.read_request):
        try:
            header, payload = messages.lengths(data[: messages.HEAD_BYTES])
            body = data[messages.HEAD_BYTES :]
            message = read(body[:header])
            bytes_of = bytearray(body[header : header + payload])
            decoder = Decoder(bytes_of, lambda node: node)
            nodes = (
                [message.value, *message.arguments]
                if isinstance(message, messages.Reply)
                else [*message.args, *message.kwargs.values()]
            )
            values = [decoder.value(node) for node in nodes]
        except messages.WireError:
            continue
        assert sum(map(tensor_bytes, values)) <= len(bytes_of)


def tensor_bytes(value: object) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(tensor_bytes, value)) if isinstance(value, list | tuple) else 0


@fuzzed
@given(damaged(FRAMES, PACKED_TOKENS))
def test_a_damaged_message_is_read_or_a_wire_error(data):
    read_any_frame(data)


@fuzzed
@given(REPLIES, st.integers(0, 64))
def test_a_message_with_lies_in_it_is_read_or_a_wire_error(reply, size):
    read_any_frame(frame(reply, bytes(size)))


# ---- settings

ASSIGNMENT = b"""title = "Small"
exercises = ["add", "double"]
forbid = ["torch.add"]
[points]
add = "7/2"
[limits]
cell_s = 2.5
memory_bytes = 1000000
"""
EXERCISE = b"""title = "Add"
section = "7.2"
kind = "function"
names = ["add", "plus*"]
optional = false
"""
TOML_TOKENS = [
    *(b"=", b"[", b"]", b"[[", b"{", b"}", b"'''", b'"""', b"\\", b"#", b".", b"\n", b"\0", b"\r"),
    *(b"nan", b"-inf", b"1e400", b"0x" + b"f" * 5_000, b"9" * 5_000, b"1979-05-27", b"25:61:00"),
    *(b'"1e99999999"', b'"1/0"', b"a.", b"[limits]\n", b"[points]\n", b"x=" + b"[" * 5_000),
    *(b"\xff", b"\xef\xbb\xbf", b'"\\ud800"', b"processes = 1e300\n", b'exercises = ["../add"]\n'),
    b"a." * 20_000 + b"a=1\n",
]
VALUES = st.sampled_from(
    ["1", "-1", "0.5", "nan", "inf", "true", "[]", "{}", '"7/2"', '"1/0"', '"1e99999"', '"add"',
     '["add"]', '["add","add"]', '[""]', '[".."]', '["a/b"]', "1979-05-27", "[[1]]", "1e17", "''"]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["title", "exercises", "forbid", "points.add", "points.double", "limits.cell_s", "section",
     "limits.processes", "limits.memory_bytes", "kind", "names", "optional", "late", "points"]
)  # fmt: skip
LINES = st.lists(st.tuples(FIELDS, VALUES), max_size=6).map(
    lambda lines: "\n".join(f"{field} = {value}" for field, value in lines).encode()
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "exercises" / "small"
    for name in ("add", "double"):
        (folder / name).mkdir(parents=True)
    return folder


def load_any_settings(folder, assignment, exercise) -> None:
    (folder / "assignment.toml").write_bytes(assignment)
    for name in ("add", "double"):
        (folder / name / "exercise.toml").write_bytes(exercise)
    try:
        found = load_assignment(folder)
    except CourseError as error:
        described = str(error)
    else:
        assert all(0 < value < float("inf") for value in vars(found.limits).values())
        assert all(0 <= (e.total or Fraction(0)) <= 10**6 and e.names for e in found.exercises)
        return
    assert ".toml" in described
    assert described == clean(described).replace("\n", " ")


@fuzzed
@given(damaged([ASSIGNMENT], TOML_TOKENS))
def test_a_mistyped_assignment_is_loaded_or_named(course, text):
    load_any_settings(course, text, EXERCISE)


@fuzzed
@given(damaged([EXERCISE], TOML_TOKENS))
def test_a_mistyped_exercise_is_loaded_or_named(course, text):
    load_any_settings(course, ASSIGNMENT, text)


@fuzzed
@given(LINES, LINES, st.booleans())
def test_any_settings_are_loaded_or_named(course, assignment, exercise, whole):
    if whole:  # what is drawn comes on top of what must be there
        assignment = b'title = "T"\nexercises = ["add"]\n' + assignment
        exercise = b'title = "T"\nsection = "1"\nkind = "class"\nnames = ["A"]\n' + exercise
    load_any_settings(course, assignment, exercise)
