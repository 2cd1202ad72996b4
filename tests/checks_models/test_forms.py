"""Models in the forms of older editions and of plain PyTorch earn what the book's classes earn."""

import inspect

import pytest
import torch
from torch import nn

from grader.grading.in_process import student_of
from grader.verdict import Verdict
from reference import RESNET18, VGG_SMALL, ResNet

OTHER_ARCHITECTURES = "test_other_architectures"


def failed(results):
    return {r.check for r in results if r.verdict is not Verdict.PASSED}


def layers(model):
    """Return a model's layers as one plain nn.Sequential."""
    return nn.Sequential(*model.children())


def lenet(activation=nn.Sigmoid, classes=10):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), activation(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), activation(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), activation(), nn.Linear(120, 84), activation(),
        nn.Linear(84, classes),
    )  # fmt: skip


def vgg(conv_arch=VGG_SMALL, activation=nn.ReLU, drop=0.5):
    blocks, before = [], 1
    for count, width in conv_arch:
        for _ in range(count):
            blocks += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        blocks.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(
        *blocks, nn.Flatten(),
        nn.Linear(before * 49, 4096), activation(), nn.Dropout(drop),
        nn.Linear(4096, 4096), activation(), nn.Dropout(drop), nn.Linear(4096, 10),
    )  # fmt: skip


def trained(model, shape=(4, 1, 28, 28)):
    """Return a model after a step, in training mode, with a part that is frozen."""
    model(torch.rand(shape)).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.5)
    next(iter(model.parameters())).requires_grad_(False)
    return model.train()


@pytest.mark.parametrize(
    "answer", [lenet(), trained(lenet()), lenet], ids=["model", "trained", "factory"]
)
def test_a_plain_lenet_earns_everything(grade, answer):
    assert failed(grade("LeNet", answer)) == set()


def test_a_lenet_in_a_class_without_a_rate_and_with_classes_first_earns_everything(grade):
    class Net(nn.Module):
        def __init__(self, num_classes=10, lr=0.1):
            super().__init__()
            self.lr = lr
            self.net = lenet(classes=num_classes)

        def forward(self, x):
            return self.net(x)

    assert failed(grade("LeNet", Net)) == set()


@pytest.mark.parametrize(
    "several",
    [
        lambda x: (x, x.softmax(1)),
        lambda x: (x.log_softmax(1), x),
        lambda x: {"hidden": x.new_zeros(len(x), 84), "logits": x},
        lambda x: [x, 1.0],
    ],
)
def test_a_forward_that_returns_several_results_is_judged_by_its_logits(grade, several):
    class Several(nn.Module):
        def __init__(self, num_classes=10):
            super().__init__()
            self.net = lenet(classes=num_classes)

        def forward(self, x):
            return several(self.net(x))

    assert failed(grade("LeNet", Several)) == set()


# without right values, side properties of a network earn nothing
WRONG_VALUES = {
    *("test_logits", "test_number_of_classes", "test_learning_rate"),
    "test_gradients_reach_every_parameter",
}


def test_a_forward_that_returns_probabilities_alone_is_wrong_in_a_pair_too(grade):
    class Shares(nn.Module):
        def __init__(self, num_classes=10):
            super().__init__()
            self.net = lenet(classes=num_classes)

        def forward(self, x):
            return self.net(x).softmax(1), self.net(x).argmax(1)

    assert failed(grade("LeNet", Shares)) == WRONG_VALUES


@pytest.mark.parametrize(
    ("answer", "caught"),
    [
        (lenet(nn.ReLU), WRONG_VALUES),
        (nn.Sequential(lenet(), nn.Softmax(1)), WRONG_VALUES),
        (lenet(classes=3), WRONG_VALUES | {"test_layer_by_layer"}),
    ],
)
def test_a_wrong_plain_lenet_loses_what_a_wrong_class_loses(grade, answer, caught):
    assert failed(grade("LeNet", answer)) == caught


def test_a_plain_vgg_is_compared_with_the_vgg_of_its_blocks(grade):
    assert failed(grade("VGG", vgg())) == set()
    assert failed(grade("VGG", vgg(drop=0.0))) == {"test_dropout"}
    assert failed(grade("VGG", vgg(activation=nn.Tanh))) == WRONG_VALUES | {"test_dropout"}


def test_a_plain_resnet_is_compared_with_the_resnet_of_its_stages(grade):
    assert failed(grade("ResNet", layers(ResNet(RESNET18)))) == set()


def test_a_factory_without_an_architecture_loses_the_check_of_architectures_alone(grade):
    def small():
        return vgg()

    assert failed(grade("VGG", small)) == {OTHER_ARCHITECTURES}


def test_a_factory_of_architectures_earns_everything(grade):
    assert failed(grade("VGG", vgg)) == set()


def test_an_architecture_goes_before_the_arguments_of_the_notebooks_own_call(grade_cells):
    source = inspect.getsource(vgg).replace("conv_arch=VGG_SMALL", "conv_arch")
    source = source.replace("activation=nn.ReLU, drop=0.5", "activation, drop")
    call = "p = 0.5\nnet = VGG(((1, 16), (1, 32)), nn.ReLU, drop=p)"
    cells = ("from torch import nn", source.replace("def vgg", "def VGG"), call)
    assert len(failed(grade_cells("VGG", *cells))) > 1  # nn.ReLU is no plain value
    cells = (*cells[:2], call.replace("nn.ReLU, ", "activation=None, "))
    cells = (cells[0], cells[1].replace("activation()", "nn.ReLU()"), cells[2])
    assert failed(grade_cells("VGG", *cells)) == set()


@pytest.mark.parametrize(
    ("exercise", "other"),
    [("LeNet", vgg()), ("VGG", lenet()), ("ResNet", lenet()), ("ResNet", vgg())],
)
def test_a_model_of_another_kind_earns_nothing(grade, exercise, other):
    assert sum(result.points for result in grade(exercise, other)) == 0


def test_one_model_is_copied_for_each_question(session_of):
    _, exercise = session_of("LeNet")
    net = lenet()
    student = student_of(exercise, net)
    made = student.make("LeNet")
    made.load([torch.zeros_like(p) for p in net.parameters()])
    again = student.make("LeNet")
    assert any(bool(p.any()) for p in again.parameters().values())
    assert student.is_one_model("LeNet")


def test_a_question_about_shapes_leaves_the_notebooks_model_as_it_is(session_of):
    _, exercise = session_of("LeNet")
    net = nn.Sequential(nn.LazyConv2d(6, 5), nn.BatchNorm2d(6)).train()
    student = student_of(exercise, net)
    found = student.outline("LeNet", (1, 1, 28, 28))
    assert found.output == (0, 6, 24, 24)
    assert net.training
    assert net[0].has_uninitialized_params()
    assert bool((net[1].running_mean == 0).all())
