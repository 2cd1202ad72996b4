"""Every binding of a notebook is captured with its cell, as it was at that moment."""

from __future__ import annotations

import atexit
import builtins
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from grader.guest import recorder as recording
from grader.guest.recorder import HOOK, Recorder, attach


@pytest.fixture(scope="module")
def ipython() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    main = sys.modules["__main__"]
    made = InteractiveShell(config=config)
    sys.modules["__main__"] = main  # it puts its own there, which no process can be spawned from
    yield made
    atexit.unregister(made.atexit_operations)


@pytest.fixture
def notebook(ipython: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run cells in a shell that a recorder is attached to; returns the recorder."""
    monkeypatch.setattr(ipython, "ast_transformers", [])
    ipython.reset()
    recorder = Recorder(ipython.user_ns)
    events = ipython.events.callbacks
    before = {name: list(found) for name, found in events.items()}
    attach(ipython, recorder)

    def run(*cells: str) -> Recorder:
        for number, source in enumerate(cells):
            ipython.run_cell(source, cell_id=str(number))
        return recorder

    yield run
    events.update(before)
    delattr(builtins, HOOK)


def bound(recorder: Recorder, name: str) -> list[tuple[int, str]]:
    return [(d.cell, d.kind) for d in recorder.definitions if d.name == name]


def test_a_name_rebound_within_one_cell_is_captured_each_time(notebook):
    made = notebook("def pool2d(X):\n    return X\npool2d = __import__('torch').nn.MaxPool2d(3)")
    assert bound(made, "pool2d") == [(0, "function"), (0, "module")]


def test_a_name_rebound_in_a_later_cell_is_captured_in_both(notebook):
    made = notebook(
        "def pool2d(X):\n    return X", "import torch", "pool2d = torch.nn.MaxPool2d(2)"
    )
    assert bound(made, "pool2d") == [(0, "function"), (2, "module")]


def test_a_tensor_changed_in_place_is_captured_before_and_after(notebook):
    made = notebook("import torch\nX = torch.ones(2, 4)", "X[:, 2:] = 0")
    values = [d.value.sum().item() for d in made.definitions if d.name == "X"]
    assert values == [8.0, 4.0]


def test_a_layer_trained_in_place_is_captured_before_and_after(notebook):
    made = notebook(
        "import torch\nlayer = torch.nn.Linear(1, 1)",
        "for step in range(3):\n    layer.weight.data -= 1.0",
    )
    first, last = (d.value.weight.item() for d in made.definitions if d.name == "layer")
    assert last == pytest.approx(first - 3)


def test_a_value_that_stays_the_same_is_captured_once(notebook):
    made = notebook("import torch\nX = torch.ones(2)", "y = X + 1", "z = X + 2")
    assert bound(made, "X") == [(0, "tensor")]


def test_a_cell_that_fails_keeps_what_it_bound_before(notebook):
    made = notebook("a = 1\nb = 2\n1 / 0\nc = 3")
    assert [d.name for d in made.definitions] == ["a", "b"]


def test_magics_and_top_level_await_do_not_disturb_the_recording(notebook):
    made = notebook(
        "%precision 3\na = 1",
        "import asyncio\nb = await asyncio.sleep(0, 2)",
        "%%time\ndef f():\n    return 3",
    )
    assert {"a", "b", "f"} <= {d.name for d in made.definitions}
    assert bound(made, "b") == [(1, "plain")]


def test_a_cell_that_is_no_python_is_passed_over(notebook):
    made = notebook("def f(:\n", "a = 1")
    assert bound(made, "a") == [(1, "plain")]


def test_what_a_call_binds_is_found_at_the_end_of_the_cell(notebook):
    made = notebook("globals()['late'] = 5\nNone")
    assert bound(made, "late") == [(0, "plain")]


def test_imported_functions_say_so_and_modules_are_left_out(notebook):
    made = notebook("import torch\nfrom torch.nn.functional import relu")
    assert [(d.name, d.imported) for d in made.definitions] == [("relu", True)]


def test_a_layer_says_whether_the_notebook_wrote_its_class(notebook):
    made = notebook(
        "from torch import nn\nclass Own(nn.Module): pass", "a, b = Own(), nn.MaxPool2d(3)"
    )
    assert {d.name: d.imported for d in made.definitions if d.kind == "module"} == {
        "a": False,
        "b": True,
    }


def test_an_imported_module_is_found_as_it_stood_at_a_cell(notebook):
    made = notebook("import math as F", "x = 1", "F = 5", "import cmath as F", "def F(): pass")
    found = [getattr(made.history.at(cell)["F"], "__name__", "") for cell in range(5)]
    assert found == ["math", "math", "", "cmath", "F"]
    assert made.history.at(2)["F"] == 5
    assert made.world_before(1)["F"].__name__ == "math"


def test_private_names_are_left_out(notebook):
    assert not notebook("_secret = 1").definitions


def test_the_place_of_an_error_is_a_cell_and_a_line(notebook):
    made = notebook("x = 1", "def f():\n    raise ValueError\ng = 1")
    assert 1 in made.files.values()


def define(recorder: Recorder, cell: int, **names: Any) -> None:
    recorder.begin(cell, "")
    recorder.namespace.update(names)
    recorder.end()


def test_a_helper_defined_earlier_stands_as_it_did_at_the_cell():
    made = Recorder({})
    first, second = (lambda: 1), (lambda: 2)
    define(made, 0, helper=first)
    define(made, 1, answer=lambda: 0)
    define(made, 2, helper=second)
    assert made.history.at(1)["helper"] is first
    assert made.history.at(2)["helper"] is second


def test_a_helper_defined_later_is_given_as_first_defined():
    made = Recorder({})
    first, second = (lambda: 1), (lambda: 2)
    define(made, 0, answer=lambda: 0)
    define(made, 1, helper=first)
    define(made, 2, helper=second)
    assert made.history.at(0)["helper"] is first


def test_the_world_before_a_cell_holds_copies():
    made = Recorder({})
    X = torch.zeros(2)
    define(made, 0, X=X)
    X += 1
    define(made, 1, y=1)
    world = made.world_before(1)
    assert world["X"].tolist() == [0.0, 0.0]
    world["X"] += 5
    assert made.world_before(1)["X"].tolist() == [0.0, 0.0]


def test_large_tensors_are_kept_and_not_copied():
    made = Recorder({})
    large = torch.zeros(recording._MOST_NUMBERS + 1)
    define(made, 0, small=torch.zeros(2), large=large)
    by_name = {d.name: d for d in made.definitions}
    assert by_name["small"].is_copy
    assert by_name["large"].value is large


def test_a_lazy_layer_is_captured_before_and_after_its_first_call():
    made = Recorder({})
    layer = nn.LazyLinear(2)
    define(made, 0, layer=layer)
    layer(torch.ones(1, 3))
    define(made, 1, y=1)
    assert [d.cell for d in made.definitions if d.name == "layer"] == [0, 1]


def test_the_list_of_all_definitions_fits_one_answer():
    made = Recorder({})
    define(made, 0, **{f"name_{i}": float(i) for i in range(10_000)})
    from grader.guest.server import Guest
    from grader.kernel.connection import LocalConnection
    from grader.kernel.student import Student

    catalog = Student(LocalConnection(Guest(made)), {}).catalog()
    assert len(catalog) == len(made.definitions) == recording._MOST_DEFINITIONS


@pytest.mark.parametrize("name", ["sum", "max", "list", "range", "len"])
def test_a_builtin_that_a_later_cell_covers_is_the_builtin_again(notebook, name):
    made = notebook("def f():\n    pass", f"{name} = 0")
    assert made.history.at(0)[name] is getattr(builtins, name)
    assert made.history.at(1)[name] == 0


@pytest.mark.parametrize(
    "head",
    ["%%time", "%%capture", "%%timeit -n 1 -r 1", "# it\n%%prun -q", "\n\n%%time\n%%capture out"],
)
def test_what_a_cell_below_a_magic_binds_is_captured_each_time(notebook, head):
    made = notebook(f"{head}\na = 1\na = 2\ndef f():\n    return 1 / 0")
    assert [d.value for d in made.definitions if d.name == "a"] == [1, 2]
    line = made.sources[0].splitlines().index("def f():") + 1
    assert made.namespace["f"].__code__.co_firstlineno == line == head.count("\n") + 4


def test_what_an_option_binds_can_be_used_afterwards(notebook):
    made = notebook(
        "%%capture --no-stderr out\nprint(3)",
        "seen = int(out.stdout)\nprint(4)\nout.show()",
        "res = %timeit -o -n 1 sum([1, 2])\nquick = res.average < 9 and res.best > 0",
        "total = %time sum([1, 2])",
    )
    assert (made.namespace["seen"], made.namespace["quick"], made.namespace["total"]) == (
        3,
        True,
        3,
    )


def test_a_cell_that_captures_its_output_runs_again(notebook):
    made = notebook("k = 2", "%%capture out\nprint(3)\ny = k\nout.show()")
    assert [d.value for d in made.rerun(1, {"k": 5}) if d.name == "y"] == [5]


@pytest.mark.parametrize(
    ("first", "later", "is_first"),
    [
        ("k = 3", "k = 'x'", lambda k: k == 3),
        ("k = torch.ones(2)", "k = k.reshape(2, 1)", lambda k: k.shape == (2,)),
        ("k = torch.ones(2)", "k[0] = 5", lambda k: k.tolist() == [1, 1]),
        ("k = torch.device('cpu')", "k = torch.device('meta')", lambda k: k.type == "cpu"),
        ("k = {'eps': 1}", "k = None", lambda k: k == {"eps": 1}),
        ("k = None", "k = 3", lambda k: k is None),
        ("k = nn.Linear(1, 1)", "k = 2", lambda k: isinstance(k, nn.Linear)),
        ("k = torch.Generator()", "k = 0", lambda k: isinstance(k, torch.Generator)),
    ],
)
def test_a_value_stands_as_it_did_at_a_cell(notebook, first, later, is_first):
    made = notebook("import torch\nfrom torch import nn", first, "x = 1", later)
    last = made.namespace["k"]
    assert is_first(made.history.at(1)["k"])
    assert is_first(made.history.at(2)["k"])
    assert made.history.at(3)["k"] is last
    assert is_first(made.history.at(0)["k"])  # it is defined only later
    assert made.history.at(3)["k"] is last


def test_a_private_helper_stands_as_it_did_at_a_cell(notebook):
    made = notebook("_pad = 1\nfor _ in range(2): pass", "_pad = 2")
    assert made.history.at(0)["_pad"] == 1
    assert "_" not in made.history.at(0)


def test_a_value_that_a_question_changed_is_a_copy(notebook):
    made = notebook("import torch\nk = torch.zeros(2)", "k = 1")
    made.history.at(0)["k"][0] = 7
    assert made.history.at(0)["k"].tolist() == [0, 0]


def test_a_rerun_leaves_definitions_classes_and_names_as_they_were(notebook):
    made = notebook(
        "class Base: pass\nclass Net(Base): pass\ncount = 0\n"
        "def note():\n    global count\n    count += 1",
        "def size(self): return 1\nNet.size = size\nclass Other: pass\nNet.__bases__ = (Base,)\n"
        "Net.extra = 1\ndel Net.extra\nnote()\ny = 1",
    )
    net = made.namespace["Net"]
    before = dict(vars(net)), net.__bases__, list(made.definitions), dict(made.files)
    names = dict(made.namespace)
    assert {d.name for d in made.rerun(1, {})} >= {"size", "y", "Other"}
    assert (dict(vars(net)), net.__bases__, list(made.definitions), dict(made.files)) == before
    assert made.namespace == names


def test_a_rerun_for_a_name_runs_only_what_it_depends_on(notebook):
    made = notebook("k = 1", "x = k + 1\nz = [k]\nz.append(1 / (2 - k))\ny = x + 1")
    again = {d.name: d.value for d in made.rerun(1, {"k": 2}, "y")}
    assert (again["x"], again["y"]) == (3, 4)
    with pytest.raises(ZeroDivisionError):
        made.rerun(1, {"k": 2}, "z")
