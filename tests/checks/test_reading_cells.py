"""The text of cells is read in linear time: counted in steps of the reader, not by a clock."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from grader.course import Exercise, load_assignment
from grader.grading.absences import with_causes
from grader.grading.candidates import parsed, read_source
from grader.grading.needed_cells import needed_cells
from grader.records import Cell, CellRun
from grader.text import parse_python


@pytest.fixture(scope="module")
def corr2d() -> Exercise:
    (found,) = load_assignment("cnn").only(["corr2d"]).exercises
    return found


def lines_run(source: str) -> int:
    """Return how many lines of Python are run while a cell is read."""
    read_source.cache_clear()
    return lines_of(lambda: read_source(source))


def lines_of(work: Callable[[], object]) -> int:
    """Return how many lines of Python some work runs."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
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


def test_twice_as_many_cells_that_lack_a_name_take_twice_the_steps():
    def steps(count: int) -> int:
        cells = [Cell(i, "code", f"f{i} = f{i + count}") for i in range(count)]
        runs = [
            CellRun(i, "raised", error=f"NameError: name 'f{i + count}' is not defined")
            for i in range(count)
        ]
        return lines_of(lambda: with_causes(runs, cells))

    assert steps(400) <= 2.5 * steps(200)


@pytest.mark.parametrize(
    "one", ["def f{0}(): pass\n", "class f{0}: pass\n", "f{0} = lambda: {0}\n"]
)
def test_a_cell_of_very_many_functions_is_not_searched_for_what_it_needs(corr2d, one):
    cell = Cell(0, "code", "".join(one.format(i) for i in range(4_000)))
    assert needed_cells([cell], [corr2d]) is None
    assert lines_of(lambda: needed_cells([cell], [corr2d])) < 2_000_000


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
