"""Arguments in the wrong order are told as what they lead to."""

from __future__ import annotations

import pytest

from grader.grading.in_process import student_of_cells

IMPORTS = "import torch\nfrom torch import nn"
BLOCK = """
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
"""
VGG = """
class VGG(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        blocks = [vgg_block(a, b) for a, b in arch]
        hidden = [part for _ in range(2) for part in (nn.LazyLinear(4096), nn.ReLU(), nn.Dropout())]
        self.net = nn.Sequential(*blocks, nn.Flatten(), *hidden, nn.LazyLinear(num_classes))

    def forward(self, x):
        return self.net(x)
"""


@pytest.mark.parametrize(
    ("right", "wrong"), [("vgg_block(a, b)", "vgg_block(b, a)"), ("for a, b in", "for b, a in")]
)
def test_exchanged_numbers_of_a_block_are_told(assignment, session, right, wrong):
    (exercise,) = assignment.only(["VGG"]).exercises
    cells = IMPORTS, BLOCK, VGG.replace(right, wrong)
    first, *_ = session.run(exercise, student_of_cells(exercise, *cells))
    assert "convolutions of a block and its channels exchanged" in first.message
    assert "1,472 convolutions, expected 8" in first.message
