"""The course's library does not answer an exercise that is being asked, however it is reached."""

import copy
import sys
import types

import pytest
import torch
from torch import nn

from grader.guest.library_answers import LibraryAnswers

LIBRARY = """
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)

    def forward(self, x):
        return self.net(x)

    def summary(self):
        return "the library's"

class Net(Base):
    def __init__(self):
        super().__init__()
        self.kind = "Net"

class Block(nn.Module):
    def __init__(self, size=1):
        super().__init__()
        self.size = size

    def forward(self, x):
        return self.size * x

def double(x, times=2):
    return times * x

def quadruple(x):
    return double(double(x))

def net18():
    return Net()
"""


@pytest.fixture
def library():
    module = types.ModuleType("small_library")
    sys.modules["small_library"] = module
    exec(compile(LIBRARY, "small_library.py", "exec"), vars(module))
    yield module
    del sys.modules["small_library"]


@pytest.fixture
def answers(library):
    return LibraryAnswers([library])


def reached(library):
    """The ways in which a notebook reaches `double`, made before it is hidden."""

    def wrapper(x):
        return library.double(x)

    alias = library.double
    return {
        "a wrapper": wrapper,
        "an alias": alias,
        "getattr": lambda x: 1 * getattr(library, "dou" + "ble")(x),
        "sys.modules": lambda x: 1 * sys.modules["small_library"].double(x),
        "a partial call": lambda x: alias(x, times=2),
        "a table": lambda x: 1 * vars(library)["double"](x),
    }


@pytest.mark.parametrize("way", list(reached(types.SimpleNamespace(double=None))))
def test_a_function_is_refused_while_its_own_exercise_is_asked(library, answers, way):
    call = reached(library)[way]
    assert call(3) == 6
    answers.hide(["double"])
    with pytest.raises(RuntimeError, match="asks for your own double"):
        call(3)
    answers.hide(["other"])
    assert call(3) == 6


def test_other_functions_stay_and_work_where_they_do_not_use_it(library, answers):
    answers.hide(["quadruple"])
    assert library.double(1) == 2
    with pytest.raises(RuntimeError, match="your own quadruple"):
        library.quadruple(1)


def test_a_class_is_refused_with_its_subclasses_and_the_instances_it_made(library, answers):
    class Mine(library.Net):
        pass

    made = library.Net()
    answers.hide(["Net"])
    for use in (library.Net, Mine, lambda: made(torch.ones(2)), lambda: copy.deepcopy(made)(1)):
        with pytest.raises(RuntimeError, match="asks for your own Net"):
            use()
    answers.hide([])
    assert library.Net().kind == Mine().kind == "Net"
    assert made(torch.ones(2)).shape == (2,)
    assert "forward" not in vars(library.Net)


def test_a_class_with_a_forward_of_its_own_gets_it_back(library, answers):
    made = library.Block(3)
    answers.hide(["Block"])
    with pytest.raises(RuntimeError, match="your own Block"):
        made(2)
    answers.hide([])
    assert made(2) == 6


def test_a_method_of_the_library_is_refused_and_a_students_own_is_not(library, answers):
    class Model(nn.Module):
        def summary(self):
            return "mine"

    answers.hide(["summary"])
    with pytest.raises(RuntimeError, match="your own summary"):
        library.Net().summary()
    assert Model().summary() == "mine"


def test_names_match_in_any_case_and_by_pattern(library, answers):
    answers.hide(["NET18", "!Net"])
    with pytest.raises(RuntimeError):
        library.net18()
    assert library.Net()
