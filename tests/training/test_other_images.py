"""A training on other images, of other sizes and classes, is judged by the same protocol."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.complaints import complaint_of
from grader.checks.training.image_classification import ImageClassification
from grader.checks.training.protocol import Split
from grader.course import load_assignment
from grader.grading.in_process import student_of

SIDE, CHANNELS, CLASSES = 20, 3, 4
DRAW = """
def draw_signs(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 4).astype(np.int64)
    images = rng.integers(0, 120, (count, 20, 20, 3))
    for image, label in zip(images, labels):
        row, column = 10 * (label // 2), 10 * (label % 2)
        image[row : row + 10, column : column + 10, label % 3] += 120
    return images.astype(np.uint8), labels
"""
DATA = f"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
{DRAW}
images, labels = draw_signs(600, [SEED, 1])
signs = TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2) / 255, torch.from_numpy(labels))
class SignNet(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(20 * 20 * 3, 4))
"""
TRAINING = """
model = SignNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in DataLoader(signs, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
"""


def drawing():
    names = {"np": np}
    exec(DRAW, names)
    return names["draw_signs"]


SIGNS = ImageClassification(SIDE, CHANNELS, CLASSES, drawing(), train=600, test=100, held_out=200)


def found(training):
    (exercise,) = load_assignment("cnn").only(["LeNet_training"]).exercises
    student = student_of(exercise, lambda: (DATA.replace("SEED", "20240"), training))
    return evidence_of(student, ModelKind("SignNet", lambda shapes: False, SIGNS))


def test_a_right_training_is_right():
    evidence = found(TRAINING)
    assert complaint_of(evidence) == ""
    assert evidence.gradients, "its images are known"
    assert evidence.accuracy > 0.9


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("        optimizer.zero_grad()\n", "", "from the second step on"),
        ("        optimizer.step()\n", "", "never change"),
        (".backward()", ".neg().backward()", "the loss is made larger"),
        ("model(x), y)", "model(x), y.flip(0))", "labels"),
    ],
)
def test_a_wrong_training_is_told_what_is_wrong(old, new, said):
    assert said in complaint_of(found(TRAINING.replace(old, new)))


def test_images_are_recognised_with_their_labels_in_colour_and_mirrored():
    images, labels = SIGNS.inputs(1, Split.TRAIN)
    assert tuple(images.shape) == (600, CHANNELS, SIDE, SIDE)
    known = SIGNS.recognise(images[:9].flip(-1) * 2 - 1, 1)
    assert bool(known.of_train.all())
    assert torch.equal(known.labels, labels[:9])
    assert not bool(SIGNS.recognise(SIGNS.inputs(1, Split.HELD_OUT)[0], 1).known.any())


@pytest.mark.parametrize("answers", [None, torch.zeros(3, 5), torch.full((3, 4), torch.nan)])
def test_what_is_no_answer_has_no_score(answers):
    assert SIGNS.score(answers, torch.tensor([0, 0, 1])) == 0
