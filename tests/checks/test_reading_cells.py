"""The text of cells is read in linear time: counted in steps of the reader, not by a clock."""

from __future__ import annotations

import sys

import pytest

from grader.grading.candidates import parsed, read_source
from grader.text import parse_python


def lines_run(source: str) -> int:
    """Return how many lines of Python are run while a cell is read."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    read_source.cache_clear()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read_source(source)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "cell",
    [
        lambda n: "\n".join("a" + ".b" * 60 for _ in range(n)),
        lambda n: "f'" + "{a}" * n + "'",
        lambda n: "x = " + "[" * 40 + "1," * n + "]" * 40,
        lambda n: "%time x\n" * n,
        lambda n: "!ls\n" * n,
        lambda n: "\n" * 50 * n,
        lambda n: "".join(f"def f{i}(x): return f{i + 1}(x)\n" for i in range(n)),
    ],
)
def test_a_cell_of_twice_the_length_takes_twice_the_steps(cell):
    assert lines_run(cell(200)) <= 2.5 * lines_run(cell(100))


def test_a_chain_of_attributes_takes_no_longer_than_its_length():
    assert lines_run("a" + ".b" * 400) <= 5 * lines_run("a" + ".b" * 100)


@pytest.mark.parametrize(
    "source",
    ["f'" + "{a}" * 20_000 + "'", "x" * 1_000_001, "x = (", "\x00", "(" * 5_000,
     "x = 0\n" * 90_000, "".join(f"a{i}" + ".b" * 90 + "\n" for i in range(2_000))],
)  # fmt: skip
def test_what_is_no_python_or_takes_far_too_long_is_not_parsed(source):
    assert parse_python(source) is None


def test_a_homework_cell_is_parsed():
    source = "def corr2d(X, K):\n" + "    x = {'a': f'{X}'}\n" * 200 + "    return X\n"
    assert parse_python(source) is not None
    assert "corr2d" in read_source(source).binds


def test_a_cell_with_a_large_picture_in_it_is_parsed():
    source = f"picture = '{'iVBORw0KGgo/AAAN+SUhEUg' * 40_000}'\ndef corr2d(X, K): pass\n"
    assert "corr2d" in read_source(source).binds


def test_what_is_too_long_is_not_parsed_in_search_of_magics_either(monkeypatch):
    monkeypatch.setattr("grader.grading.candidates.without_magics", lambda source: 1 / 0)
    assert parsed("x = 0\n" * 90_000) is None
