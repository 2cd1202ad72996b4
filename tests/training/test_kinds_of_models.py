"""Models without a name of the course are known by the shapes of their layers."""

from __future__ import annotations

import importlib

from torch import nn
from torchvision.models import densenet121, resnet18, resnet50

DENSE_BLOCK = [(32, 16, 3, 3), (32, 48, 3, 3), (32, 80, 3, 3), (32, 112, 3, 3)]


def looks_like_a_resnet(shapes):
    checks = importlib.import_module("exercises.cnn.ResNet_training.test_ResNet_training")
    return checks.has_a_large_stem_and_equal_widths(shapes)


def shapes_of(model: nn.Module):
    return [tuple(p.shape) for p in model.parameters()]


def test_residual_networks_are_known():
    assert looks_like_a_resnet(shapes_of(resnet18()))
    assert looks_like_a_resnet(shapes_of(resnet50()))


def test_a_network_of_dense_blocks_is_another():
    assert not looks_like_a_resnet(shapes_of(densenet121()))
    plain = [(64, 1, 7, 7), *DENSE_BLOCK, (64, 144, 1, 1), *DENSE_BLOCK]
    assert not looks_like_a_resnet(plain)
