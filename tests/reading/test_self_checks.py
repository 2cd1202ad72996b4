"""Cells that only self-check are no part of an answer."""

from __future__ import annotations

import pytest

from grader.reading.self_checks import self_checking_cells
from grader.reading.written_answers import collect_answers
from grader.records import Cell

ONLY = [
    "import selfcheck",
    "import selfcheck as sc",
    "from selfcheck import check",
    "from selfcheck import *\ncheck('f')",
    "from selfcheck import check as ask\nask()",
    "import selfcheck\nselfcheck.check()",
    "import selfcheck\n# all of mine\nselfcheck.check(f, g)\nselfcheck.check('f')",
]
MORE = [
    "import selfcheck, torch",
    "from selfcheck_of_mine import check",
    "from .selfcheck import check",
    "import selfcheck\nf = 3",
    "import selfcheck\nselfcheck.check(f(3))",
    "import selfcheck\nselfcheck.check(f := 3)",
    "import selfcheck\nselfcheck.check(f).x()",
    "selfcheck.check(",
    "# selfcheck",
    "",
]


def cells(*sources):
    return [
        Cell(i, "markdown" if source.startswith("#%") else "code", source.removeprefix("#%"))
        for i, source in enumerate(sources)
    ]


@pytest.mark.parametrize("source", ONLY)
def test_a_cell_that_imports_and_calls_the_self_check_does_nothing_else(source):
    assert self_checking_cells(cells("x = 1", source)) == {1}


@pytest.mark.parametrize("source", MORE)
def test_a_cell_that_does_more_is_a_cell_like_others(source):
    assert self_checking_cells(cells("x = 1", source)) == frozenset()


def test_the_import_may_stand_in_another_cell():
    found = cells("import selfcheck as sc, selfcheck", "sc.check(f)", "sd.check(f)")
    assert self_checking_cells(found) == {0, 1}


def test_a_function_of_the_notebook_of_the_same_name_is_its_own():
    found = cells("from selfcheck import check", "def check(x): return x", "check(f)")
    assert self_checking_cells(found) == {0}


def test_a_name_of_another_import_as_well_is_no_self_check():
    found = cells("import selfcheck as np", "import numpy as np", "np.seterr('raise')")
    assert self_checking_cells(found) == {0}


def test_a_self_check_below_a_heading_is_no_answer_to_it():
    heading = "#%## Discussion"
    (nothing,) = collect_answers(cells(heading, "import selfcheck\nselfcheck.check()"))
    assert nothing.state == "empty"
    assert collect_answers(cells(heading, "print(3)")) == ()
    texts = [a.text for a in collect_answers(cells(heading, "selfcheck.check()", "#%It is so."))]
    assert texts == ["It is so."]
