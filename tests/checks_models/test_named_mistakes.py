"""Mistakes on models are named, whatever the names of attributes, and never by guessing."""

import pytest
from torch import nn

from grader.checks.bank import load_bank
from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import student_of
from reference import LeNet, Residual, vgg_block
from reference.shapes import VGG11


class Renamed(nn.Module):
    """LeNet with its layers under other names, and what is wrong with it."""

    def __init__(self, last=(), classes=None, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.steps = nn.ModuleList([*LeNet(num_classes=classes or num_classes).net, *last])

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


class WithSoftmax(Renamed):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__([nn.Softmax(dim=-1)], None, lr, num_classes)


class TenClasses(Renamed):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__((), 10, lr)


class WithHardSigmoid(Renamed):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__([nn.Hardsigmoid()], None, lr, num_classes)


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (WithSoftmax, "softmax at the end"),
        (TenClasses, "num_classes is ignored"),
        (WithHardSigmoid, None),
    ],
)
def test_a_known_mistake_of_a_model_is_named(session_of, answer, title):
    session, exercise = session_of("LeNet")
    results = session.run(exercise, student_of(exercise, answer))
    found = Diagnosis(session).name_mistake(exercise, results, lambda: student_of(exercise, answer))
    assert (found.title if found else None) == title


def test_what_a_method_prints_tells_mistakes_apart(session_of):
    session, exercise = session_of("layer_summary")

    def names_no_class(model, shape):
        for _ in model.net:
            print("output shape:", VGG11)

    results = session.run(exercise, student_of(exercise, names_no_class))
    named = Diagnosis(session).name_mistake(
        exercise, results, lambda: student_of(exercise, names_no_class)
    )
    assert named is None


def test_questions_about_other_functions_do_not_hide_a_mistake(session_of):
    session, exercise = session_of("VGG")
    (entry,) = [
        m for m in load_bank(exercise.folder / "bank.py").mistakes if m.name == "DropsTooFew"
    ]

    def student():
        return student_of(exercise, entry.answer, vgg_block=vgg_block)

    found = Diagnosis(session).name_mistake(exercise, session.run(exercise, student()), student)
    assert found is not None
    assert found.title == entry.title


def test_other_missing_parameters_are_no_shared_norm(session_of):
    session, exercise = session_of("Residual")

    class HidesAConvolution(Residual):
        def __init__(self, num_channels, use_1x1conv=False, strides=1):
            super().__init__(num_channels, use_1x1conv, strides)
            self.hidden = [self.conv1]
            self.conv1 = nn.Sequential()

        def forward(self, x):
            y = nn.functional.relu(self.bn1(self.hidden[0](x)))
            return nn.functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    def student():
        return student_of(exercise, HidesAConvolution)

    found = Diagnosis(session).name_mistake(exercise, session.run(exercise, student()), student)
    assert found is None
