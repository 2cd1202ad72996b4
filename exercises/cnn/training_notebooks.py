"""Trainings that are right and trainings that are wrong, as cells of a notebook.

The banks of the training exercises are made of these, each with a model of its own. `MAKE` stands
for the expression that makes the model, `DATA` for the data of the book's cell.
"""

from exercises.cnn.training_checks import FOLLOWS, LEARNS, MOVES
from grader.checks import mistake, rewrite

ALL = (MOVES, FOLLOWS, LEARNS)

IMPORTS = """
import copy
import torch
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l
"""
BOOK = """
trainer = d2l.Trainer(max_epochs=10, num_gpus=1)
data = DATA
model = MAKE
model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
trainer.fit(model, data)
"""
LOOP = """
data = DATA
model = MAKE
with torch.no_grad():
    model(next(iter(data.train_dataloader()))[0])
model.apply(d2l.init_cnn)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss = nn.CrossEntropyLoss()
losses = []
for epoch in range(3):
    model.train()
    for X, y in data.train_dataloader():
        optimizer.zero_grad()
        l = loss(model(X), y)
        l.backward()
        optimizer.step()
        losses.append(l.item())
    model.eval()
    with torch.no_grad():
        right = sum((model(X).argmax(1) == y).sum().item() for X, y in data.val_dataloader())
    print(epoch, sum(losses) / len(losses), right)
"""


def changed(*pairs):
    """Return the own loop with some lines in place of others."""
    cell = LOOP
    for old, new in pairs:
        assert cell.count(old) == 1, old
        cell = cell.replace(old, new)
    return cell


STEP = "        optimizer.step()\n"
ZERO = "        optimizer.zero_grad()\n"
BACK = "        l.backward()\n"
LOSS = "        l = loss(model(X), y)\n"
SGD = "torch.optim.SGD(model.parameters(), lr=0.1)"

