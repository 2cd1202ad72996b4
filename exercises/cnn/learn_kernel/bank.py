"""Known answers to the learned kernel: what cells leave that train it well, or badly.

Every answer is a function that returns the names and values of the notebook after its cells.
"""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import edge_image, edge_kernel, edges

NEAR = "test_learns_the_kernel_of_the_edge_detector"


def image():
    return edge_image().reshape(1, 1, 6, 8)


def answers():
    return edges().reshape(1, 1, 6, 7)


def layer(start=(0.3, 0.2), **options):
    """Make the layer of the exercise with a start of its own, so that a bank is the same always."""
    conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False, **options)
    conv2d.weight.data = torch.tensor(start, dtype=conv2d.weight.dtype).reshape(1, 1, 1, 2)
    return conv2d


def train(conv2d, X, Y, *, lr=3e-2, steps=10, reduce=torch.sum):
    for _ in range(steps):
        error = reduce((conv2d(X) - Y) ** 2)
        conv2d.zero_grad()
        error.backward()
        conv2d.weight.data[:] -= lr * conv2d.weight.grad
    return conv2d


@rewrite
def as_in_the_book():
    X, K, Y = image(), edge_kernel(), answers()
    return {"X": X, "K": K, "Y": Y, "conv2d": train(layer(), X, Y), "lr": 3e-2}


@rewrite
def with_an_optimiser_and_another_name():
    X, Y, net = image(), answers(), layer((-0.6, 0.7))
    optimizer = torch.optim.SGD(net.parameters(), lr=3e-2)
    for _ in range(10):
        optimizer.zero_grad()
        F.mse_loss(net(X), Y, reduction="sum").backward()
        optimizer.step()
    return {"X": X, "Y": Y, "my_layer": net}


@rewrite
def a_tensor_trained_by_hand():
    X, Y = image(), answers()
    w = torch.tensor([[0.1, 0.5]], requires_grad=True)
    for _ in range(12):
        loss = ((F.conv2d(X, w[None, None]) - Y) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            w -= 3e-2 * w.grad
            w.grad.zero_()
    return {"K": edge_kernel(), "w": w.detach()}


@rewrite
def in_float64_and_many_steps():
    return {"conv2d": train(layer().double(), image().double(), answers().double(), steps=60)}


@rewrite
def a_module_with_a_bias_of_its_own():
    class Conv2D(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[0.2, 0.4]]))
            self.bias = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return F.conv2d(x, self.weight[None, None]) + self.bias

    return {"model": train(Conv2D(), image(), answers())}


@rewrite
def in_a_sequential():
    net = nn.Sequential(layer())
    optimizer = torch.optim.SGD(net.parameters(), lr=3e-2)
    for _ in range(10):
        optimizer.zero_grad()
        ((net(image()) - answers()) ** 2).sum().backward()
        optimizer.step()
    return {"net": net}


@rewrite
def the_name_is_used_again_later():
    learned = train(layer(), image(), answers())
    return {"conv2d": learned, "later": nn.LazyConv2d(1, kernel_size=3, padding=1)}


@mistake(
    "the kernel was written down, not learned",
    hint="Start from random numbers and let the gradient move them.",
    caught_by=NEAR,
)
def assigned():
    return {"X": image(), "Y": answers(), "conv2d": layer((1.0, -1.0))}


@mistake(
    "the layer was not trained",
    hint="Has the loop run, and does it change conv2d.weight.data?",
    caught_by=NEAR,
)
def untrained():
    return {"X": image(), "Y": answers(), "conv2d": layer()}


@mistake(
    "the steps go up the gradient",
    hint="A descent subtracts the gradient.",
    caught_by=NEAR,
)
def climbs():
    return {"conv2d": train(layer(), image(), answers(), lr=-3e-2)}


@mistake(
    "two steps are too few",
    hint="The book takes ten.",
    caught_by=NEAR,
)
def stops_early():
    return {"conv2d": train(layer(), image(), answers(), steps=2)}


@mistake(
    "the learning rate is so large that the kernel runs away",
    hint="The loss must fall from step to step.",
    caught_by=NEAR,
)
def diverges():
    return {"conv2d": train(layer(), image(), answers(), lr=0.3)}


