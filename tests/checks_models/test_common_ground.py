"""Where only a yes or no differs, or a list of shapes, a name holds for all that differ so."""

import pytest
import torch
from torch import nn

from exercises.cnn.LeNet import bank as lenets
from exercises.cnn.ResNet import bank as resnets
from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import student_of


def frozen(lr=0.1, num_classes=10):
    net = lenets.layers(num_classes)
    net[0], net[3] = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
    for layer in (net[0], net[3]):
        layer.requires_grad_(False)
    return lenets.Classifier(nn.Sequential(*net), lr)


def read_as_data(lr=0.1, num_classes=10):
    model = lenets.DetachesTheFeatures(lr, num_classes)
    model.forward = lambda x: model.head(model.features(x).data)
    return model


class NormWithoutWeight(resnets.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        first = resnets.stem()
        first[1] = nn.LazyBatchNorm2d(affine=False)
        rest = (*resnets.stages(arch), *resnets.head(num_classes))
        super().__init__(nn.Sequential(*first, *rest), lr)


class WeightsInAPlainTensor(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.lr, self.hidden = lr, lenets.layers(num_classes)

    def forward(self, x):
        return nn.Sequential(*self.hidden)(x)


@pytest.mark.parametrize(
    ("exercise", "answer", "titles"),
    [
        ("LeNet", frozen, {"no gradient reaches the convolutions", None}),
        ("LeNet", read_as_data, {"no gradient reaches the convolutions"}),
        (
            "LeNet",
            WeightsInAPlainTensor,
            {"the parameters of the layers are not the model's", None},
        ),
        ("ResNet", NormWithoutWeight, {"the stem has no batch norm with a weight and a bias"}),
    ],
)
def test_a_name_is_true_of_all_that_it_stands_for(session_of, exercise, answer, titles):
    torch.manual_seed(1)
    session, found = session_of(exercise)

    def student():
        return student_of(found, answer)

    named = Diagnosis(session).name_mistake(found, session.run(found, student()), student)
    assert (named.title if named else None) in titles
