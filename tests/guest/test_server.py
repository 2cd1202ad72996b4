"""The guest's operations, asked in this process: everything still travels as bytes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grader.errors import NameNotDefined, StudentRaised
from grader.guest.layers import run_for_order
from grader.guest.recorder import Recorder
from grader.guest.server import Guest
from grader.kernel.connection import LocalConnection
from grader.kernel.handle import Handle
from grader.kernel.student import Student
from grader.wire import messages


@pytest.fixture
def student() -> Callable[..., Student]:
    """A student whose notebook binds the given names in cell 0."""

    def make(**names: Any) -> Student:
        recorder = Recorder({})
        recorder.begin(0, "")
        recorder.namespace.update(names)
        recorder.end()
        connection = LocalConnection(Guest(recorder))
        known = {entry.name: entry for entry in Student(connection, {}).catalog()}
        return Student(connection, known, answer=next(iter(names)))

    return make


def compiled(source: str, name: str, cell: int = 0) -> Student:
    """A student whose notebook is one cell of source, with its place in error messages."""
    recorder = Recorder({})
    recorder.begin(cell, source)
    exec(compile(source, "<a cell>", "exec"), recorder.namespace)
    recorder.files["<a cell>"] = cell
    recorder.end()
    connection = LocalConnection(Guest(recorder))
    known = {entry.name: entry for entry in Student(connection, {}).catalog()}
    return Student(connection, known, answer=name)


def test_a_function_is_called_with_copies_of_the_arguments(student):
    x = torch.ones(2)

    def doubles(t):
        t *= 2
        return t

    asked = student(doubles=doubles)
    call = asked.call("doubles", x)
    assert call.value.tolist() == [2.0, 2.0]
    assert call.arguments[0].tolist() == [2.0, 2.0]
    assert x.tolist() == [1.0, 1.0]
    assert asked.answer(x).tolist() == [2.0, 2.0]


def test_what_is_printed_during_a_call_comes_with_it(student):
    call = student(speaks=lambda: print("hello \ud800")).call("speaks")
    assert call.printed == "hello ?\n"
    assert call.value is None


def test_printing_without_end_keeps_the_beginning(student):
    call = student(speaks=lambda: [print("x" * 1_000) for _ in range(1_000)]).call("speaks")
    assert 60_000 < len(call.printed) < 70_000


def test_an_exception_comes_with_the_place_it_came_from():
    asked = compiled("x = 1\ndef f(n):\n    return 1 // n\n", "f", cell=7)
    with pytest.raises(StudentRaised) as caught:
        asked.f(0)
    assert caught.value.kind == "ZeroDivisionError"
    assert caught.value.where == "cell 7, line 3, in f"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def raises(error: BaseException) -> Callable[[], None]:
    def f() -> None:
        raise error

    return f


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("half a pair: \ud800"), "ValueError", "half a pair: ?"),
        (Unprintable(), "Unprintable", "(its message cannot be read)"),
        (SystemExit(3), "SystemExit", "3"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (ValueError("long" * 10_000), "ValueError", "long" * 500),
    ],
)
def test_any_exception_becomes_text(student, error, kind, message):
    with pytest.raises(StudentRaised) as caught:
        student(f=raises(error)).f()
    assert (caught.value.kind, caught.value.message) == (kind, message)


def test_more_than_one_answer_may_hold_is_a_described_refusal(student):
    many = {f"key {i} {'k' * 50_000}": i for i in range(40)}
    answer = student(f=lambda: many).f()
    assert isinstance(answer, messages.Refusal)
    assert "too much text" in answer.description


def test_an_answer_of_many_described_things_is_itself_described(student):
    with pytest.raises(StudentRaised, match="more came back"):
        student(f=lambda: [np.ones((1,) * 30)] * 15_000).f()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((i for i in ()), "a generator"),
        (torch.eye(2).to_sparse(), "a sparse_coo float32 tensor (2, 2)"),
        ({1, 2}, "a set"),
        (types, "a module"),
    ],
)
def test_what_cannot_cross_comes_back_described(student, value, words):
    assert student(f=lambda: value).f().description == words


def test_a_name_that_is_not_defined_is_missing(student):
    with pytest.raises(NameNotDefined):
        student(f=print).corr2d()


def test_private_names_are_no_questions(student):
    asked = student(f=print)
    for name in ("_repr_pretty_", "__array__", "_ipython_canary_method_should_not_exist_"):
        assert not hasattr(asked, name)
    assert repr(asked) == "student"


@pytest.mark.parametrize("value", [np.ones(2), [np.ones(2)], 2**64, object()])
def test_an_argument_that_cannot_be_sent_is_the_checks_own_fault(student, value):
    with pytest.raises(TypeError, match="cannot be sent"):
        student(f=print).f(value)


def test_random_numbers_are_the_same_in_every_call(student):
    asked = student(f=lambda: (torch.rand(()).item(), np.random.rand()))
    assert asked.f() == asked.f()


# ------------------------------------------------------------------------------------- modules


class Net(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.body = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))
        self.unused = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.norm(x))

    def twice(self, n: int) -> int:
        return 2 * n


@pytest.fixture
def net(student) -> Handle:
    made = student(Net=Net).Net(width=4)
    assert isinstance(made, Handle)
    return made


def test_a_module_stays_inside_and_is_used_by_its_handle(net):
    assert net.is_module
    assert net.type_name == "Net"
    assert net(torch.ones(3, 2)).shape == (3, 1)
    assert net.call("twice", 4).value == 8
    assert net.attribute("training") is True
    assert repr(net) == "a Net object"


def test_parameters_and_buffers_come_by_name_in_module_order(net):
    assert next(iter(net.parameters())) == "unused"
    assert net.sizes()["body.0.weight"] == (4, 2)
    assert net.buffers()["norm.running_mean"].tolist() == [0.0, 0.0]


def test_weights_can_be_transplanted(net):
    reference = Net(4)
    net.load(dict(reference.named_parameters()), dict(reference.named_buffers()))
    x = torch.randn(5, 2)
    assert torch.equal(net.eval()(x), reference.eval()(x))


@pytest.mark.parametrize(
    ("weights", "words"),
    [([torch.ones(1)], "7 parameters"), ([torch.ones(9)] * 7, "number 0")],
)
def test_weights_that_do_not_fit_are_refused_with_the_reason(net, weights, words):
    with pytest.raises(StudentRaised, match=words):
        net.load(weights)


def test_gradients_say_which_parameters_they_reach(net):
    found = net.gradients(torch.randn(4, 2), upstream=torch.ones(4, 1))
    assert found["unused"] is None
    assert found["body.2.bias"].tolist() == [4.0]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_that_a_cell_has_turned_off_are_on_for_questions(net, mode):
    with mode():
        found = net.gradients(torch.randn(4, 2), upstream=torch.ones(4, 1))
    assert found["body.2.bias"].tolist() == [4.0]


def test_layers_are_listed_in_the_order_of_calls(net):
    layers = net.layers(torch.ones(2, 2))
    assert [(layer.path, layer.kind) for layer in layers] == [
        ("norm", "BatchNorm1d"), ("body.0", "Linear"), ("body.1", "ReLU"), ("body.2", "Linear"),
    ]  # fmt: skip
    assert layers[1].shape == (2, 4)


def test_a_structure_lists_layers_shapes_and_buffers_in_evaluation_mode(net):
    found = net.train().structure(torch.ones(2, 2))
    assert found.order == ["norm", "body.0", "body.1", "body.2"]
    assert found.sizes == net.sizes()
    assert list(found.buffers) == list(net.buffers())
    assert net.attribute("training") is False


def test_a_gradient_that_is_0_but_for_its_last_number_arrives(student):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 5_000))
            self.other = nn.Parameter(torch.ones(3, 5_000))

        def forward(self, x):
            return x * self.weight[-1:, -1:] + 0 * self.other[-1:, -1:]

    assert student(Net=Last).Net().reached(torch.ones(1, 1)) == {"weight": True, "other": False}


def test_a_module_can_be_put_into_either_mode(net):
    assert net.eval().attribute("training") is False
    assert net.train().attribute("training") is True


def test_a_layer_built_inside_can_be_passed_to_the_students_code(student):
    asked = student(comp=lambda layer, x: layer(x))
    y = asked.comp(asked.build("Conv2d", 1, 1, 3, padding=1), torch.ones(1, 1, 4, 4))
    assert y.shape == (1, 1, 4, 4)


def test_an_operation_of_modules_on_something_else_is_refused(student):
    class Thing:
        __module__ = "__main__"

    thing = student(Thing=Thing).Thing()
    with pytest.raises(StudentRaised, match=r"is no nn\.Module"):
        thing.parameters()


def test_a_new_world_forgets_what_was_kept(student):
    asked = student(Net=Net)
    net = asked.Net()
    asked.select(0)
    with pytest.raises(StudentRaised):
        net.parameters()


def test_a_cell_runs_again_with_other_values():
    source = "X = 2\nY = X * 10\nfor i in range(3):\n    Y += 1\n"
    recorder = Recorder({"X": 1})
    recorder.begin(0, "")
    recorder.end()
    recorder.begin(1, source.replace("X = 2\n", ""))
    exec(recorder.sources[1], recorder.namespace)
    recorder.end()
    asked = Student(LocalConnection(Guest(recorder)), {})
    assert [v.value for v in asked.rerun(1, {"X": 5}, "Y")] == [50, 53]
    assert recorder.namespace["Y"] == 13


def test_values_are_those_the_cells_bound(student):
    found = student(X=torch.ones(2), n=3, f=print).values()
    assert [(entry.name, entry.kind) for entry in found] == [("X", "tensor"), ("n", "plain")]


def test_the_guest_needs_nothing_of_the_course():
    assert "reference" not in vars(sys.modules["grader.guest.server"])


@pytest.mark.parametrize(
    "forward",
    [
        "self.two(self.one(x).relu())",
        "self.two(self.one(x).view(len(x), -1, 3).mean(1))",
        "torch.cat([self.two(self.one(row[None])) for row in x])",
        "self.two(self.one(x) / (1 // len(x)))",
    ],
)
def test_layers_are_listed_in_order_where_a_forward_cannot_do_without_images(forward):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.two, self.one = nn.Linear(3, 2), nn.Linear(2, 3)

    exec(f"def forward(self, x):\n    return {forward}", {"torch": torch}, names := {})
    Net.forward = names["forward"]
    net = Net()
    found, output = run_for_order(net, torch.ones(1, 2))
    assert [part for part, _ in found] == [net.one, net.two]
    assert output.shape[1:] == (2,)


def test_a_forward_and_a_way_back_run_in_the_mode_that_is_asked_for(net):
    for training in (True, False):
        net.forward(torch.ones(2, 2), training=training)
        assert net.attribute("training") is training
        net.reached(torch.ones(2, 2), training=not training)
        assert net.attribute("training") is not training


def test_the_error_of_a_way_back_shows_no_options_of_ours(net):
    with pytest.raises(StudentRaised) as raised:
        net.reached(training=True)
    assert "reached()" in raised.value.call
