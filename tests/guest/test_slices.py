"""The statements of a cell that one of its names depends on, and no others."""

from __future__ import annotations

import ast

import pytest

from grader.guest.slices import slice_of

KERNEL = """\
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
conv2d = nn.Conv2d(1, 1, (1, 2))
X = X.reshape(1, 1, 6, 8)
lr = 3e-2
for i in range(10):
    l = ((conv2d(X) - Y) ** 2).sum()
    conv2d.weight.data -= lr * conv2d.weight.grad
"""
NETWORK = """\
net = Net()
optimizer = SGD(net.parameters(), lr)
for X, Y in loader:
    l = loss(net(X), Y)
    l.backward()
    optimizer.step()
"""


def kept(source: str, name: str) -> str:
    tree = ast.parse(source)
    tree.body = slice_of(tree, name.__eq__, lambda n: n in ("loader", "data"))
    return ast.unparse(tree)


def normal(source: str) -> str:
    return ast.unparse(ast.parse(source))


def test_the_training_of_another_network_does_not_run_again():
    assert kept(KERNEL + NETWORK, "conv2d") == normal(KERNEL)


def test_neither_does_one_that_comes_before():
    assert kept("lr = 0.1\n" + NETWORK + KERNEL, "conv2d") == normal(KERNEL)


@pytest.mark.parametrize(
    "training",
    [
        "optimizer = SGD(model.parameters())\nl = model(3)\nl.backward()\noptimizer.step()\n",
        "train(model, data)\n",
        "model.bias = 0\n",
        "def step():\n    model.weight -= 1\nfor _ in range(3):\n    step()\n",
        "alias = model\nalias.update()\n",
        "parts = [model, 3]\nparts[0].update()\n",
        "with torch.no_grad():\n    model.weight += 1\n",
    ],
)
def test_all_that_changes_an_object_runs_again(training):
    source = f"other = loader[0]\nmodel = Model()\n{training}"
    assert kept(source, "model") == normal(source.partition("\n")[2])


def test_methods_that_are_added_to_its_class_belong_to_a_model():
    source = (
        "class Net: pass\n@add_to_class(Net)\ndef forward(self): pass\n"
        "class Other: pass\n@add_to_class(Other)\ndef backward(self): pass\nmodel = Net()\n"
    )
    assert "def forward" in kept(source, "model")
    assert "Other" not in kept(source, "model")


def test_settings_are_made_again():
    assert kept("torch.manual_seed(0)\nx = 1\ny = torch.rand(2)\n", "y").startswith("torch.manual")


@pytest.mark.parametrize("source", ["exec('y = 1')\nx = 2\n", "a = 1\n", "globals()['y'] = 2\n"])
def test_a_cell_that_binds_the_name_in_no_statement_runs_as_a_whole(source):
    assert kept(source, "y") == normal(source)
