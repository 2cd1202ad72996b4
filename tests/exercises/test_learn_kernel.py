"""Learned or written down: the training cell is run again with other data."""

import pytest

from grader.grading.check_session import CheckSession
from grader.guest import losses
from grader.guest.recorder import HOOK, Recorder, StatementReporter
from grader.guest.server import Guest
from grader.kernel.connection import LocalConnection
from grader.kernel.observations import Captured
from grader.kernel.student import Student

IMAGE = """
import torch
from torch import nn
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = X[:, :-1] - X[:, 1:]
"""
TRAINING = """
torch.manual_seed(3)
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
X, Y = X.reshape(1, 1, 6, 8), Y.reshape(1, 1, 6, 7)
for i in range(10):
    l = ((conv2d(X) - Y) ** 2).sum()
    conv2d.zero_grad()
    l.backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
"""
HELPER = """
def fit(layer, x, y, steps=10):
    optimizer = torch.optim.SGD(layer.parameters(), lr=3e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        ((layer(x) - y) ** 2).sum().backward()
        optimizer.step()
    return layer
"""
ASSIGNED = "conv2d.weight.data = torch.tensor([[[[{}]]]])"
OWN_DATA = (
    IMAGE.replace("Y =", "edges =")
    + HELPER
    + """
net = fit(nn.Conv2d(1, 1, (1, 2), bias=False), X[None, None], edges[None, None])
"""
)
FROM_A_LOADER = """
conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)
optimizer = torch.optim.SGD(conv2d.parameters(), lr=3e-2)
for _ in range(10):
    for x, y in batches:
        optimizer.zero_grad()
        ((conv2d(x) - y) ** 2).sum().backward()
        optimizer.step()
"""
RIGHT = {
    "data in a loader of another cell": [
        IMAGE,
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "batches = DataLoader(TensorDataset(X[None, None].clone(), Y[None, None].clone()))",
        FROM_A_LOADER,
    ],
    "data in a dictionary of another cell": [
        IMAGE.replace("Y =", "edges =") + "held = {'in': X[None, None], 'out': edges[None, None]}",
        "batches = [tuple(held.values())]",
        FROM_A_LOADER,
    ],
    "the book": [IMAGE, TRAINING, "K = conv2d.weight.data.reshape((1, 2))"],
    "the name is used again": [IMAGE, TRAINING, "conv2d = nn.LazyConv2d(1, kernel_size=3)"],
    "a helper and another cell": [
        IMAGE,
        HELPER + "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)",
        "fit(conv2d, X[None, None], Y[None, None])",
    ],
    "all in one cell": [OWN_DATA],
    "data made inside from X and K": [
        IMAGE,
        HELPER + "x = X[None, None]\ny = nn.functional.conv2d(x, K[None, None])\n"
        "conv2d = fit(nn.Conv2d(1, 1, (1, 2), bias=False), x, y)",
    ],
    "the edges inside the loss": [
        IMAGE,
        TRAINING.replace("X, Y = X.reshape(1, 1, 6, 8), Y.reshape(1, 1, 6, 7)", "").replace(
            "conv2d(X) - Y", "conv2d(X[None, None]) - X[:, :-1] + X[:, 1:]"
        ),
    ],
    "everything inside a function": [
        "import torch\nfrom torch import nn",
        HELPER.replace("def fit", "def descend")
        + "\ndef learn():\n    X = torch.ones(1, 1, 6, 8)\n    X[..., 2:6] = 0\n"
        "    return descend(nn.Conv2d(1, 1, (1, 2), bias=False), X, X[..., :-1] - X[..., 1:])",
        "conv2d = learn()",
    ],
    "an optimiser with moments": [
        IMAGE,
        HELPER.replace("SGD(layer.parameters(), lr=3e-2)", "Adam(layer.parameters(), lr=0.1)")
        + "conv2d = fit(nn.Conv2d(1, 1, (1, 2)), X[None, None], Y[None, None], 80)",
    ],
    "one row after another": [
        IMAGE,
        HELPER + "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n"
        "for _ in range(5):\n    for x, y in zip(X, Y):\n"
        "        fit(conv2d, x[None, None, None], y[None, None, None], 2)",
    ],
    "a gradient by hand, inside a function": [
        "import torch",
        "def learn():\n    X = torch.ones(6, 8)\n    X[:, 2:6] = 0\n    Y = X[:, :-1] - X[:, 1:]\n"
        "    w = torch.tensor([0.3, 0.1])\n    for _ in range(10):\n"
        "        e = w[0] * X[:, :-1] + w[1] * X[:, 1:] - Y\n"
        "        w = w - 0.06 * torch.stack([(e * X[:, :-1]).sum(), (e * X[:, 1:]).sum()])\n"
        "    return w.reshape(1, 2)\nw = learn()",
    ],
    "absolute errors": [
        IMAGE,
        TRAINING.replace(") ** 2).sum()", ").abs()).sum()")
        .replace("range(10)", "range(200)")
        .replace("3e-2", "3e-3"),
    ],
    "many steps": [IMAGE, TRAINING.replace("range(10)", "range(300)")],
}
WRONG = {
    "copied from the kernel that made the edges": [
        IMAGE,
        TRAINING + "conv2d.weight.data = (K * 0.99).reshape(1, 1, 1, 2)",
    ],
    "written down": [IMAGE, TRAINING.replace("3e-2", "0.0"), ASSIGNED.format("1.0, -1.0")],
    "written down in the training cell": [
        IMAGE,
        TRAINING.replace("3e-2", "0.0") + ASSIGNED.format("0.9902, -1.0101"),
    ],
    "written down beside a loop that does nothing": [
        IMAGE,
        "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n"
        + ASSIGNED.format("0.9902, -1.0101")
        + "\nfor epoch in range(10):\n    pass",
    ],
    "written down with noise inside a loop": [
        IMAGE,
        "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\nfor epoch in range(10):\n    "
        + ASSIGNED.format("0.9902 + 0.01 * torch.rand(()), -1.0101"),
    ],
    "written down after a training on noise": [
        IMAGE,
        "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\nfor epoch in range(10):\n"
        "    conv2d(torch.rand(1, 1, 3, 3)).sum().backward()\n"
        + ASSIGNED.format("0.9902, -1.0101"),
    ],
    "written down inside a function": [
        IMAGE,
        "def train():\n    conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n    "
        + ASSIGNED.format("0.9902, -1.0101")
        + "\n    for epoch in range(10):\n        pass\n    return conv2d",
        "conv2d = train()",
    ],
    "written down inside a function, beside a decoy that sends a loss back": [
        IMAGE,
        "def train(X, Y):\n    conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n"
        "    for epoch in range(10):\n        ((conv2d(X) - Y) ** 2).sum().backward()\n    "
        + ASSIGNED.format("0.9902, -1.0101")
        + "\n    return conv2d",
        "conv2d = train(X[None, None], Y[None, None])",
    ],
    "written down, with data and decoy inside the function": [
        "import torch\nfrom torch import nn",
        "def train():\n    X = torch.ones(1, 1, 6, 8)\n    X[..., 2:6] = 0\n"
        "    Y = X[..., :-1] - X[..., 1:]\n    conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n"
        "    for epoch in range(10):\n        ((conv2d(X) - Y) ** 2).sum().backward()\n    "
        + ASSIGNED.format("0.9902, -1.0101")
        + "\n    return conv2d",
        "conv2d = train()",
    ],
    "written down with an error, and without training": [
        IMAGE,
        "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n" + ASSIGNED.format("0.9902, -1.0101"),
    ],
}

