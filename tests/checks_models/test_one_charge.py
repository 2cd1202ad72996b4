"""A model made of a wrong block keeps its points: the block has lost its own already."""

import pytest

from grader.verdict import Verdict
from tests.checks_models.models_as_printed import RESIDUAL, VGG

IMPORTS = """
import torch
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l
"""
BLOCK = """
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))
"""
RESNET = """
class ResNet(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        layers = [nn.LazyConv2d(64, 7, stride=2, padding=3), nn.LazyBatchNorm2d(), nn.ReLU(),
                  nn.MaxPool2d(kernel_size=3, stride=2, padding=1)]
        for i, (count, channels) in enumerate(arch):
            for j in range(count):
                halves = i > 0 and j == 0
                layers.append(Residual(channels, halves, 2 if halves else 1))
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes)]
        self.net = nn.Sequential(*layers)
"""
ADDED = """
class ResNet(d2l.Classifier):
    pass

@d2l.add_to_class(ResNet)
def __init__(self, arch, lr=0.1, num_classes=10):
    super(ResNet, self).__init__()
    self.save_hyperparameters()
    self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))
"""
RESNET18 = """
class ResNet18(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 128), (2, 256), (2, 512)), lr, num_classes)
"""
WRONG_BLOCK = BLOCK.replace(", nn.ReLU()]", "]")
UNPADDED = BLOCK.replace(", padding=1", "")
UNWRITTEN = "def vgg_block(num_convs, out_channels):\n    raise NotImplementedError"
WRONG_RESIDUAL = RESIDUAL.replace("F.relu(Y + X)", "F.relu(Y) + X")
NO_POOLING = RESNET.replace("nn.MaxPool2d(kernel_size=3, stride=2, padding=1)]", "nn.Identity()]")
AS_A_DEFAULT = VGG.replace("num_classes=10):", "num_classes=10, vgg_block=vgg_block):")
IN_A_CLOSURE = """
def made_of(block):
    class Model(d2l.Classifier):
        def __init__(self, arch, lr=0.1, num_classes=10):
            super().__init__()
            self.lr = lr
            self.net = nn.Sequential(
                *[block(*pair) for pair in arch], nn.Flatten(),
                nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),
                nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(num_classes))
    return Model

VGG = made_of(vgg_block)
"""
CASES = {
    "a ReLU short": ("VGG", WRONG_BLOCK, VGG),
    "no padding": ("VGG", UNPADDED, VGG),
    "a block that raises": ("VGG", UNWRITTEN, VGG),
    "a block that is missing": ("VGG", VGG),
    "a block held as a default": ("VGG", WRONG_BLOCK, AS_A_DEFAULT),
    "a block held in a closure": ("VGG", WRONG_BLOCK, IN_A_CLOSURE),
    "ReLU before the sum": ("ResNet", WRONG_RESIDUAL, RESNET),
    "the same, ResNet-18": ("ResNet18", WRONG_RESIDUAL, RESNET, RESNET18),
    "a base class without pooling": ("ResNet18", RESIDUAL, NO_POOLING, RESNET18),
    "a base class whose methods are added": ("ResNet18", RESIDUAL, ADDED, RESNET18),
    "a base class that is missing": ("ResNet18", RESIDUAL, RESNET18),
}
TWO_FAULTS = {
    "beside a wrong block": ("ResNet", WRONG_RESIDUAL, NO_POOLING),
    "beside a right block": ("ResNet", RESIDUAL, NO_POOLING),
    "a copy of a wrong block under another name": (
        "VGG",
        WRONG_BLOCK + WRONG_BLOCK.replace("vgg_block", "my_block"),
        VGG.replace("vgg_block", "my_block"),
    ),
}
BLOCKLESS = """
asked = False
def vgg_block(num_convs, out_channels):
    if asked: return nn.AdaptiveAvgPool2d(1)
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))

class VGG(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        global asked
        asked = True
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(num_classes))
    def forward(self, X):
        return self.net(X)
"""


def failed(results):
    return {r.check for r in results if r.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_model_that_only_follows_a_wrong_part_keeps_its_points(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells)) == set()


@pytest.mark.parametrize("what", CASES)
def test_the_same_model_answers_for_its_wrong_parts_where_they_are_not_judged(grade_cells, what):
    exercise, *cells = CASES[what]
    assert failed(grade_cells(exercise, IMPORTS, *cells, asked=[]))


@pytest.mark.parametrize("case", TWO_FAULTS.values(), ids=TWO_FAULTS)
def test_a_fault_of_the_model_itself_is_charged(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells))


def test_a_block_that_turns_wrong_after_its_own_exercise_excuses_nothing(grade_cells):
    results = grade_cells("VGG", IMPORTS, BLOCKLESS)
    assert {r.check for r in results if r.points} <= {"test_learning_rate"}
