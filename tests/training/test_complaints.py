"""A training that is wrong is told what is wrong, in a sentence that is true of it."""

from __future__ import annotations

import pytest

from exercises.cnn.training_notebooks import BACK, BOOK, LOOP, LOSS, SGD, STEP, changed
from grader.checks.training.complaints import COMPLAINTS, complaint_of

APPENDED = "        losses.append(l.item())\n"
EACH = "    for X, y in data.train_dataloader():\n"


def before_the_loss(line):
    return changed((LOSS, f"        {line}\n{LOSS}"))


def with_a_rate_of(rate):
    return changed(("lr=0.1)", f"lr={rate})"))


def clipped_to(norm):
    clip = f"        nn.utils.clip_grad_norm_(model.parameters(), {norm})\n"
    return changed((BACK, BACK + clip))


def with_the_loss(loss):
    return changed(("loss(model(X), y)", loss))


SAID = {
    "a rate of 1e4": (with_a_rate_of("1e4"), "the learning rate of about 1e+04 is far too high"),
    "a rate of 10 with Adam": (
        changed((SGD, "torch.optim.Adam(model.parameters(), lr=10)")),
        "the learning rate of about 10 is far too high",
    ),
    "a rate of 1e-8": (with_a_rate_of("1e-8"), "the learning rate of 1e-08 is far too low"),
    "a rate of 1e-5": (with_a_rate_of("1e-5"), "the learning rate of 1e-05 is far too low"),
    "a rate of 0": (with_a_rate_of("0.0"), "the learning rate is 0"),
    "steps of 1e-6 by hand": (
        changed((STEP, "        for p in model.parameters():\n"
                       "            p.data -= 1e-6 * p.grad\n")),
        "a step is no more than 1e-06 of the gradient",
    ),
    "gradients that are clipped to nothing": (clipped_to(1e-6), "the gradients are clipped to"),
    "gradients that are clipped far": (clipped_to(1e-4), "the gradients are clipped to"),
    "zeros in place of the images": (before_the_loss("X = torch.zeros_like(X)"), "are blank"),
    "one image in place of all": (
        changed(("losses = []\n", "losses = []\none = torch.rand(1, 1, 28, 28)\n"),
                (LOSS, "        X = one.expand_as(X)\n" + LOSS)),
        "are all the same",
    ),
    "noise in place of the images": (
        before_the_loss("X = torch.rand_like(X)"), "are not those of the data",
    ),
    "noise and random labels, three steps": (
        "model = MAKE\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for step in range(3):\n"
        "    X, y = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))\n"
        "    optimizer.zero_grad()\n    F.cross_entropy(model(X), y).backward()\n"
        "    optimizer.step()\n",
        "are not those of the data",
    ),
    "three steps with right images": (
        "data = DATA\nmodel = MAKE\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "X, y = next(iter(data.train_dataloader()))\n"
        "for i in range(3):\n"
        "    optimizer.zero_grad()\n"
        "    F.cross_entropy(model(X[20 * i : 20 * i + 20]), y[20 * i : 20 * i + 20]).backward()\n"
        "    optimizer.step()\n",
        "it takes 3 steps in all",
    ),
    "only the first batch of each epoch": (
        changed((APPENDED, APPENDED + "        break\n")), "leaves each epoch after its first",
    ),
    "only the first batch of 20 epochs, counted": (
        changed(("range(3)", "range(20)"), (EACH, "    for i, (X, y) in enumerate("
                 "data.train_dataloader()):\n        if i == 1: break\n")),
        "leaves each epoch after its first",
    ),
    "only the first batch of 10 epochs, taken": (
        changed(("range(3)", "range(10)"),
                (EACH, "    for X, y in [next(iter(data.train_dataloader()))]:\n")),
        "leaves each epoch after its first",
    ),
    "a layer that is frozen after some steps": (
        before_the_loss("if len(losses) == 8: model.net[-1].weight.requires_grad_(False)"),
        "some parameters change at",
    ),
    "an optimiser that gets the last layer alone after some steps": (
        before_the_loss(
            "if len(losses) == 8: optimizer = torch.optim.SGD([list(model.parameters())[-1]], 0.1)"
        ),
        "some parameters change at",
    ),
    "another instance is fitted": (
        BOOK.replace("trainer.fit(model, data)", "trainer.fit(MAKE, data)"),
        "not the one that the notebook's name holds",
    ),
    "another instance is fitted in a loop": (
        "kept = MAKE\ndef run(model):\n    data = DATA\n    optimizer = " + SGD + "\n"
        "    for X, y in data.train_dataloader():\n        optimizer.zero_grad()\n"
        "        F.cross_entropy(model(X), y).backward()\n        optimizer.step()\n"
        "kept(next(iter(DATA.train_dataloader()))[0])\nkept.apply(d2l.init_cnn)\nrun(MAKE)\n",
        "not the one that the notebook's name holds",
    ),
    "a softmax before the loss": (
        with_the_loss("loss(model(X).softmax(1), y)"), "a softmax comes before the cross-entropy",
    ),
    "a sum of losses of shares, with Adam": (
        with_the_loss("F.cross_entropy(F.softmax(model(X), 1), y, reduction='sum')").replace(
            SGD, "torch.optim.Adam(model.parameters())"
        ),
        "a softmax comes before the cross-entropy",
    ),
    "a sigmoid before the loss": (
        with_the_loss("loss(torch.sigmoid(model(X)), y)"), "a sigmoid comes before",
    ),
    "a likelihood of shares": (
        with_the_loss("F.nll_loss(model(X).softmax(1), y)"), "taken of probabilities",
    ),
    "squares of shares": (
        with_the_loss("((model(X).softmax(1) - F.one_hot(y, 10)) ** 2).sum(1).mean()"),
        "squared error of probabilities",
    ),
    "a loss that is divided": (
        with_the_loss("loss(model(X), y) / 10"), "much shorter than that of a cross-entropy",
    ),
    "a loss that is multiplied": (
        with_the_loss("loss(model(X), y) * 20"), "much longer than that of a cross-entropy",
    ),
    "shares and labels of others": (
        with_the_loss("loss(model(X).softmax(1), y[torch.randperm(len(y))])"),
        "the gradient is not that of the cross-entropy",
    ),
    "crops of images with labels of others": (
        before_the_loss("X = X.roll((2, 3), (2, 3)); y = y[torch.randperm(len(y))]"),
        "are due",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cell", "said"), SAID.values(), ids=SAID)
def test_a_wrong_training_is_told_what_is_wrong_with_it(evidence, cell, said):
    assert said in complaint_of(evidence(cell))


def test_a_low_rate_with_clipped_gradients_is_a_training(evidence):
    clip = "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
    cell = changed(("lr=0.1)", "lr=0.003)"), (BACK, BACK + clip))
    assert complaint_of(evidence(cell)) == ""


LATER = {
    "after 60 steps": "if len(losses) > 60: y = y[torch.randperm(len(y))]",
    "after 90 steps": "if len(losses) > 90: y = y[torch.randperm(len(y))]",
    "all but the first row, after 60 steps": "if len(losses) > 60: y[1:] = y[1:].roll(7)",
    "after the first epoch": "if epoch: y = y[torch.randperm(len(y))]",
    "at every fifth step after the first ten": (
        "if len(losses) > 10 and len(losses) % 5 == 0: y = (y + 1) % 10"
    ),
}


@pytest.mark.parametrize("line", LATER.values(), ids=LATER)
def test_labels_of_others_at_later_steps_are_found_out(evidence, line):
    assert "the labels are not those of the images" in complaint_of(evidence(before_the_loss(line)))


OWN_BATCHES = """
X_all, y_all = map(torch.cat, zip(*[b for b, _ in zip(DATA.train_dataloader(), range(20))]))
model = MAKE
model(X_all[:2])
model.apply(d2l.init_cnn)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(1000):
    rows = torch.randint(len(y_all), (32,))
    X, y = X_all[rows], y_all[rows]
    LINE
    optimizer.zero_grad()
    F.cross_entropy(model(X), y).backward()
    optimizer.step()
"""


@pytest.mark.parametrize("first", [160, 220, 300, 360])
def test_labels_of_others_are_found_out_as_long_as_the_replay_lasts(evidence, first):
    line = f"if step > {first}: y = y[torch.randperm(len(y))]"
    found = evidence(OWN_BATCHES.replace("LINE", line))
    assert found.steps > first
    assert "the labels are not those of the images" in complaint_of(found)


def test_batches_of_ones_own_with_their_labels_are_a_training(evidence):
    found = evidence(OWN_BATCHES.replace("LINE", ""))
    assert complaint_of(found) == ""
    assert found.mislabelled == 0


@pytest.mark.parametrize(
    "loss",
    [
        "nn.CrossEntropyLoss(label_smoothing=0.2)",
        "lambda p, y: F.nll_loss(F.log_softmax(p, 1), y)",
        "nn.CrossEntropyLoss(weight=torch.tensor([1.1] * 5 + [0.9] * 5))",
    ],
)
def test_labels_of_a_smoothed_or_weighted_loss_are_those_of_the_images(evidence, loss):
    cell = changed(("nn.CrossEntropyLoss()", loss), ("lr=0.1)", "lr=0.5)"))
    assert evidence(cell).mislabelled == 0


RIGHT = {
    "random crops": (
        "X = torch.stack([F.pad(x, (4, 4, 4, 4))[:, i : i + 28, j : j + 28] for x, i, j in "
        "zip(X, torch.randint(9, (len(X),)), torch.randint(9, (len(X),)))])"
    ),
    "erased parts": "X = X.clone(); X[:, :, 5:15, 5:15] = torch.rand(1)",
    "a frame": "X = F.pad(X, (2, 2, 2, 2))",
    "negatives": "X = 1 - X",
    "images less their mean": "X = X - X.mean(0)",
    "each pixel with a spread of 1": "X = (X - X.mean(0)) / (X.std(0) + 1e-3)",
    "noise on the images": "X = X + 0.2 * torch.randn_like(X)",
}


@pytest.mark.parametrize("line", RIGHT.values(), ids=RIGHT)
def test_a_training_with_changed_images_is_right(evidence, line):
    assert complaint_of(evidence(before_the_loss(line))) == ""


@pytest.mark.parametrize("rate", ["0.02", "0.005", "0.002"])
def test_a_training_at_a_low_rate_is_judged_with_a_network_for_low_rates(evidence, rate):
    found = evidence(with_a_rate_of(rate))
    assert complaint_of(found) == ""
    assert found.steps < 400  # so that it costs little on a slow machine


def test_batches_that_are_drawn_one_by_one_are_a_training(evidence):
    drawn = "    for _ in range(50):\n        X, y = next(iter(data.train_dataloader()))\n"
    assert complaint_of(evidence(changed((EACH, drawn)))) == ""


def test_a_fit_of_a_hundred_epochs_of_the_library_is_a_training(evidence):
    assert complaint_of(evidence(BOOK.replace("max_epochs=10", "max_epochs=200"))) == ""


def test_one_epoch_of_large_batches_is_a_training(evidence):
    loop = LOOP.replace("DATA", "d2l.FashionMNIST(1024)").replace("range(3)", "range(1)")
    assert complaint_of(evidence(loop)) == ""


def test_images_less_their_mean_with_labels_of_others_are_found_out(evidence):
    line = "X = X - X.mean(0); y = y[torch.randperm(len(y))]"
    assert "not that of the cross-entropy" in complaint_of(evidence(before_the_loss(line)))


@pytest.mark.parametrize(
    "name", ["noise and random labels, three steps", "noise in place of the images"]
)
def test_a_training_without_the_data_earns_nothing(evidence, name):
    cell, said = SAID[name]
    assert said in COMPLAINTS[0](evidence(cell))
