"""A training cell is run again: whatever it does, it is the probe that is trained."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from exercises.cnn.training_checks import CLOTHES
from exercises.cnn.training_notebooks import BOOK, IMPORTS, LOOP, changed
from grader.checks.training.claims import ModelKind, evidence_of
from grader.checks.training.complaints import complaint_of
from grader.course import load_course
from grader.errors import CallTimedOut, NothingTrained
from grader.guest.model_shell import dress
from grader.guest.recorder import Recorder
from grader.guest.training_replay import TrainingReplay
from grader.guest.watched_probe import Watched
from grader.records import CellRun

LENET = """
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
"""


def test_the_namespace_is_as_it_was_afterwards(notebook):
    student = notebook("model = LeNet()\nmodel(torch.zeros(2, 784))\nkept = 7", LOOP_OF_ITS_OWN)
    before = [(c.name, c.kind) for c in student.values()]
    evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert [(c.name, c.kind) for c in student.values()] == before
    again = student.call("LeNet").value
    assert again(torch.zeros(2, 784)).shape == (2, 10)


def test_a_training_that_was_run_again_leaves_no_probe_in_memory(evidence):
    evidence(LOOP)
    evidence(BOOK)
    gc.collect()
    assert not [found for found in gc.get_objects() if type(found) is Watched]


LOOP_OF_ITS_OWN = LOOP.replace("MAKE", "LeNet()").replace("DATA", "d2l.FashionMNIST(64)")


def test_a_model_of_any_name_is_replaced_where_its_class_is_known(evidence):
    cell = LOOP.replace("model", "mein_netz")
    assert complaint_of(evidence(cell)) == ""


def test_a_factory_is_replaced_as_well(evidence):
    factory = "def lenet():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"
    cell = LOOP.replace("MAKE", "lenet()")
    assert complaint_of(evidence(cell, definition=factory)) == ""


def test_a_model_that_cannot_be_made_is_charged_elsewhere(evidence):
    broken = """
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Conv2d(1))
"""
    assert complaint_of(evidence(BOOK, definition=broken)) == ""


DAMAGED = """
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1):
          super().__init__()
        self.save_hyperparameters()
"""


def test_a_model_whose_cell_does_not_run_is_charged_elsewhere(evidence):
    assert complaint_of(evidence(BOOK, definition=DAMAGED)) == ""
    still = BOOK.replace("MAKE", "LeNet(lr=0.0)")
    assert "never change" in complaint_of(evidence(still, definition=DAMAGED))


def test_a_model_that_no_cell_writes_is_missing(evidence):
    assert "NameError" in complaint_of(evidence(BOOK, definition="pass"))


SHARES = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1):
        super().__init__()
        self.fc = nn.Linear(784, 10)
    def forward(self, x):
        return F.log_softmax(self.fc(x.flatten(1)), dim=1)
"""


def test_a_model_that_ends_with_log_shares_is_trained_with_their_likelihood(evidence):
    loop = changed(("loss(model(X), y)", "F.nll_loss(model(X), y)"))
    assert complaint_of(evidence(loop, definition=SHARES)) == ""


def test_a_softmax_in_the_model_is_charged_there_and_not_in_the_training(evidence):
    assert complaint_of(evidence(LOOP, definition=SHARES.replace("log_softmax", "softmax"))) == ""


def test_an_endless_loop_comes_to_an_end(monkeypatch):
    monkeypatch.syspath_prepend(str(load_course().environment.folder))
    endless = """
model = LeNet()
x = torch.rand(8, 1, 28, 28)
while True:
    model(x).sum().backward()
"""
    recorder = Recorder({})
    for cell, source in enumerate((IMPORTS + LENET, endless)):
        recorder.begin(cell, source)
    exec(IMPORTS + LENET, recorder.namespace)
    recorder.end()
    found = TrainingReplay(
        recorder, ["*lenet*"], ["model"], steps=5, tail="logits", probe=CLOTHES.probe
    ).run([1])
    assert found["raised"] == ""
    assert found["models"][0]["steps"] == 21


def test_a_cell_that_raises_says_what(evidence):
    found = evidence("model = LeNet()\nmodel.train_it()")
    assert "AttributeError" in complaint_of(found)


RAISES = "model = LeNet()\nmodel.train_it()"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("ok", ""),
        ("timed_out", "ran longer than 30 s of processor time"),
        ("raised", "KeyError: 'fc3'"),
    ],
)
def test_an_error_that_the_first_run_did_not_have_is_the_students_with_its_line(
    notebook, status, error
):
    student = notebook(RAISES, definition=LENET)
    student.first_run = {2: CellRun(2, status, error=error)}
    for _ in range(2):  # each of the claims asks
        found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
        said = complaint_of(found)
        assert "AttributeError" in said
        assert "(line 2 of the cell)" in said
        assert ("work with any model of its kind" in said) == (status != "raised")