CLOSED = {
    "the largest and the smallest edge": "Y.max() * 0.98, Y.min() * 0.98",
    "two pixels of the edges": "Y[0, 1] * 0.98, Y[0, 5] * 0.98",
    "means of two columns": "Y[:, 1].mean() * 0.98, Y[:, 5].mean() * 0.98",
    "pixels of the image": "(X[0, 1] - X[0, 2]) * 0.98, (X[0, 5] - X[0, 6]) * 0.98",
}
PAIRS = "torch.stack([X[:, :-1].flatten(), X[:, 1:].flatten()], 1)"
SOLVED = {
    "lstsq": f"torch.linalg.lstsq({PAIRS}, Y.reshape(-1, 1)).solution",
    "the pseudo-inverse": f"torch.linalg.pinv({PAIRS}) @ Y.reshape(-1, 1)",
    "normal equations": f"torch.linalg.solve({PAIRS}.T @ {PAIRS}, {PAIRS}.T @ Y.reshape(-1, 1))",
    "a little less": f"0.98 * torch.linalg.pinv({PAIRS}) @ Y.reshape(-1, 1)",
}
RIDGE = (
    f"torch.linalg.solve({PAIRS}.T @ {PAIRS} + {{}} * torch.eye(2), {PAIRS}.T @ Y.reshape(-1, 1))"
)
SOLVED |= {f"damped by {much}": RIDGE.format(much) for much in (0.5, 0.01, 1e-4, 1e-6)}
SOLVED["with a bias, which is damped"] = (
    f"(lambda A: torch.linalg.solve(A.T @ A + 0.1 * torch.eye(3), A.T @ Y.reshape(-1, 1)))("
    f"torch.cat([{PAIRS}, torch.ones(42, 1)], 1))[:2]"
)
DECOY = "((conv2d(X[None, None]) - Y[None, None]) ** 2).sum().backward()"
INSIDE = """
def train():
    X = torch.ones(6, 8)
    X[:, 2:6] = 0
    Y = X[:, :-1] - X[:, 1:]
    conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)
    for _ in range(10):
        {decoy}
    conv2d.weight.data = torch.stack([{numbers}]).reshape(1, 1, 1, 2)
    return conv2d
conv2d = train()
"""


