"""Which cells of a notebook train a model, by what they say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.training.cells import NotebookText
from grader.course import load_course
from grader.guest.model_names import is_model_name

LENET = "class LeNet(nn.Module):\n    def forward(self, x):\n        return x"
FIT = "trainer.fit(model, data)"


def cells_of(*sources, patterns=("*LeNet*",), models=None):
    found = NotebookText(dict(enumerate(sources))).trainings(patterns, models or {})
    return [one.cells for one in found]


def test_the_cell_of_the_book_needs_nothing_else():
    cell = "data = d2l.FashionMNIST()\nmodel = LeNet()\ntrainer = d2l.Trainer()\n" + FIT
    assert cells_of(LENET, cell) == [(1,)]


def test_cells_that_bind_what_is_needed_run_again_and_no_others():
    sources = [
        LENET, "model = LeNet()", "K = [[1, -1]]", "data = d2l.FashionMNIST()",
        "print(data)", "trainer = d2l.Trainer()", FIT,
    ]  # fmt: skip
    assert cells_of(*sources) == [(1, 3, 5, 6)]


def test_a_loop_variable_is_no_need_of_an_earlier_cell():
    loop = "model = LeNet()\nfor X, y in data:\n    model(X).sum().backward()"
    assert cells_of(LENET, "X = torch.ones(6, 8)", "data = load()", loop) == [(2, 3)]


def test_a_function_that_trains_is_followed():
    function = "def run(net, batches):\n    for X in batches:\n        net(X).backward()"
    assert cells_of(LENET, function, "run(LeNet(), data)") == [(2,)]


def test_a_class_that_trains_is_followed():
    teacher = "class Teacher:\n    def teach(self, net):\n        net(self.x).sum().backward()"
    assert cells_of(LENET, teacher, "t = Teacher()", "m = LeNet()\nt.teach(m)") == [(2, 3)]


def test_a_cell_that_only_defines_a_training_trains_nothing():
    assert cells_of(LENET, "def train(net):\n    net.fit(LeNet())") == []


def test_an_initialisation_between_is_repeated():
    sources = [LENET, "net = LeNet()", "net.apply(init)", "d2l.train_ch6(net)"]
    assert cells_of(*sources) == [(1, 2, 3)]


def test_another_training_is_not_repeated():
    sources = [LENET, "model = LeNet()\ndata = load()\n" + FIT, "model = LeNet()\n" + FIT]
    assert cells_of(*sources) == [(1,), (2,)]


def test_a_model_without_a_name_of_its_own_is_known_by_what_holds_it():
    assert cells_of("net = build()", "net.fit(x)", models={"net": [0]}) == [(0, 1)]


def test_a_model_without_a_name_of_its_own_may_be_made_in_the_cell_that_trains_it():
    cell = "net = Sequential(Conv2d(1))\ntrain(net)"
    (found,) = NotebookText({1: cell}).trainings(("*LeNet*",), {"net": [1]})
    assert found.variables == ("net",)
    assert not NotebookText({1: cell}).trainings(("*LeNet*",), {"net": [0]})


def test_a_cell_whose_function_declares_what_is_needed_runs_again():
    setup = "def setup():\n    global model, other\n    model, other = LeNet(), 2\n"
    assert cells_of(setup + "setup()", "x = 1", "train(model)", models={"model": [0]}) == [(0, 2)]


def test_only_what_is_made_from_a_model_holds_it():
    cell = "other = nn.Conv2d(1, 1, 2)\nnet = LeNet()\nmodel = net.to(device)\ndata = load()\n"
    cell += "trainer.fit(model, data)"
    (found,) = NotebookText({0: LENET, 1: cell}).trainings(("*LeNet*",), {})
    assert found.variables == ("model", "net")


def test_a_name_that_holds_such_a_model_only_later_is_another():
    assert cells_of("net = build()", "net.fit(x)", "", models={"net": [2]}) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("LeNet", True),
        ("ModernLeNet", True),
        ("my_lenet", True),
        ("LeNetBlock", False),
        ("GoogLeNet", False),
        ("GoogleNet", False),
    ],
)
def test_a_model_is_known_by_its_name_and_blocks_and_a_pun_are_none(name, is_one):
    assert is_model_name(name, load_course().models["LeNet"]) is is_one


@given(st.lists(st.text(max_size=40), max_size=4))
def test_no_text_is_too_odd_to_be_read(sources):
    assert isinstance(cells_of(*sources), list)


def test_a_cell_too_deep_to_be_read_trains_nothing():
    deep = "if x: pass\n" + "elif x: y = 1\n" * 2_900
    assert NotebookText({0: deep, 1: "fit(m)"}).trainings(["*LeNet*"], {"m": [0]})[0].cells == (1,)


def test_text_that_calls_itself_round_and_round_is_read_in_seconds():
    bodies = "\n".join(f"def f{i}(): f{i + 1}(); f{i + 2}(m)" for i in range(2_000))
    cells = {i: f"a{i} = f0(m, a{i - 1}); fit(m)" for i in range(1, 500)}
    started = time.process_time()
    assert NotebookText({0: bodies, **cells}).trainings(["*LeNet*"], {"m": [0]})
    assert time.process_time() - started < 10  # 1 s; it took minutes