@pytest.mark.parametrize(
    "statement",
    [
        "if sum(p.numel() for p in model.parameters()) != 7850: raise ValueError('sizes')",
        "first = next(model.parameters()).reshape(10, 28, 28)",
        "if type(model) is not LeNet: raise RuntimeError('go away')",
    ],
)
def test_a_statement_that_only_the_probe_makes_fail_is_left_out(notebook, statement):
    right = LOOP_OF_ITS_OWN.replace("losses = []\n", f"losses = []\n{statement}\n")
    for cell, complaint in ((right, ""), (right.replace("lr=", "lr=0*"), "rate is 0")):
        student = notebook(cell, definition=LENET_OF_IMAGES)
        student.first_run = {2: CellRun(2, "ok")}
        found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
        assert complaint in complaint_of(found)
        assert bool(complaint) == bool(complaint_of(found))


LENET_OF_IMAGES = """
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    def forward(self, x):
        return self.net(x)
"""


@pytest.mark.parametrize(
    "refusal",
    [
        "raise RuntimeError('go away')",
        "exec('1 / 0', {})",
        "{}[model]",
        "model.nothing",
        "torch.zeros(2, 3) @ torch.zeros(2, 3)",
        "model(torch.zeros(1))",
        "nn.Linear(2, 2)(torch.zeros(7))",
        "import json; json.loads('{')",
        "torch.optim.SGD([], lr=1)",
        "f = lambda: f(); f()",
    ],
)
def test_a_cell_that_raises_where_it_finds_the_probe_has_failed(notebook, refusal):
    loop = "        if type(model) is not LeNet: "
    cell = LOOP_OF_ITS_OWN.replace("        l = ", f"{loop}{refusal}\n        l = ")
    student = notebook(cell, definition=LENET_OF_IMAGES)
    student.first_run = {2: CellRun(2, "ok")}
    found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert "it raised" in complaint_of(found)


def test_an_assert_about_the_model_costs_a_right_training_nothing(evidence):
    counts = "assert sum(p.numel() for p in model.parameters()) == 7850\n"
    assert complaint_of(evidence(LOOP.replace("losses = []\n", counts + "losses = []\n"))) == ""


@pytest.mark.parametrize(
    ("before", "between", "old", "new"),
    [
        ("settings = {}", "settings['lr'] = 0.1", "lr=0.1", "lr=settings['lr']"),
        ("nets = {}", "nets['mine'] = MAKE", "model = MAKE", "model = nets['mine']"),
        ("nets = []", "nets.append(MAKE)", "model = MAKE", "(model,) = nets"),
    ],
)
def test_what_a_cell_puts_into_an_object_of_an_earlier_one_is_there(
    evidence, before, between, old, new
):
    assert LOOP.count(old) == 1
    assert complaint_of(evidence(before, between, LOOP.replace(old, new))) == ""


def test_a_loop_that_uses_the_sizes_of_weights_is_told_to_call_the_model_as_a_whole(notebook):
    by_hand = "loss(F.linear(X.flatten(1), model.net[-1].weight.reshape(10, 784)), y)"
    cell = LOOP_OF_ITS_OWN.replace("loss(model(X), y)", by_hand)
    student = notebook(cell, definition=LENET_OF_IMAGES)
    student.first_run = {2: CellRun(2, "ok")}
    found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert "call the model as a whole" in complaint_of(found)


def test_an_error_that_the_first_run_had_as_well_is_the_students(notebook):
    student = notebook(RAISES, definition=LENET)
    error = "AttributeError: 'LeNet' object has no attribute 'train_it'"
    student.first_run = {2: CellRun(2, "raised", error=error)}
    found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert "AttributeError" in complaint_of(found)


def test_a_right_training_beside_one_that_fails_only_here_is_right(notebook):
    student = notebook(RAISES, LOOP_OF_ITS_OWN, definition=LENET)
    student.first_run = {2: CellRun(2, "ok"), 3: CellRun(3, "ok")}
    assert (
        complaint_of(evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))) == ""
    )


def test_of_several_trainings_the_best_counts(evidence):
    found = evidence(changed(("        optimizer.step()\n", "")), LOOP)
    assert complaint_of(found) == ""
    assert found.cell == 3


def test_a_cell_that_cannot_be_run_again_costs_no_other_cell_what_it_showed(notebook, monkeypatch):
    student = notebook(LOOP_OF_ITS_OWN.replace("lr=", "lr=0*"), LOOP_OF_ITS_OWN, definition=LENET)
    cells, replay = [], student.replay

    def first_one_hangs(asked, *args, **options):
        cells.append(asked[-1])
        if len(cells) == 1:
            raise CallTimedOut("cell 2, run again", 60.0)
        return replay(asked, *args, **options)

    monkeypatch.setattr(student, "replay", first_one_hangs)
    found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert complaint_of(found) == ""
    assert cells == [2, 3]


