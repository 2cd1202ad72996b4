"""A model that no class or function is named after is found by its layers, if it is one's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from grader.course import Exercise
from grader.grading.held_models import models_for
from grader.kernel.observations import Captured, HeldModel
from grader.records import Cell

LAYERS = "5x5 5x5 linear linear linear"
SMALL = Exercise("SmallNet", "", "", "class", ("SmallNet",), False, Path(), layers=LAYERS)
OTHER = Exercise("Own", "", "", "class", ("MySmallNet", "*SmallNet?*"), True, Path())


def found(*cells, type_name="Sequential", layers=LAYERS, origins=("torch",), name="net", own=()):
    """Return what is found where the last cell binds a model to `name`."""
    sources = [Cell(index, "code", source) for index, source in enumerate(cells)]
    entry = Captured(7, name, len(cells) - 1, "module", imported=type_name == "Sequential")
    held = [HeldModel(7, type_name, frozenset(origins), layers)]
    made = models_for(
        SMALL, [*own, entry], held, sources, others=[SMALL, OTHER], patterns=["*SmallNet*"]
    )
    return [(one.name, one.kind, one.cell) for one in made]


def test_a_plain_model_with_the_layers_is_found():
    assert found("net = nn.Sequential(...)") == [("net", "module", 0)]


@pytest.mark.parametrize(
    "layers",
    ["5x5 5x5 linear linear", "3x3 5x5 linear linear linear", f"{LAYERS} linear", "linear"],
)
def test_a_model_with_other_layers_is_not(layers):
    assert found("net = nn.Sequential(...)", layers=layers) == []


def test_a_model_with_the_name_is_found_with_any_layers():
    assert found("smallnet = nn.Sequential(...)", layers="3x3", name="smallnet")


def test_the_class_of_a_model_answers_in_its_place():
    made = Captured(3, "Net", 0, "class", imported=False)
    cells = ("class Net(nn.Module): ...", "net = Net()")
    origins = ("torch", "__main__")
    assert found(*cells, type_name="Net", origins=origins, own=[made]) == [("Net", "class", 0)]


def test_a_model_with_parts_of_a_library_is_not_ones_own():
    assert found("net = nn.Sequential(...)", origins=("torch", "d2l")) == []


@pytest.mark.parametrize(
    "cell",
    [
        "from d2l import torch as d2l\nbase = d2l.SmallNet().net",
        "from torchvision.models import smallnet18\nbase = smallnet18()",
        "from torchvision import models as zoo\nbase = zoo.smallnet(weights=None)",
        "import torchvision\nbase = torchvision.models.smallnet()",
        "from d2l.torch import *\nbase = SmallNet()",
    ],
)
def test_nothing_is_found_after_a_librarys_model_of_the_kind(cell):
    assert found(cell, "net = nn.Sequential(*base)") == []
    assert found("net = nn.Sequential(...)") != []


def test_a_librarys_other_models_and_own_functions_change_nothing():
    assert found("import torchvision\nother = torchvision.models.vgg11()", "net = make()")
    assert found("from torch import *\ndef small_net(): ...", "net = small_net()")


def test_a_model_with_the_name_of_another_exercise_answers_that_one():
    assert found("net = MySmallNet()", type_name="MySmallNet") == []
    assert found("my_smallnet2 = nn.Sequential()", name="my_smallnet2") == []


def test_only_the_cell_that_makes_the_model_counts():
    assert found("net = nn.Sequential(...)", "net(X)") == []


def test_a_model_of_a_class_that_the_exercise_builds_on_is_found_itself():
    base = Exercise("Base", "", "", "class", ("Base",), False, Path())
    built = replace(SMALL, builds_on=("Base",))
    entries = [
        Captured(1, "Base", 0, "class", imported=False),
        Captured(7, "net", 1, "module", imported=False),
    ]
    held = [HeldModel(7, "Base", frozenset({"__main__"}), LAYERS)]
    cells = [Cell(0, "code", "class Base: pass"), Cell(1, "code", "net = Base(3)")]
    made = models_for(built, entries, held, cells, others=[built, base])
    assert [one.name for one in made] == ["net"]
    assert models_for(SMALL, entries, held, cells, others=[SMALL, base]) == []


def test_an_exercise_without_layers_is_answered_by_names_alone():
    entry = Captured(7, "net", 0, "module", imported=True)
    held = [HeldModel(7, "Sequential", frozenset({"torch"}), LAYERS)]
    assert models_for(OTHER, [entry], held, [Cell(0, "code", "net = 1")]) == []
