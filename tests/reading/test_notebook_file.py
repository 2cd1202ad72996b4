"""A notebook is read whatever state its file is in, and a problem comes with a remedy."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.reading.notebook_file import MOST_CELLS, MOST_CODE, MOST_LINES, read_notebook
from grader.records import Cell

CODE = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": ["x = 1\n", "x"]}


def notebook(*cells, **changes):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)} | changes


def read(document):
    return read_notebook(json.dumps(document).encode())


def test_sources_are_joined_and_cells_keep_their_places():
    text = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "# 7.2"}
    cells, notes, problem = read(notebook(text, CODE))
    assert cells == (Cell(0, "markdown", "# 7.2"), Cell(1, "code", "x = 1\nx"))
    assert (notes, problem) == ((), "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty (0 bytes)"),
        (b"\r\n", "empty (2 bytes)"),
        (b"\xef\xbb\xbf", "empty"),
        (b"%PDF-1.7 ...", "a PDF export"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"print('hi')", "no complete notebook"),
        (b'{"cells": [', "ends too early"),
        (b"[1, 2]", "no notebook"),
        (b'"text"', "no notebook"),
        (b'{"a": 1}', "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"cells": [' + b"1" * 5000 + b"]}", "damaged"),
        (b"[" + b"1," * 6_000_000, "millions of values"),
        (b" " + b"x" * (64 << 20), "too large"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_cannot_be_read_has_a_sentence_with_a_remedy(data, words):
    cells, _, problem = read_notebook(data)
    assert cells == ()
    assert words in problem
    assert "; ask the student" in problem
    assert problem.endswith(".")


def test_too_many_cells_are_refused():
    assert "2,001 cells" in read(notebook(*[CODE] * (MOST_CELLS + 1)))[2]


def test_more_code_than_a_homework_has_is_refused():
    half, more = ({**CODE, "source": "x" * size} for size in (MOST_CODE // 2, 3))
    assert read(notebook(half, half))[2] == ""
    assert "1,000,003 characters of code" in read(notebook(half, half, more))[2]


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028"])
def test_more_lines_of_text_than_a_homework_has_are_refused(end):
    text = {"cell_type": "markdown", "metadata": {}, "source": f"# Discussion{end}" * 20_000}
    assert read(notebook(CODE, *[text] * (MOST_LINES // 20_000)))[2] == ""
    assert "lines of text" in read(notebook(CODE, *[text] * (MOST_LINES // 20_000 + 1)))[2]


def test_cells_that_are_damaged_are_passed_over_in_their_places():
    odd = [
        3,
        {"cell_type": "code"},
        {"cell_type": ["x"], "source": "y"},
        {**CODE, "source": [1, "z"]},
    ]
    cells, notes, problem = read(notebook(*odd, CODE, nbformat_minor=4))
    assert [cell.source for cell in cells] == ["", "", "y", "z", "x = 1\nx"]
    assert [cell.index for cell in cells] == [0, 1, 2, 3, 4]
    assert problem == ""
    assert "1 cell could not be read" in notes


def test_missing_and_repeated_ids_are_noted_from_format_4_5_on():
    bare = {"cell_type": "code", "source": "x"}
    assert read(notebook(bare, bare, CODE, CODE))[1] == (
        "2 cells without an id", "1 cell with the id of another",
    )  # fmt: skip
    assert read(notebook(bare, nbformat_minor=4))[1] == ()


def test_format_3_is_read_as_nbformat_converts_it():
    from nbformat import v3

    old = v3.new_notebook(worksheets=[v3.new_worksheet(cells=[
        v3.new_heading_cell("Pooling", level=2), v3.new_text_cell("markdown", "text"),
        v3.new_code_cell(input="x = 1"),
    ])])  # fmt: skip
    cells, notes, _ = read_notebook(v3.writes_json(old).encode())
    new = nbformat.convert(old, 4)
    assert [(cell.kind, cell.source) for cell in cells] == [
        (cell.cell_type, cell.source) for cell in new.cells
    ]
    assert "the file is in notebook format 3" in notes


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp949"]
)
def test_the_encoding_is_recognised(encoding):
    text = json.dumps(notebook({**CODE, "source": "# 합성곱"}), ensure_ascii=False)
    cells, notes, problem = read_notebook(text.encode(encoding))
    assert (cells[0].source, problem) == ("# 합성곱", "")
    assert bool(notes) == (encoding != "utf-8")


def test_lone_surrogates_and_not_a_number_do_no_harm():
    data = b'{"cells": [{"cell_type": "code", "source": "a\\ud800b", "metadata": {"x": NaN}}]}'
    assert read_notebook(data)[0][0].source == "a\ufffdb"


def test_a_notebook_without_code_is_noted():
    assert "the notebook holds no code" in read(notebook())[1]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "id", "worksheets", "input", "level"]),
            inner | st.sampled_from(["code", "markdown", "heading"]),
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.fixed_dictionaries({"cells": st.lists(ANYTHING)}) | ANYTHING)
def test_any_json_is_read_or_has_a_problem(document):
    cells, _, problem = read(document)
    assert not (cells and problem)
    assert all(isinstance(cell.source, str) for cell in cells)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_have_a_problem(data):
    assert read_notebook(data)[2] or read_notebook(data)[0] is not None