def test_no_more_cells_are_run_again_once_one_is_right(notebook, monkeypatch):
    student = notebook(LOOP_OF_ITS_OWN, LOOP_OF_ITS_OWN, LOOP_OF_ITS_OWN, definition=LENET)
    cells, replay = [], student.replay

    def noted(asked, *args, **options):
        cells.append(asked[-1])
        return replay(asked, *args, **options)

    monkeypatch.setattr(student, "replay", noted)
    evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert cells == [2]


WITHOUT_A_LOADER = """
data = d2l.FashionMNIST(64)
model = LeNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
X, y = data.train.data[:60_000, None] / 255, data.train.targets
for i in range(0, len(X), 16):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(X[i:i + 16]), y[i:i + 16]).backward()
    optimizer.step()
"""


def test_a_loop_without_a_loader_is_ended_and_what_it_learned_counts(evidence):
    found = evidence(WITHOUT_A_LOADER)
    assert complaint_of(found) == ""
    assert found.steps > 400


MODERN = LENET.replace("LeNet", "ModernLeNet")


def test_the_training_of_a_variant_does_not_stand_for_one_that_was_left_out(evidence):
    unfit = BOOK.replace("trainer.fit(model, data)", "print(trainer)")
    with pytest.raises(NothingTrained):
        evidence(unfit, MODERN, BOOK.replace("MAKE", "ModernLeNet()"))


def test_the_training_of_a_variant_counts_where_there_is_no_other(evidence):
    assert complaint_of(evidence(MODERN, LOOP.replace("MAKE", "ModernLeNet()"))) == ""


MAKES_ITS_OPTIMISER = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 6, 5), nn.Linear(784, 10)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=lr)
    def forward(self, x):
        return self.fc(x.flatten(1))
"""


def test_an_optimiser_that_the_model_made_has_the_parameters_of_the_probe(evidence):
    loop = changed(
        ("optimizer = torch.optim.SGD(model.parameters(), lr=0.1)", "optimizer = model.optimizer")
    )
    assert complaint_of(evidence(loop, definition=MAKES_ITS_OPTIMISER)) == ""


def test_a_layer_that_the_model_froze_is_frozen(evidence):
    line = "        self.optimizer"
    frozen = MAKES_ITS_OPTIMISER.replace(line, "        self.conv.requires_grad_(False)\n" + line)
    assert "never change" in complaint_of(evidence(LOOP, definition=frozen))


def test_a_clock_that_ran_before_does_not_shorten_the_run(evidence):
    from grader.guest import losses as _losses

    _losses._since = 1.0  # as after a training that took long
    try:
        assert evidence(LOOP).steps > 60
    finally:
        _losses.clear()


def test_a_training_starts_where_its_first_step_does(notebook):
    drawn = BOOK.replace("d2l.init_cnn", "lambda m: [nn.init.ones_(p) for p in m.parameters()]")
    cells = drawn.replace("MAKE", "LeNet(lr=0.01)").replace("DATA", "d2l.FashionMNIST(64)")
    student = notebook(cells)
    facts = student.replay([2], ["*lenet*"], ["model"], probe=CLOTHES.probe, steps=5)
    assert all(bool((start == 1).all()) for start in facts.models[0].start)


def test_the_last_layer_is_the_last_part_whatever_is_nested_before_it():
    blocks = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), nn.Sequential(nn.Conv2d(4, 4, 3))
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(9, 9), nn.Linear(9, 10))
    parts = [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Linear(1, 1)]
    assert dress(model, parts) == [model]
    assert (model[0][0], model[-1]) == (parts[0], parts[2])
    assert sum(p.numel() for p in model.parameters()) == 6


@pytest.mark.parametrize("head", ["%%time", "# fit\n%%time\n%%capture out", "\n%%timeit -n 1 -r 1"])
def test_a_training_below_a_magic_is_a_training(evidence, head):
    assert complaint_of(evidence(head + LOOP)) == ""


@pytest.mark.parametrize("order", ["{other}\n{own}", "{own}\n{other}"])
def test_the_training_of_another_network_in_the_same_cell_does_not_run_again(notebook, order):
    other = (
        "layer = nn.Linear(2, 1)\nruns = 0\nfor X in torch.ones(3, 2):\n"
        "    layer(X).sum().backward()\n    layer.weight.data -= layer.weight.grad\n"
        "    assert layer.weight.shape == (1, 2)\n    counted.append(1)\n"
    )
    student = notebook("counted = []", order.format(other=other, own=LOOP_OF_ITS_OWN))
    found = evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert complaint_of(found) == ""
    assert [c.value for c in student.values("counted")][-1] == [1, 1, 1]


def test_methods_of_classes_are_as_they_were_after_a_replay(notebook):
    methods = "def summary(self):\n    return 3\nd2l.Classifier.summary = summary\n"
    same = "def same():\n    return d2l.Classifier.summary is summary\n"
    student = notebook(methods + LOOP_OF_ITS_OWN + same)
    evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))
    assert student.call("same").value is True