@mistake(
    "the learning rate is too small for ten steps",
    hint="The book's is 3e-2.",
    caught_by=NEAR,
)
def creeps():
    return {"conv2d": train(layer(), image(), answers(), lr=3e-3)}


@mistake(
    "the error is averaged in place of summed",
    hint="With an average over 42 numbers each step is 42 times shorter.",
    caught_by=NEAR,
)
def averages_the_error():
    return {"conv2d": train(layer(), image(), answers(), reduce=torch.mean)}


@mistake(
    "the edges were given with the wrong sign",
    hint="Compare Y with the Y of the edge detector.",
    caught_by=NEAR,
)
def learns_the_opposite():
    return {"conv2d": train(layer(), image(), -answers())}


@mistake(
    "gradients add up from step to step",
    hint="Set them to zero before each backward.",
    caught_by=NEAR,
)
def forgets_to_zero_the_gradient():
    conv2d = layer()
    for _ in range(10):
        ((conv2d(image()) - answers()) ** 2).sum().backward()
        conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
    return {"conv2d": conv2d}


@mistake(
    "the layer learned from an output that is 0 everywhere",
    hint="The kernel sees vertical edges only: was the image transposed?",
    caught_by=NEAR,
)
def learns_nothing_to_see():
    return {"conv2d": train(layer(), image(), torch.zeros(1, 1, 6, 7))}


@mistake(
    "the convolution has another size",
    hint="The kernel is one row and two columns.",
    caught_by=NEAR,
)
def another_size():
    conv2d = nn.Conv2d(1, 1, kernel_size=(1, 3), padding=(0, 1), bias=False)
    return {"conv2d": conv2d, "Y": answers()}


@mistake(
    "there is only the kernel of the edge detector",
    hint="Train a convolution with a kernel of one row and two columns.",
    caught_by=NEAR,
)
def only_the_given_kernel():
    return {"X": image(), "K": edge_kernel(), "Y": answers()}


@mistake(
    "the convolution goes down the columns",
    hint="Vertical edges lie between neighbours of one row: the kernel is (1, 2), not (2, 1).",
    caught_by=NEAR,
)
def goes_down_the_columns():
    conv2d = nn.Conv2d(1, 1, kernel_size=(2, 1), bias=False)
    conv2d.weight.data = torch.tensor([0.3, 0.2]).reshape(1, 1, 2, 1)
    X, Y = image().transpose(2, 3), answers().transpose(2, 3)
    return {"conv2d": train(conv2d, X, Y)}


@mistake(
    "the layer is made anew after it has learned",
    hint="Which object does conv2d name when the cell ends?",
    caught_by=NEAR,
    named=False,
)
def made_anew():
    make = "nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)"
    training = f"""
conv2d = {make}
conv2d.weight.data[:] = 0.2
X, Y = X.reshape(1, 1, 6, 8), Y.reshape(1, 1, 6, 7)
for _ in range(10):
    conv2d.zero_grad()
    ((conv2d(X) - Y) ** 2).sum().backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
trained = 1
conv2d = {make}
conv2d.weight.data[:] = 0.3
"""
    image = "import torch\nfrom torch import nn\nX = torch.ones(6, 8)\nX[:, 2:6] = 0\n"
    return image + "Y = X[:, :-1] - X[:, 1:]", training


@mistake(
    "the kernel is solved for, without a descent",
    hint="The exercise asks for ten steps of gradient descent.",
    caught_by=NEAR,
    named=False,
)
def solved_for():
    image = "import torch\nfrom torch import nn\nX = torch.ones(6, 8)\nX[:, 2:6] = 0\n"
    pairs = "torch.stack([X[:, :-1].flatten(), X[:, 1:].flatten()], dim=1)"
    solution = f"torch.linalg.lstsq({pairs}, Y.reshape(-1, 1)).solution"
    layer = "conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)\n"
    write = f"conv2d.weight.data = {solution}.reshape(1, 1, 1, 2)"
    return image + "Y = X[:, :-1] - X[:, 1:]", layer + write
