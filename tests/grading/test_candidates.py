"""Which definitions of a notebook answer an exercise, by name and by the text of the cells."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course import Exercise
from grader.grading.candidates import (
    MOST_CANDIDATES,
    callables,
    candidates_for,
    forbidden_names,
    own_definitions,
    read_source,
)
from grader.kernel.observations import Captured
from grader.records import Cell


def exercise(kind="function", *names):
    return Exercise("corr2d", "", "", kind, names or ("corr2d",), False, Path())


def entry(name="corr2d", cell=0, kind="function", imported=False, number=0):
    return Captured(number, name, cell, kind, imported)


def cells(*sources):
    return [Cell(index, "code", source) for index, source in enumerate(sources)]


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("def corr2d(X, K): pass", True),
        ("class corr2d: pass", True),
        ("corr2d = other", True),
        ("corr2d, b = f, g", True),
        ("for corr2d in functions: pass", True),
        ("if True:\n    def corr2d(): pass", True),
        ("%%time\ndef corr2d(X, K): pass", True),
        ("from d2l.torch import corr2d\n%time corr2d = f()", True),
        ("from d2l.torch import corr2d\ncorr2d = %time f()", True),
        ("%%timeit -n 1 from d2l.torch import corr2d\npass", False),
        ("# it\n%%time\n%%capture out\nfrom d2l.torch import corr2d", False),
        ("for i in x:\n    %time from d2l.torch import corr2d", False),
        ("%%time\nfrom d2l.torch import corr2d", False),
        ("!ls \\\n  -l\nfrom d2l.torch import corr2d", False),
        ("files = !ls\nfrom d2l.torch import corr2d\ncorr2d?", False),
        (">>> from d2l.torch import corr2d\n>>> %matplotlib inline", False),
        ("if True:\n    %matplotlib inline\nfrom d2l.torch import corr2d", False),
        ("?corr2d\n@wrapped  # why?\ndef corr2d(X, K): pass", True),
        ("!pip install d2l\ndef corr2d(): pass", True),
        ("exec(text)", True),  # nothing says that it is an import
        ("from d2l.torch import corr2d", False),
        ("from d2l.torch import other as corr2d", False),
        ("import corr2d", False),
        ("import corr2d.more", False),
        ("from d2l.torch import corr2d\ndef corr2d(X, K): pass", True),
        ("from d2l.torch import corr2d\nmine = corr2d", False),
    ],
)
def test_a_name_counts_unless_only_an_import_binds_it(source, own):
    assert own_definitions([entry()], cells(source)) == ([entry()] if own else [])


def test_a_cell_of_hundreds_of_commands_is_read_at_once():
    source = "!ls\n" * 5_000 + "x?\n" * 5_000 + "from d2l.torch import corr2d\n"
    started = time.process_time()
    assert read_source(source).imports == {"corr2d": "d2l.torch.corr2d"}
    assert time.process_time() - started < 2  # 0.1 s; it took minutes


def test_a_star_import_binds_only_what_is_defined_elsewhere():
    source = cells("from d2l.torch import *")
    helper = entry("helper", imported=False)
    assert own_definitions([entry(imported=True), helper], source) == [helper]


def test_an_alias_of_ones_own_function_counts():
    alias = entry("my_corr2d", cell=1)
    assert own_definitions([alias], cells("def corr2d(): pass", "my_corr2d = corr2d")) == [alias]


def test_an_import_in_one_cell_leaves_the_definition_in_another():
    first, second = entry(cell=0, imported=True), entry(cell=1)
    sources = cells("from d2l.torch import corr2d", "def corr2d(X, K): pass")
    assert own_definitions([first, second], sources) == [second]


def test_a_name_as_in_the_book_comes_before_one_that_fits_a_pattern():
    wanted = exercise("function", "corr2d", "*corr*2d*")
    exact, similar = entry("corr2d", 0), entry("My_Corr2D", 1)
    assert candidates_for(wanted, [exact, similar]) == [exact]
    assert candidates_for(wanted, [similar, entry("pool2d", 2)]) == [similar]


def test_a_pattern_may_take_names_out_again():
    wanted = exercise("function", "ModernLeNet", "?*LeNet*", "!*GoogLeNet*")
    mine, other = entry("MyLeNet"), entry("GoogleNet")
    assert candidates_for(wanted, [mine, other]) == [mine]


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("function", {"function", "class", "module"}),
        ("class", {"class", "function"}),
        ("values", {"tensor", "module", "plain"}),
    ],
)
def test_only_fitting_kinds_are_candidates(kind, accepted):
    kinds = ("function", "class", "module", "tensor", "plain")
    found = candidates_for(exercise(kind), [entry(kind=kind) for kind in kinds])
    assert {one.kind for one in found} == accepted


def test_a_layer_of_the_library_is_no_function_of_the_student():
    own, layer = entry(kind="module"), entry(kind="module", cell=1, imported=True)
    assert candidates_for(exercise(), [own, layer]) == [own]


@pytest.mark.parametrize("kind", ["class", "module"])
def test_only_the_very_name_makes_a_class_or_an_object_a_function(kind):
    wanted = exercise("function", "corr2d", "*corr*2d*")
    assert candidates_for(wanted, [entry("Corr2D", kind=kind)]) == []


@given(st.integers(0, 20))
def test_of_many_candidates_the_first_and_the_last_are_asked(count):
    all_of_them = [entry(cell=cell) for cell in range(count)]
    found = candidates_for(exercise(), all_of_them)
    assert len(found) == min(count, MOST_CANDIDATES)
    assert found == sorted(found, key=lambda one: one.cell)
    assert found[:1] == all_of_them[:1]
    assert found[-1:] == all_of_them[-1:]


def test_the_last_definition_of_a_name_is_the_one_that_is_called():
    last = entry(cell=3)
    assert callables([entry(), last, entry("x", kind="tensor")]) == {"corr2d": last}


@given(st.text())
def test_whatever_a_cell_holds_can_be_read(source):
    read_source(source)


@pytest.mark.parametrize("source", ["def (", "\0", "(" * 5_000, "'\\d'", "x = 1" + "+1" * 20_000])
def test_strange_cells_bind_nothing_or_little_and_warn_nobody(source):
    assert read_source(source).binds <= {"x"}


CONV = "torch.nn.functional.conv2d"


@pytest.mark.parametrize(
    ("imports", "source", "found"),
    [
        ("import torch", "def f(x, k): return torch.nn.functional.conv2d(x, k)", True),
        ("import torch.nn.functional as F", "def f(x, k): return F.conv2d(x, k)", True),
        ("from torch.nn import functional as F", "def f(x, k): return F.conv2d(x, k)", True),
        ("from torch import nn", "def f(x, k): return nn.functional.conv2d(x, k)", True),
        ("from torch.nn.functional import conv2d", "def f(x, k): return conv2d(x, k)", True),
        ("from torch.nn.functional import conv2d as c", "def f(x, k): return c(x, k)", True),
        ("import torch", "conv = torch.nn.functional.conv2d", True),
        ("", "import torch.nn.functional as F\ndef f(x, k): return F.conv2d(x, k)", True),
        ("import torch", "def f(self, x): return self.conv2d(x)", False),
        ("import torch", "def conv2d(x): return x\ndef f(x): return conv2d(x)", False),
        ("import torch", "def f(x): return torch.nn.Conv2d(1, 1, 2)(x)", False),
        ("import torch", "def f(x): return 'torch.nn.functional.conv2d'  # not conv2d", False),
        ("import jax.nn as F", "def f(x): return F.conv2d(x)", False),
    ],
)
def test_a_forbidden_name_is_found_under_every_alias(imports, source, found):
    first, second = cells(imports, source)
    assert forbidden_names(second, [CONV, "torch.add"], [first, second]) == [CONV] * found


def test_nothing_is_forbidden_unless_the_assignment_says_so():
    (cell,) = cells("import torch\ntorch.add(1, 2)")
    assert forbidden_names(cell, []) == []


@pytest.mark.parametrize(
    "source",
    ["y = %time F.conv2d(x, k)", "%%timeit -n 1\nF.conv2d(x, k)", "r = %timeit -o F.conv2d(x, k)"],
)
def test_a_forbidden_name_is_found_inside_a_magic(source):
    imports = Cell(0, "code", "import torch.nn.functional as F")
    forbid = ["torch.nn.functional.conv2d"]
    assert forbidden_names(Cell(1, "code", source), forbid, [imports]) == forbid
