"""Placeholders for packages that are not here, in the rewritten code of cells."""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from grader.guest import import_rewriting, missing_modules
from grader.guest.import_rewriting import ImportRewriter
from grader.guest.missing_modules import MissingPackages, Placeholder, take_notes

Execute = Callable[[str], dict[str, Any]]


@pytest.fixture
def packages() -> Iterator[MissingPackages]:
    made = MissingPackages()
    import_rewriting.install(made)
    before = set(vars(builtins))
    take_notes()
    yield made
    for name in set(vars(builtins)) - before:
        delattr(builtins, name)
    delattr(builtins, import_rewriting.HOOK)


@pytest.fixture
def execute(packages: MissingPackages) -> Execute:
    """Run cells in one namespace and return it."""
    world: dict[str, Any] = {}

    def run(cell: str) -> dict[str, Any]:
        tree = ImportRewriter(world).visit(ast.parse(cell))
        exec(compile(tree, "<cell>", "exec"), world)
        return world

    return run


@pytest.mark.parametrize(
    "cell",
    [
        "import not_here",
        "import not_here.below",
        "import not_here.below as n; n.x",
        "import torch, not_here as n, math; math.pi",
        "from not_here import a, b as c; a, c",
        "from not_here.deep.down import a; a.b.c(1)(x=2)[3]",
        "from not_here import *\nanything(1)",
        "def f():\n    import not_here as n\n    return n.x(1)\nf()",
        "class A:\n    import not_here",
        "import importlib; importlib.import_module('not_here').x()",
        "__import__('not_here').x",
    ],
)
def test_an_import_that_finds_nothing_ends_nothing(execute: Execute, cell: str) -> None:
    world = execute(f"{cell}\nafter = 1")
    assert world["after"] == 1
    assert take_notes() == ["not_here"]


@pytest.mark.parametrize(
    "use",
    [
        "for x in n.load(): pass",
        "with n.session() as s: s.run()",
        "a, b = n.split(1, 2); a.x, b.y",
        "a, *b = n.split(1, 2)",
        "(a, b), c = n.split(), n.other",
        "n.figure.width = 3; assert n.figure.width == 3",
        "n.table['a'] = 1; n.table['a'], n.table[0:2]; del n.table['a']",
        "n.a + 1, 1 - n.a, n.a @ n.b, -n.a, abs(n.a), n.a ** 2, round(n.a, 2), divmod(n.a, 2)",
        "if n.flag or not n.flag: pass",
        "n.a > 0.5, n.a == 1, 3 in n.a, len(n.a), float(n.a), int(n.a), range(n.a)",
        "f'{n.accuracy:.3f} {n.accuracy}', str(n), print(n.a)",
        "isinstance(1, n.Kind), issubclass(int, n.Kind)",
        "sorted(n.a), list(n.a), dict(n.a.items()), sum(n.a), max([n.a, n.b])",
        "copy.deepcopy(n.a), copy.copy(n)",
        "torch.ones(2) + n.a, n.a * torch.ones(2), torch.stack([n.a]), torch.relu(n.a)",
        "np.ones(2) * n.a, np.sqrt(n.a), np.asarray(n.a)",
        "def f(x: n.Kind, y: 'n.Kind | None' = None, *z: n.Kind | None) -> n.Kind: pass",
        "[x for x in n.a], {**{}}, print(*n.a)",
        "class A(n.Env):\n    def __init__(self): self.x = 1\nassert A().x == 1, repr(A())",
        "async def f():\n    async with n.session() as s: await s.get(1)\n"
        "    async for x in s: pass\n    return 1\nimport asyncio\nassert asyncio.run(f()) == 1",
    ],
)
def test_nothing_that_is_done_with_it_ends_a_cell(execute: Execute, use: str) -> None:
    execute("import copy, torch\nimport numpy as np\nimport not_here as n")
    execute(use)
    assert take_notes() == ["not_here"]


@pytest.mark.parametrize("above", ["@n.jit", "@n.jit(cache=True)", "@n.interact(x=3)", "@n.a.b"])
def test_what_it_decorates_stays_as_it_is(execute: Execute, above: str) -> None:
    world = execute(
        f"import not_here as n\n{above}\ndef f(x): return 2 * x\n{above}\nclass A: pass"
    )
    assert world["f"](4) == 8
    assert isinstance(world["A"], type)