RIGHT = {
    "as_in_the_book": (BOOK,),
    "own_loop": (LOOP,),
    "in_several_cells": (
        "data = DATA\nmodel = MAKE",
        "model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)",
        "trainer = d2l.Trainer(max_epochs=3)\nX = torch.zeros(2)",
        "trainer.fit(model, data)",
    ),
    "older_edition": (
        "train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size=256)\nnet = MAKE\n"
        "net(torch.zeros(2, 1, 224, 224) if 'VGG' in 'MAKE' else torch.zeros(2, 1, 28, 28))",
        "lr, num_epochs = 0.9, 10\n"
        "d2l.train_ch6(net, train_iter, test_iter, num_epochs, lr, d2l.try_gpu())",
    ),
    "functions_and_adam": (
        "def make():\n    return MAKE\n"
        "def train_epoch(net, batches, updater):\n"
        "    for X, y in batches:\n"
        "        updater.zero_grad(set_to_none=True)\n"
        "        F.nll_loss(F.log_softmax(net(X), dim=1), y).backward()\n"
        "        updater.step()\n",
        "my_net = make()\n"
        "data = DATA\n"
        "my_net(next(iter(data.train_dataloader()))[0])\n"
        "for _ in range(2):\n"
        "    train_epoch(my_net, data.train_dataloader(), torch.optim.Adam(my_net.parameters()))",
    ),
    "momentum_smoothing_and_weight_decay": (
        changed(
            (SGD, "torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)"),
            ("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.05)"),
        ),
    ),
    "low_rate_and_clipping": (
        changed(
            ("lr=0.1)", "lr=0.01)"),
            (BACK, BACK + "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"),
        ),
    ),
    "summed_loss": (
        changed(
            ("lr=0.1)", "lr=0.001)"),
            ("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="sum")'),
        ),
    ),
    "steps_by_hand": (
        changed(
            (ZERO, "        model.zero_grad()\n"),
            (STEP, "        with torch.no_grad():\n            for p in model.parameters():\n"
             "                p -= 0.1 * p.grad\n"),
        ),
    ),
    "best_model_is_kept": (
        changed(
            ("losses = []\n", "losses, best = [], 0\n"),
            ("    print(epoch,", "    if right >= best:\n"
             "        best, kept = right, copy.deepcopy(model)\n    print(epoch,"),
        ),
    ),
    "normalised_and_mirrored": (
        changed((LOSS, "        X = (X.flip(-1) - 0.286) / 0.353\n" + LOSS)),
    ),
    "two_batches_a_step": (
        changed(
            (ZERO, ""),
            (STEP, "        if len(losses) % 2:\n            optimizer.step()\n"
             "            optimizer.zero_grad()\n"),
        ),
    ),
    "zeroed_after_the_step": (changed((ZERO, ""), (STEP, STEP + ZERO)),),
    "mean_of_two_batches": (
        changed(
            ("loss(model(X), y)", "loss(model(X), y) / 2"),
            (ZERO, ""),
            (STEP, "        if len(losses) % 2:\n            optimizer.step()\n"
             "            optimizer.zero_grad()\n"),
        ),
    ),
    "goes_through_its_layers": (
        changed(
            ("loss(model(X), y)", "loss(model.net(X), y)"),
            ("losses = []\n", "losses = []\nfor m in model.modules():\n"
             "    if isinstance(m, nn.Linear):\n        nn.init.xavier_uniform_(m.weight)\n"),
        ),
    ),
    "a_rate_for_each_layer": (
        changed((SGD, "torch.optim.SGD([{'params': model.net[0].parameters(), 'lr': 0.05},\n"
                 "    {'params': model.net[1:].parameters()}], lr=0.1)")),
    ),
    "a_few_steps_of_each_epoch": (
        changed(("        losses.append(l.item())\n", "        losses.append(l.item())\n"
                 "        if len(losses) % 5 == 0: break\n")),
    ),
    "part_of_the_original_data": (
        changed(("data = DATA\n", "data = DATA\ndata.train = torch.utils.data.Subset(data.train, "
                 "range(50_000))\n")),
    ),
    "rate_of_the_book_and_one_epoch": (BOOK.replace("max_epochs=10", "max_epochs=1"),),
}  # fmt: skip

WRONG = {
    "never_steps": ("the optimiser takes no step", (changed((STEP, "")),), ALL),
    "no_backward": ("nothing is sent back", (changed((BACK, "")),), ALL),
    "zero_grad_before_step": (
        "gradients are zeroed before the step", (changed((ZERO, ""), (STEP, ZERO + STEP)),), ALL,
    ),
    "rate_of_zero": ("the learning rate is 0", (changed(("lr=0.1)", "lr=0.0)")),), ALL),
    "another_models_parameters": (
        "the optimiser has another model's parameters",
        (changed((SGD, "torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)")),),
        ALL,
    ),
    "climbs": (
        "the steps go up the gradient",
        (changed((STEP, "        with torch.no_grad():\n            for p in model.parameters():\n"
                  "                p += 0.1 * p.grad\n")),),
        ALL,
    ),
    "makes_the_loss_larger": (
        "the loss is negated", (changed(("l.backward()", "(-l).backward()")),), (FOLLOWS, LEARNS),
    ),
    "detached": (
        "the loss is cut off from the model",
        (changed((LOSS, "        l = loss(model(X).detach(), y).requires_grad_()\n")),),
        ALL,
    ),
    "only_one_parameter": (
        "the optimiser has only one of the parameters",
        (changed((SGD, "torch.optim.SGD([next(model.parameters())], lr=0.1)")),),
        ALL,
    ),
    "only_the_last_layer": (
        "the optimiser has only the last layer",
        (changed((SGD, "torch.optim.SGD(model.net[-1].parameters(), lr=0.1)")),),
        ALL,
    ),
    "freezes_the_first_layer": (
        "the first layer is frozen",
        (BOOK.replace("trainer.fit", "model.net[0].requires_grad_(False)\ntrainer.fit"),),
        ALL,
    ),
    "always_the_same_batch": (
        "every step is made with one batch",
        (changed(("losses = []\n", "losses = []\nonly = next(iter(data.train_dataloader()))\n"),
                 (LOSS, "        X, y = only\n" + LOSS)),),
        (FOLLOWS, LEARNS),
    ),
    "graph_grows_until_it_fails": (
        "losses are summed over batches and sent back again",
        (changed(("    model.train()\n", "    model.train()\n    total = 0\n"),
                 (BACK, "        total = total + l\n"
                  "        total.backward(retain_graph=True)\n")),),
        ALL,
    ),
    "trains_on_validation_too": (
        "it is trained on the images for validation after each epoch",
        (changed(("    model.eval()\n", "    for X, y in data.val_dataloader():\n" + ZERO
                  + "        loss(model(X), y).backward()\n" + STEP + "    model.eval()\n")),),
        (FOLLOWS, LEARNS),
    ),
    "new_model_for_every_batch": (
        "there is a new model for every batch",
        (changed((ZERO, "        model = MAKE\n        model(X)\n        optimizer = " + SGD + "\n"
                  + ZERO)),),
        (LEARNS,),
    ),
    "forgets_zero_grad": ("gradients add up", (changed((ZERO, "")),), (FOLLOWS, LEARNS)),
    "forgets_zero_grad_at_a_low_rate": (
        "gradients add up, at a low rate",
        (changed((ZERO, ""), ("lr=0.1)", "lr=0.01)")),),
        (FOLLOWS, LEARNS),
    ),
    "forgets_zero_grad_with_adam": (
        "gradients add up, with Adam",
        (changed((ZERO, ""), (SGD, "torch.optim.Adam(model.parameters())")),),
        (FOLLOWS, LEARNS),
    ),
    "softmax_before_the_loss": (
        "a softmax comes before the cross-entropy",
        (changed(("loss(model(X), y)", "loss(F.softmax(model(X), dim=1), y)")),),
        (FOLLOWS, LEARNS),
    ),
    "log_likelihood_of_shares": (
        "the log-likelihood is taken of shares",
        (changed(("loss(model(X), y)", "F.nll_loss(F.softmax(model(X), dim=1), y)")),),
        (FOLLOWS, LEARNS),
    ),
    "squared_error_of_shares": (
        "the error is the square of shares",
        (changed(("loss(model(X), y)",
                  "F.mse_loss(F.softmax(model(X), dim=1), F.one_hot(y, 10).float())")),),
        (FOLLOWS, LEARNS),
    ),
    "shuffled_labels": (
        "labels do not belong to their images",
        (changed((LOSS, "        y = y[torch.randperm(len(y))]\n" + LOSS)),),
        (FOLLOWS, LEARNS),
    ),
    "labels_moved_by_one": (
        "labels are those of the next image",
        (changed((LOSS, "        y = y.roll(1)\n" + LOSS)),),
        (FOLLOWS, LEARNS),
    ),
    "always_the_first_class": (
        "every label is 0",
        (changed((LOSS, "        y = torch.zeros_like(y)\n" + LOSS)),),
        (FOLLOWS, LEARNS),
    ),
    "trains_on_validation": (
        "it is trained on the images for validation",
        (changed(("for X, y in data.train_dataloader()", "for X, y in data.val_dataloader()")),),
        (FOLLOWS, LEARNS),
    ),
    "sigmoid_of_logits": (
        "a sigmoid comes before the cross-entropy",
        (changed(("loss(model(X), y)", "loss(torch.sigmoid(model(X)), y)")),),
        (FOLLOWS, LEARNS),
    ),
    "new_model_at_the_end": (
        "the model is made anew after the training", (LOOP + "model = MAKE\n",), (LEARNS,),
    ),
    "trains_a_copy": (
        "a copy is trained, and the model is kept",
        (LOOP.replace("model = MAKE", "kept = MAKE\nmodel = copy.deepcopy(kept)")
         + "model = kept\n",),
        (LEARNS,),
    ),
    "starts_again_at_every_epoch": (
        "the parameters are drawn again after each epoch",
        (changed(("    print(epoch", "    model.apply(d2l.init_cnn)\n    print(epoch")),),
        (LEARNS,),
    ),
    "rate_far_too_high": (
        "the learning rate is far too high", (changed(("lr=0.1)", "lr=300.0)")),), (LEARNS,),
    ),
}  # fmt: skip
FEW_RIGHT = (
    "as_in_the_book", "own_loop", "in_several_cells", "functions_and_adam", "steps_by_hand",
    "best_model_is_kept", "older_edition", "goes_through_its_layers",
)  # fmt: skip
FEW_WRONG = (
    "never_steps", "no_backward", "rate_of_zero", "climbs", "another_models_parameters",
    "forgets_zero_grad", "forgets_zero_grad_with_adam", "softmax_before_the_loss",
    "shuffled_labels", "trains_on_validation", "new_model_at_the_end", "only_the_last_layer",
    "always_the_same_batch",
)  # fmt: skip


def known_trainings(definition, make, data, *, right=tuple(RIGHT), wrong=tuple(WRONG)):
    """Return entries of a bank by name.

    Args:
        definition: the cell that defines the model.
        make: the expression that makes it.
        data: the expression for the data.
        right, wrong: which of the trainings.
    """

    def notebook(name, cells):
        sources = (IMPORTS, definition)
        sources += tuple(c.replace("MAKE", make).replace("DATA", data) for c in cells)

        def answer():
            return sources

        answer.__name__ = name
        return answer

    found = {name: rewrite(notebook(name, RIGHT[name])) for name in right}
    for name in wrong:
        title, cells, caught_by = WRONG[name]
        mark = mistake(title, hint="See what the check says.", caught_by=caught_by, named=False)
        found[name] = mark(notebook(name, cells))
    return found
