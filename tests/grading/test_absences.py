"""A name that is not there is explained by the cell that would have defined it."""

import pytest

from grader.errors import NameNotDefined, NotAttempted
from grader.grading.absences import absence_of, defined_names, with_causes
from grader.kernel.observations import Captured
from grader.records import Cell, CellRun

FAILED = CellRun(1, "raised", error="ModuleNotFoundError: No module named 'mine'", line=2)
TOLD = (
    "Net is defined in cell 1, which raised ModuleNotFoundError: No module named 'mine' (line 2)."
)


def explained(source, run=FAILED, name="Net", captured=()):
    cells = [Cell(0, "markdown", "# Net"), Cell(1, "code", source)]
    found = absence_of(name.__eq__, [run], cells, captured)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    "source",
    [
        "import mine\nclass Net(mine.Base): pass",
        "import mine\ndef Net(): pass",
        "import mine\nasync def Net(): pass",
        "Net = mine.make()",
        "Net: object = mine.make()",
        "first, Net = mine.both()",
        "if mine:\n    class Net: pass",
        "try:\n    mine()\nfinally:\n    Net = 1",
        "try:\n    pass\nexcept ImportError:\n    Net = mine",
        "with mine.open() as Net:\n    pass",
        "for Net in mine: pass",
        "match mine:\n    case 1:\n        Net = 2",
        "%matplotlib inline\n!ls\nNet = mine",
        "%%time\nclass Net(mine.Base): pass",
        "print(mine\nclass Net(mine.Base):\n    pass",
        "import mine as m\nNet = m.Net(\n",
    ],
)
def test_a_failed_cell_is_named_with_its_error(source):
    assert explained(source) == TOLD


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    Net = 1",
        "class Other:\n    Net = 1\n    def Net(self): pass",
        "print(Net)",
        "Net.x = 1",
        "print(Net\nif Net == 1: pass",
        "other(Net=1)",
        "# Net = 1",
    ],
)
def test_a_cell_that_only_mentions_the_name_explains_nothing(source):
    assert explained(source) is None


@pytest.mark.parametrize(
    ("status", "told"),
    [("timed_out", "took too long"), ("died", "ended the kernel"), ("not_run", "did not run")],
)
def test_other_ends_of_a_cell_are_told_in_words(status, told):
    assert explained("Net = 1", CellRun(1, status)) == f"Net is defined in cell 1, which {told}."


def test_a_part_that_did_not_run_and_a_value_of_another_kind_are_told():
    ran = CellRun(1, "ok")
    assert explained("if False:\n    Net = 1", ran) == (
        "Net is defined in cell 1, in a part of it that was not reached."
    )
    layer = Captured(0, "Net", 1, "module", imported=True)
    assert explained("Net = nn.Linear(2, 3)", ran, captured=[layer]) == (
        "Net is a layer or model in cell 1, and no answer to what is asked for."
    )


def test_an_import_is_no_definition_of_ones_own():
    assert explained("from d2l.torch import Net", CellRun(1, "ok")) == (
        "Net is imported from d2l.torch in cell 1; a definition of your own is asked for."
    )


def test_a_name_that_nothing_mentions_has_no_explanation():
    assert explained("x = 1") is None
    assert str(NameNotDefined("Net")) == "Net is not defined in this notebook."


def test_a_value_of_another_section_is_no_attempt():
    assert str(NotAttempted("X", "an X of 6 x 8 numbers")) == (
        "No cell was found that makes an X of 6 x 8 numbers."
    )
    assert str(NotAttempted("X", "an X", "is defined in cell 3, which did not run")) == (
        "No cell was found that makes an X. X is defined in cell 3, which did not run."
    )


def test_names_are_listed_once_in_order():
    assert defined_names("a = 1\nb, a = 2, 3\ndef c(): d = 1") == ("a", "b", "c")


@pytest.mark.parametrize(
    "cell",
    [
        "if 1 / 0:\n    def double(x): return 2 * x",
        "with open('no/such/file.txt'):\n    def double(x): return 2 * x",
        "try:\n    1 / 0\nfinally:\n    other = 1\ndouble = lambda x: 2 * x",
        "def double(x) return 2 * x",
    ],
)
def test_a_graded_notebook_tells_the_failed_cell(grade, cell):
    result = grade("x = 1", cell)
    message = result.exercises[0].checks[0].message
    assert message.startswith("double is defined in cell 1, which raised ")
    assert "not defined" not in message


@pytest.mark.parametrize(
    "cell",
    [
        "if True:\n    def double(x): return 2 * x\n1 / 0",
        "try:\n    def double(x): return 2 * x\n    1 / 0\nfinally:\n    pass",
        "import contextlib\nwith contextlib.nullcontext():\n"
        "    def double(x): return 2 * x\n    1 / 0",
    ],
)
def test_a_definition_before_the_error_of_its_cell_counts(grade, cell):
    assert grade(cell).exercises[0].points == 7


def test_a_cell_that_lacks_a_name_of_a_failed_one_follows_from_it():
    sources = ("import torch\n1 / 0\nimport mine as m", "x = m.f()", "y = x", "z = w")
    cells = [Cell(i, "code", source) for i, source in enumerate(sources)]
    lacks = ("m", "x", "w")
    runs = [CellRun(0, "raised", error="ZeroDivisionError: division by zero")]
    runs += [
        CellRun(i, "raised", error=f"NameError: name '{name}' is not defined")
        for i, name in enumerate(lacks, 1)
    ]
    assert [run.cause for run in with_causes(runs, cells)] == [None, 0, 1, None]


def test_a_function_that_lacks_a_name_of_a_failed_cell_says_so(grade):
    result = grade("1 / 0\nfactor = 2", "def double(x): return factor * x")
    message = result.exercises[0].checks[0].message
    assert "name 'factor' is not defined: it is defined in cell 0, which raised" in message