@pytest.mark.parametrize(
    "bases", ["n.Module", "n.A, n.B", "nn.Module, n.Mixin", "n.Mixin, nn.Module", "n.Base, dict.A"]
)
def test_a_class_may_inherit_from_it_and_hold_layers(execute: Execute, bases: str) -> None:
    class Plain:
        pass

    world = execute("import not_here as n\nfrom torch import nn\nclass dict: pass")
    world["dict"].A = Plain
    execute(
        f"class A({bases}):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(2, 3)\n"
        "    def forward(self, x): return self.layer(x)"
    )
    model = world["A"]()
    assert isinstance(model, nn.Module)
    assert model(torch.ones(1, 2)).shape == (1, 3)


@pytest.mark.parametrize(
    "cell",
    [
        "try:\n    import not_here as n\nexcept ImportError:\n    n = None",
        "try:\n    from not_here import n\nexcept (OSError, ModuleNotFoundError):\n    n = None",
        "try:\n    import not_here as n\nexcept:\n    n = None",
        "try:\n    if 1:\n        import not_here as n\nexcept Exception as e:\n    n = None",
        "try:\n    import not_here\n    n = 1\nexcept builtins.ImportError:\n    n = None",
        "import importlib.util\nn = importlib.util.find_spec('not_here')",
        "m = 1\nwith suppress(ImportError):\n    import not_here\n    m = 2\nn = [None][m - 1]",
    ],
)
def test_a_fallback_of_the_students_own_is_taken(execute: Execute, cell: str) -> None:
    execute("import builtins\nfrom contextlib import suppress\nimport not_here as other")
    assert execute(cell)["n"] is None


def test_an_import_in_a_handler_is_the_last_resort(execute: Execute) -> None:
    cell = "try:\n    import not_here\nexcept ImportError:\n    import not_here\nnot_here.x()"
    execute(cell)


def test_a_name_that_a_caught_import_leaves_unbound_is_found_all_the_same(execute: Execute) -> None:
    world = execute(
        "try:\n    import not_here as n\nexcept ImportError:\n    print('get it')\nn.x()"
    )
    assert "n" not in world


def test_a_star_import_gives_names_only_where_nothing_else_does(execute: Execute) -> None:
    execute("from not_here import *")
    world = execute("def mine(): return own() + 1\ndef own(): return 1\nx = mine()\ny = theirs()")
    assert world["x"] == 2
    assert isinstance(world["y"], Placeholder)
    assert "theirs" not in world


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("import torch\ntorch.not_there", AttributeError),
        ("from torch import not_there", ImportError),
        ("import torch.not_there", ImportError),
        ("from torch.not_there import x", ImportError),
        ("not_defined", NameError),
    ],
)
def test_what_an_installed_package_lacks_is_an_error_as_before(
    execute: Execute, cell: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        execute(cell)


def test_a_progress_bar_that_is_not_here_hands_on_what_it_was_given(execute: Execute) -> None:
    world = execute(
        "from fastprogress import progress_bar\nx = [i for i in progress_bar(range(3))]"
    )
    assert world["x"] == [0, 1, 2]


def test_libraries_do_not_see_placeholders(execute: Execute) -> None:
    import sys

    execute("import jax, tensorflow as tf\nfrom matplotlib import pyplot as plt")
    assert "jax" not in sys.modules
    assert "tensorflow" not in sys.modules


def test_the_first_import_of_each_package_is_noted_with_its_error(
    execute: Execute, packages: MissingPackages
) -> None:
    packages.cell = 3
    execute("import not_here.below")
    packages.cell = 5
    execute("import not_here, absent")
    assert packages.first_seen["not_here"] == (
        3, "ModuleNotFoundError: No module named 'not_here'",
    )  # fmt: skip
    assert packages.first_seen["absent"][0] == 5


def test_notes_are_bounded(packages: MissingPackages) -> None:
    for number in range(1_000):
        missing_modules.note(f"{number}" * 100)
    noted = take_notes()
    assert len(noted) <= 64
    assert max(map(len, noted)) <= 60


def test_a_cell_keeps_its_lines(execute: Execute) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        execute("import not_here\nfrom not_here import x\n\n1 / 0")
    assert caught.traceback[-1].lineno == 3  # counted from 0


def test_a_placeholder_is_copied_as_itself_and_shows_what_it_is(execute: Execute) -> None:
    world = execute("import not_here as n\nx = n.plot(1)")
    assert copy.deepcopy([world["x"]])[0] is world["x"]
    assert "not_here is not installed here" in repr(world["x"])
    with contextlib.suppress(AttributeError):
        assert world["x"]._repr_html_ is None
