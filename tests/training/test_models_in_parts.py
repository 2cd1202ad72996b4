"""A loop may call the parts of its model one by one: what it trains is the same model."""

from __future__ import annotations

import pytest

from exercises.cnn.training_notebooks import SGD, changed
from grader.checks.training.complaints import complaint_of

LENET = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2))
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))
    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))
"""
SEQUENTIAL = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))
    def forward(self, x):
        return self.net(x)
"""
BY_NAME = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
    def forward(self, x):
        x = F.avg_pool2d(torch.sigmoid(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.sigmoid(self.conv2(x)), 2).view(-1, 400)
        return self.fc3(torch.sigmoid(self.fc2(torch.sigmoid(self.fc1(x)))))
"""
BLOCKS = """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.mix = nn.Conv2d(2 * width, width, 1)
    def forward(self, x):
        y = self.norm(self.conv(x))
        y += x
        return F.relu(self.mix(torch.cat([y, x], dim=1)))
class LeNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.ModuleList([Block(8), Block(8), Block(8)])
        self.fc = nn.Linear(8, num_classes)
    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean([2, 3]))
"""
SHARED = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.AvgPool2d(4))
        self.dense = nn.ModuleList([nn.Linear(216, 84), nn.Linear(84, num_classes)])
        self.net = nn.Sequential(
            self.features, nn.Flatten(), self.dense[0], nn.Sigmoid(), self.dense[1])
    def forward(self, x):
        x = self.features(x).flatten(1)
        return self.dense[1](torch.sigmoid(self.dense[0](x)))
"""
CALL = "loss(model(X), y)"
LOSS = "        l = loss(model(X), y)\n"
PARTS = "losses = []\nbody, head = model.net[:-1], model.net[-1]\n"
TWO = (("losses = []\n", PARTS), (CALL, "loss(head(body(X)), y)"))
FORMS = {
    "features and classifier": (
        LENET,
        [(LOSS, "        f = model.features(X)\n        f = f.view(f.size(0), -1)\n"
          "        l = loss(model.classifier(f), y)\n")],
    ),
    "a number that belongs to the model's own sizes": (
        LENET, [(CALL, "loss(model.classifier(model.features(X).view(-1, 16 * 5 * 5)), y)")],
    ),
    "head of body": (SEQUENTIAL, TWO),
    "cut elsewhere": (
        SEQUENTIAL, [TWO[0], (CALL, "loss(model.net[4:](model.net[:4](X)), y)")],
    ),
    "layer by layer": (
        SEQUENTIAL, [(LOSS, "        out = X\n        for layer in model.net:\n"
                      "            out = layer(out)\n        l = loss(out, y)\n")],
    ),
    "its forward once more": (
        BY_NAME,
        [(LOSS, "        h = F.avg_pool2d(torch.sigmoid(model.conv1(X)), 2)\n"
          "        h = F.avg_pool2d(torch.sigmoid(model.conv2(h)), 2).view(-1, 400)\n"
          "        h = torch.sigmoid(model.fc2(torch.sigmoid(model.fc1(h))))\n"
          "        l = loss(model.fc3(h), y)\n")],
    ),
    "layers that stand in several containers": (SHARED, []),
    "layers that stand in several containers, in parts": (
        SHARED,
        [(CALL, "loss(model.dense[1](model.dense[0](model.features(X).flatten(1)).sigmoid()), y)")],
    ),
    "blocks that add and join": (
        BLOCKS,
        [(LOSS, "        h = model.stem(X)\n        for block in model.blocks:\n"
          "            h = block(h)\n        l = loss(model.fc(h.mean([2, 3])), y)\n")],
    ),
}  # fmt: skip
HEAD_ONLY = "torch.optim.SGD(model.net[-1].parameters(), lr=0.1)"
FROZEN = "losses = []\nmodel.net[:-1].requires_grad_(False)\n"
WRONG = {
    "only the head is in the optimiser": [(SGD, HEAD_ONLY), *TWO],
    "the body is frozen": [
        ("losses = []\n", FROZEN), (CALL, "loss(model.net[-1](model.net[:-1](X)), y)"),
    ],
    "the body is cut off": [TWO[0], (CALL, "loss(head(body(X).detach()), y)")],
    "the body runs without a graph": [
        TWO[0],
        (LOSS, "        with torch.no_grad():\n            f = body(X)\n"
         "        l = loss(head(f), y)\n"),
    ],
    "the body's features are thrown away": [TWO[0], (CALL, "loss(head(body(X) * 0), y)")],
    "the head gets noise": [TWO[0], (CALL, "loss(head(torch.rand_like(body(X))), y)")],
    "a softmax too many": [TWO[0], (CALL, "loss(head(body(X)).softmax(1), y)")],
    "labels of other images": [TWO[0], (CALL, "loss(head(body(X)), y.roll(1))")],
    "gradients add up": [*TWO, ("        optimizer.zero_grad()\n", "")],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_training_in_parts_is_right(evidence, form):
    definition, pairs = form
    assert complaint_of(evidence(changed(*pairs), definition=definition)) == ""


def test_a_part_of_shared_layers_that_is_left_out_of_the_optimiser_is_seen(evidence):
    one = evidence(changed((SGD, "torch.optim.SGD(model.dense.parameters(), lr=0.1)")),
                   definition=SHARED)  # fmt: skip
    assert complaint_of(one).startswith("some parameters never change")


@pytest.mark.parametrize("pairs", WRONG.values(), ids=WRONG)
def test_a_wrong_training_in_parts_is_still_wrong(evidence, pairs):
    assert complaint_of(evidence(changed(*pairs), definition=SEQUENTIAL))


def test_a_body_that_is_cut_off_is_said_not_to_change(evidence):
    cut = evidence(changed(*WRONG["the body is cut off"]), definition=SEQUENTIAL)
    assert complaint_of(cut).startswith("some parameters never change")


def test_a_copy_trained_in_parts_is_a_model_of_its_own(evidence):
    copied = ("model = MAKE\n", "first = MAKE\nmodel = copy.deepcopy(first)\n")
    assert complaint_of(evidence(changed(copied, *TWO), definition=SEQUENTIAL)) == ""
