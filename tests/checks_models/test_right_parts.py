"""A model is asked again with right parts in the place of the student's own, wrong or raising."""

from pathlib import Path

import pytest

from grader.grading.right_parts import definition_of
from grader.verdict import Verdict
from tests.checks_models.models_as_printed import RESIDUAL, VGG

IMPORTS = """
import torch
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l
"""
INIT = """
def init_cnn(module):
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)
"""
LENET = """
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
            nn.LazyConv2d(16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
            nn.LazyLinear(120), nn.Sigmoid(), nn.LazyLinear(84), nn.Sigmoid(),
            nn.LazyLinear(num_classes))
        self.net.apply(init_cnn)
"""
BLOCK = """
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    layers.append(nn.MaxPool2d(2, 2))
    return layers
"""
RAISES = RESIDUAL.replace("kernel_size=1, stride=strides", "kernel_size=1")
DETACHES = RESIDUAL.replace("self.conv2(Y)", "self.conv2(Y.detach())")
DROPS = RESIDUAL.replace("self.conv2(Y)", "self.conv2(F.dropout(Y, 0.5, self.training))")
FROZEN = RESIDUAL.replace(
    "        self.bn1", "        self.conv2.requires_grad_(False)\n        self.bn1"
)
UNWRITTEN = """
def Residual(num_channels, use_1x1conv=False, strides=1):
    raise NotImplementedError
"""
RESNET = """
class ResNet(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.LazyConv2d(64, kernel_size=7, stride=2, padding=3), nn.LazyBatchNorm2d(), nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        for i, b in enumerate(arch):
            self.net.add_module(f'b{i+2}', self.block(*b, first_block=(i == 0)))
        self.net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes)])

    def block(self, num_residuals, num_channels, first_block=False):
        blk = []
        for i in range(num_residuals):
            if i == 0 and not first_block:
                blk.append(Residual(num_channels, use_1x1conv=True, strides=2))
            else:
                blk.append(Residual(num_channels))
        return nn.Sequential(*blk)
"""
NEVER_HALVES = RESNET.replace("first_block=(i == 0)", "first_block=True")
RESNET18 = """
class ResNet18(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 128), (2, 256), (2, 512)), lr, num_classes)
"""
CASES = {
    "an initialisation that raises on lazy layers": ("LeNet", INIT, LENET),
    "a block that is a list": ("VGG", BLOCK, VGG),
    "a block that raises": ("ResNet", RAISES, RESNET),
    "a block without a way back": ("ResNet", DETACHES, RESNET),
    "a block that drops": ("ResNet", DROPS, RESNET),
    "a block that cannot be made": ("ResNet", FROZEN, RESNET),
    "a block that is not written": ("ResNet", UNWRITTEN, RESNET),
    "a block that raises, in ResNet-18": ("ResNet18", RAISES, RESNET, RESNET18),
    "a base class that raises": ("ResNet18", RESIDUAL, NEVER_HALVES, RESNET18),
}
AVERAGES = BLOCK.replace("MaxPool2d", "AvgPool2d").replace(
    "return layers", "return nn.Sequential(*layers)"
)
BESIDE = {
    "little dropout": ("VGG", AVERAGES, VGG.replace("nn.Dropout(0.5)", "nn.Dropout(0.1)")),
    "ReLU in place of sigmoid": ("LeNet", INIT, LENET.replace("Sigmoid", "ReLU")),
    "one dropout": ("VGG", BLOCK, VGG.replace("nn.Dropout(0.5)", "nn.Identity()", 1)),
    "no pooling in the stem": (
        "ResNet",
        RAISES,
        RESNET.replace("nn.MaxPool2d(k", "nn.AvgPool2d(k"),
    ),
    "three stages": ("ResNet18", RESIDUAL, NEVER_HALVES, RESNET18.replace(", (2, 512)", "")),
}


def failed(results):
    return {r.check for r in results if r.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_model_that_is_right_with_right_parts_keeps_its_points(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells)) == set()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_model_answers_for_its_parts_where_nobody_else_asks_for_them(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells, asked=[exercise]))


@pytest.mark.parametrize("case", BESIDE.values(), ids=BESIDE)
def test_a_fault_of_its_own_beside_a_wrong_part_is_charged(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells))


def test_a_missing_part_is_charged_in_its_own_exercise_alone(grade_cells):
    assert failed(grade_cells("ResNet", IMPORTS, RESNET)) == set()


def test_a_right_part_enters_alone():
    parts = Path(__file__).resolve().parents[2] / "exercises" / "cnn" / "parts.py"
    entering = definition_of("vgg_block", parts)
    assert "def vgg_block" in entering
    assert "corr2d" not in entering
    assert "Residual" not in entering
    assert "class Residual" in definition_of("ResNet", parts)
