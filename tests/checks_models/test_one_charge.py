"""A model made of a wrong block keeps its points: the block has lost its own already."""

import pytest
from torch import nn
from torch.nn.functional import relu

import reference
from grader.verdict import Verdict
from reference import RESNET18, Classifier
from reference.models import _head, _hidden, _stem


class WrongResidual(reference.Residual):
    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y) + self.shortcut(x)


def wrong_block(num_convs, out_channels):
    convs = [nn.LazyConv2d(out_channels, 3, padding=1) for _ in range(num_convs)]
    return nn.Sequential(*convs, nn.ReLU(), nn.MaxPool2d(2))


def unpadded_block(num_convs, out_channels):
    convs = [m for _ in range(num_convs) for m in (nn.LazyConv2d(out_channels, 3), nn.ReLU())]
    return nn.Sequential(*convs, nn.MaxPool2d(2))


def vgg_of(block):
    class VGG(Classifier):
        def __init__(self, arch, lr=0.1, num_classes=10):
            rest = [nn.Flatten(), *_hidden(4096), *_hidden(4096), nn.LazyLinear(num_classes)]
            super().__init__(nn.Sequential(*[block(*pair) for pair in arch], *rest), lr)

    return VGG


def resnet_of(block, stem=_stem):
    class ResNet(Classifier):
        def __init__(self, arch, lr=0.1, num_classes=10):
            blocks = []
            for i, (count, channels) in enumerate(arch):
                for j in range(count):
                    options = (True, 2) if i and not j else ()
                    blocks.append(block(channels, *options))
            super().__init__(nn.Sequential(stem(), *blocks, _head(num_classes)), lr)

    return ResNet


def resnet18_of(resnet):
    return lambda lr=0.1, num_classes=10: resnet(RESNET18, lr, num_classes)


def no_pooling():
    return _stem()[:-1]


WRONG_RESNET = resnet_of(reference.Residual, no_pooling)
CASES = [
    ("VGG", vgg_of(wrong_block), {"vgg_block": wrong_block}),
    ("VGG", vgg_of(unpadded_block), {"vgg_block": unpadded_block}),
    ("ResNet", resnet_of(WrongResidual), {"Residual": WrongResidual}),
    ("ResNet18", resnet18_of(resnet_of(WrongResidual)), {"Residual": WrongResidual}),
    ("ResNet18", resnet18_of(WRONG_RESNET), {"ResNet": WRONG_RESNET}),
]
IDS = ["a ReLU short", "no padding", "ReLU before the sum", "the same, ResNet-18", "no pooling"]


def failed(results):
    return {r.check for r in results if r.verdict is not Verdict.PASSED}


@pytest.mark.parametrize(("exercise", "answer", "own"), CASES, ids=IDS)
def test_a_model_that_only_follows_a_wrong_part_keeps_its_points(grade, exercise, answer, own):
    assert failed(grade(exercise, answer, **own)) == set()


@pytest.mark.parametrize(("exercise", "answer", "own"), CASES, ids=IDS)
def test_the_same_model_beside_a_right_part_is_its_own_fault(grade, exercise, answer, own):
    right = {name: getattr(reference, name) for name in own}
    assert failed(grade(exercise, answer, **right))


def test_a_fault_of_the_model_beside_a_wrong_part_is_charged(grade):
    both = resnet_of(WrongResidual, no_pooling)
    assert "test_logits" in failed(grade("ResNet", both, Residual=WrongResidual))


def test_a_part_that_raises_explains_nothing(grade):
    def unwritten(num_convs, out_channels):
        raise NotImplementedError

    assert failed(grade("VGG", vgg_of(unwritten), vgg_block=unwritten)) >= {
        "test_vgg11_layer_by_layer",
        "test_number_of_classes",
    }