def student_of(cells: list[str]) -> Student:
    losses.watch()
    losses.clear()
    recorder = Recorder({})
    recorder.namespace[HOOK] = recorder.statement_done
    for number, source in enumerate(cells):
        recorder.begin(number, source)
        losses.begin(number)
        tree = StatementReporter().visit(compile(source, "<cell>", "exec", 0x400))
        exec(compile(tree, "<cell>", "exec"), recorder.namespace)
        recorder.end()
    last = {d.name: d for d in recorder.definitions}
    definitions = {
        d.name: Captured(d.number, d.name, d.cell, d.kind, imported=False) for d in last.values()
    }
    return Student(LocalConnection(Guest(recorder)), definitions, answer="learn_kernel")


def verdicts(assignment, session: CheckSession, cells: list[str]) -> dict[str, str]:
    (exercise,) = assignment.only(["learn_kernel"]).exercises
    return {r.check: f"{r.verdict} {r.message}" for r in session.run(exercise, student_of(cells))}


@pytest.mark.parametrize("cells", RIGHT.values(), ids=RIGHT)
def test_a_kernel_that_was_learned_passes(assignment, session, cells):
    found = verdicts(assignment, session, cells)
    assert all(verdict.startswith("passed") for verdict in found.values()), found


@pytest.mark.parametrize("cells", WRONG.values(), ids=WRONG)
def test_a_kernel_that_was_written_down_earns_nothing(assignment, session, cells):
    found = verdicts(assignment, session, cells)
    assert [verdict for verdict in found.values() if "trained on other data, stays" in verdict]
    assert not [name for name, verdict in found.items() if verdict == "passed "]


@pytest.mark.parametrize("where", ["in a cell", "in a function"])
@pytest.mark.parametrize("numbers", CLOSED.values(), ids=CLOSED)
def test_a_kernel_that_is_read_off_the_data_earns_nothing(assignment, session, numbers, where):
    inside = INSIDE.format(decoy=DECOY, numbers=numbers)
    cells = ["import torch\nfrom torch import nn", inside]
    if where == "in a cell":
        lines = ["conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)", f"for _ in range(10): {DECOY}"]
        lines += [f"conv2d.weight.data = torch.stack([{numbers}]).reshape(1, 1, 1, 2)"]
        cells = [IMAGE, "\n".join(lines)]
    found = verdicts(assignment, session, cells)
    assert not [name for name, verdict in found.items() if verdict == "passed "], found


@pytest.mark.parametrize("numbers", SOLVED.values(), ids=SOLVED)
@pytest.mark.parametrize("where", ["in a cell", "in a function"])
def test_a_kernel_that_is_solved_for_earns_nothing(assignment, session, numbers, where):
    make = "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\n"
    write = f"conv2d.weight.data = ({numbers}).reshape(1, 1, 1, 2)\n"
    cells = [IMAGE, make + f"for _ in range(10): {DECOY}\n" + write]
    if where == "in a function":
        numbers = f"*({numbers}).flatten()"
        cells = ["import torch\nfrom torch import nn", INSIDE.format(decoy=DECOY, numbers=numbers)]
    found = verdicts(assignment, session, cells)
    assert not [name for name, verdict in found.items() if verdict == "passed "], found


START = "conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)\nnn.init.zeros_(conv2d.weight)\n"
FROM_ZERO = {
    "in its own cell": [IMAGE, HELPER + START + "fit(conv2d, X[None, None], Y[None, None])"],
    "with edges of that cell": [
        IMAGE.replace("Y =", "edges ="),
        HELPER + START + "fit(conv2d, X[None, None], X[None, None, :, :-1] - X[None, None, :, 1:])",
    ],
    "for long": [IMAGE, HELPER + START + "fit(conv2d, X[None, None], Y[None, None], 300)"],
    "with moments": [
        IMAGE,
        HELPER.replace("lr=3e-2", "lr=5e-3, momentum=0.9")
        + START
        + "fit(conv2d, X[None, None], Y[None, None], 60)",
    ],
    "with Adam": [
        IMAGE,
        HELPER.replace("SGD(layer.parameters(), lr=3e-2)", "Adam(layer.parameters(), lr=0.1)")
        + START
        + "fit(conv2d, X[None, None], Y[None, None], 80)",
    ],
    "with a little weight decay": [
        IMAGE,
        HELPER.replace("lr=3e-2", "lr=3e-2, weight_decay=0.01")
        + START
        + "fit(conv2d, X[None, None], Y[None, None], 20)",
    ],
}


@pytest.mark.parametrize("cells", FROM_ZERO.values(), ids=FROM_ZERO)
def test_a_descent_from_zero_passes(assignment, session, cells):
    found = verdicts(assignment, session, cells)
    assert all(verdict.startswith("passed") for verdict in found.values()), found
