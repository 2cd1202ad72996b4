"""Handouts of small courses, and their `selfcheck.py` as a student imports it."""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grader.grading.plan import Plan
from grader.records import HANDOUT_SEED
from grader.selfcheck import folder
from grader.selfcheck.exercises import SelfCheck, SelfChecks, self_checks

DOUBLE = """
from hypothesis import settings

@check(points=4, feedback="Add every number to itself.")
@given(whole_numbers((2, 3)))
@settings(max_examples=8)
def test_doubles(student, x):
    "Every number is doubled."
    assert_equal(student.double(x), 2 * x, call="double(x)")

@check(points=1)
def test_leaves_x_alone(student):
    "x keeps its numbers."
    x = torch.ones(2)
    answer = student.call("double", x)
    assert_equal(answer.value, 2 * x, call="double(x)")
    assert_equal(answer.arguments[0], x, call="after double(x), x")

@check(points=1, hidden=True)
def test_secret(student):
    "Large numbers are doubled, too."
    x = torch.tensor([1234567.0])
    assert_equal(student.double(x), 2 * x, call="double(x)")
"""
DOUBLE_BANK = """
import torch
from grader.checks import mistake, rewrite

@rewrite
def adds(x): return x + x

@rewrite
def multiplies(x): return (2 * x).double()

@mistake("the numbers are squared", hint="x + x, not x * x.", caught_by="test_doubles")
def squares(x): return x * x

@mistake("nothing comes back", hint="Is there a return?", caught_by="test_doubles")
def forgets(x): x + x

@mistake("x itself is doubled", hint="Build a new tensor.", caught_by="test_leaves_x_alone")
def in_place(x): return x.mul_(2)

@mistake("large numbers are cut", hint="Look.", caught_by="test_secret")
def cuts(x): return (2 * x).clamp(-1000, 1000)

@mistake("the sign is lost", hint="Look at the sign.", caught_by="test_doubles")
def without_sign(x): return (2 * x).abs()

@mistake("the sign is lost on the way", hint="Look at the sign.", caught_by="test_doubles")
def without_sign_too(x): return 2 * x.abs()
"""
FOURFOLD = """
@check(points=1, feedback="Call double twice.")
def test_fourfold(student):
    "Every number is multiplied by 4."
    x = torch.tensor([1.0, 3.0])
    assert_equal(student.fourfold(x), 4 * x, call="fourfold(x)")
"""
FOURFOLD_BANK = """
from grader.checks import rewrite

@rewrite
def right(x): return 4 * x
"""
OBJECTS = """
@check(points=1)
def test_makes_a_layer(student):
    "It makes a layer."
    assert student.Layer().layers()
"""
ESSAY = 'title = "Essay"\nsection = "1"\nkind = "answers"\n'


def build(assignment: Path) -> dict[str, SelfCheck]:
    found = self_checks(Plan(str(assignment), seed=HANDOUT_SEED))
    return {one.exercise.name: one for one in found.exercises}


def text_of(content: bytes) -> str:
    """Return the words of a file of questions."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("questions.json").decode()


def load(where: Path) -> ModuleType:
    """Import the `selfcheck.py` of a folder."""
    spec = importlib.util.spec_from_file_location("selfcheck_of_a_student", where / "selfcheck.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory, write_course: Callable[..., Path]) -> Path:
    """`double`, `fourfold` that builds on it, `Layer` and `essay`, which have no self-check."""
    assignment = write_course(
        tmp_path_factory.mktemp("course"),
        {
            "double": (DOUBLE, 'names = ["double", "twice*"]\n'),
            "fourfold": (FOURFOLD, 'builds_on = ["double"]\n'),
            "Layer": (OBJECTS, 'kind = "class"\n'),
        },
    )
    (assignment / "double" / "bank.py").write_text(DOUBLE_BANK)
    (assignment / "fourfold" / "bank.py").write_text(FOURFOLD_BANK)
    (assignment / "essay").mkdir()
    (assignment / "essay" / "exercise.toml").write_text(ESSAY)
    (assignment / "parts.py").write_text("def double(x):\n    return 2 * x\n")
    settings = assignment / "assignment.toml"
    settings.write_text(settings.read_text().replace('"Layer"]', '"Layer", "essay"]'))
    return assignment


@pytest.fixture(scope="session")
def checks(course: Path) -> SelfChecks:
    return self_checks(Plan(str(course), seed=HANDOUT_SEED))


@pytest.fixture
def handed_out(course: Path, checks: SelfChecks, tmp_path: Path) -> Path:
    """The folder of a handout of the small course."""
    plan = Plan(str(course))
    folder.write(tmp_path / "handout", folder.files_of(plan.assignment, checks))
    return tmp_path / "handout"


@pytest.fixture
def ask(handed_out: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[str]]]:
    """Check names of a student's notebook; returns the printed lines."""
    module = load(handed_out)

    def checked(*what: Any, **names: Any) -> list[str]:
        code = compile("check(*what)", "<cell>", "exec")
        exec(code, {"check": module.check, "what": what, **names})
        return capsys.readouterr().out.splitlines()

    return checked
