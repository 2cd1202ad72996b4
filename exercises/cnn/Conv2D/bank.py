"""Known answers to `Conv2D`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite
from reference import corr2d

KERNEL = "test_the_kernel_is_a_parameter"
BIAS = "test_the_bias_is_a_parameter_that_starts_at_0"
RANDOM = "test_the_kernel_starts_at_random"
FORWARD = "test_forward"
GRADIENTS = "test_gradients_reach_every_parameter"
CHANGES = "test_a_call_changes_nothing"


@rewrite
class AsInTheBook(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        h, w = self.weight.shape
        Y = torch.zeros((x.shape[0] - h + 1, x.shape[1] - w + 1))
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i, j] = (x[i : i + h, j : j + w] * self.weight).sum()
        return Y + self.bias


@rewrite
class BiasFirstAndOtherNames(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.b = nn.Parameter(torch.zeros(1))
        self.kernel = nn.Parameter(torch.randn(*size) * 0.1)

    def forward(self, X):
        return corr2d(X, self.kernel) + self.b


@rewrite
class WithTheLibrary(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x):
        return F.conv2d(x[None, None], self.weight[None, None], self.bias)[0, 0]


@rewrite
class RegistersByHand(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        h, w = kernel_size
        self.register_parameter("weight", nn.Parameter(torch.normal(0, 1, (h, w))))
        self.register_parameter("bias", nn.Parameter(torch.tensor([0.0])))

    def forward(self, x):
        h, w = self.weight.shape
        windows = x.unfold(0, h, 1).unfold(1, w, 1)
        return torch.einsum("ijab,ab->ij", windows, self.weight) + self.bias


@rewrite
class ParametersInAPart(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.numbers = nn.ParameterDict(
            {"w": nn.Parameter(torch.rand(kernel_size)), "b": nn.Parameter(torch.zeros(1))}
        )

    def forward(self, x):
        return corr2d(x, self.numbers["w"]) + self.numbers["b"]


@mistake(
    "a new layer has no kernel among its parameters",
    hint="An optimiser finds what __init__ makes as nn.Parameter: neither a plain tensor, nor a "
    "kernel that forward makes anew.",
    caught_by=(KERNEL, RANDOM, FORWARD, CHANGES, GRADIENTS),
)
class KernelIsATensor(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = torch.rand(kernel_size)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "no bias is among the parameters",
    hint="forward adds a number that is learned too; a plain tensor is not found by an optimiser.",
    caught_by=BIAS,
)
class BiasIsATensor(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = torch.zeros(1)

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "there is no bias",
    hint="forward adds a number that is learned too.",
    caught_by=BIAS,
    named=False,  # from outside it is like a bias of 0 that is no parameter
)
class NoBias(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))

    def forward(self, x):
        return corr2d(x, self.weight)


@mistake(
    "the bias has no axis",
    hint="torch.zeros(1) has shape (1,), torch.tensor(0.0) has shape ().",
    caught_by=BIAS,
)
class ScalarBias(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "the bias starts at a random number",
    hint="The bias starts at 0.",
    caught_by=BIAS,
)
class RandomBias(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.rand(1) + 0.1)

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "the kernel starts at 0",
    hint="A kernel of equal numbers learns them all alike: draw it at random.",
    caught_by=RANDOM,
)
class ZeroKernel(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "the bias is not added",
    hint="forward uses both parameters.",
    caught_by=(FORWARD, GRADIENTS),
)
class ForgetsTheBias(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight)


@mistake(
    "the bias is subtracted",
    hint="forward adds the bias.",
    caught_by=FORWARD,
)
class SubtractsTheBias(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) - self.bias


@mistake(
    "the kernel is applied flipped",
    hint="That is a true convolution. Here the kernel lies on the image as it is.",
    caught_by=FORWARD,
)
class FlipsTheKernel(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight.flip(0, 1)) + self.bias


@mistake(
    "gradients do not reach the kernel",
    hint="Use the parameter itself in forward, not its .data or a detached copy.",
    caught_by=GRADIENTS,
)
class DetachesTheKernel(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight.data) + self.bias


@mistake(
    "gradients do not reach the parameters",
    hint="What takes the result out of the graph: no_grad, .data, .detach(), .numpy()?",
    caught_by=GRADIENTS,
)
class ComputesWithoutGradients(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    @torch.no_grad()
    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "the kernel is always square, for any kernel_size",
    hint="kernel_size is a pair: height and width.",
    caught_by=FORWARD,
)
class SquareKernel(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size[0], kernel_size[0]))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "a new kernel is drawn in every call",
    hint="forward uses the kernel that the layer holds.",
    caught_by=(FORWARD, CHANGES, GRADIENTS),
)
class DrawsANewKernel(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, torch.rand(self.kernel_size)) + self.bias


@mistake(
    "the result goes through an activation",
    hint="A convolutional layer is linear; an activation is a layer of its own.",
    caught_by=FORWARD,
)
class AddsAnActivation(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return F.relu(corr2d(x, self.weight) + self.bias)


@mistake(
    "the layer expects axes of batch and channel",
    hint="x is a matrix (H, W), and so is the result.",
    caught_by=(KERNEL, BIAS, RANDOM, FORWARD, CHANGES, GRADIENTS),
)
class WrapsTheLibraryLayer(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, kernel_size)

    def forward(self, x):
        return self.layer(x)


@mistake(
    "the kernel has axes of batch and channel",
    hint="The parameter has the shape kernel_size; add axes in forward where you need them.",
    caught_by=KERNEL,
)
class KernelWithFourAxes(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(1, 1, *kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return F.conv2d(x[None, None], self.weight, self.bias)[0, 0]


@mistake(
    "the constructor does not start the module",
    hint="Call super().__init__() before the parameters are made.",
    caught_by=(KERNEL, BIAS, RANDOM, FORWARD, GRADIENTS, CHANGES),
)
class ForgetsTheBase(nn.Module):
    def __init__(self, kernel_size):
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


@mistake(
    "the layer computes nothing yet",
    hint="Write forward(self, x).",
    caught_by=(KERNEL, BIAS, RANDOM, FORWARD, CHANGES, GRADIENTS),
)
class NoForward(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))


@mistake(
    "the kernel starts as numbers that count up",
    hint="Draw it at random.",
    caught_by=RANDOM,
)
class CountsUp(AsInTheBook):
    def __init__(self, kernel_size):
        super().__init__(kernel_size)
        h, w = kernel_size
        self.weight = nn.Parameter(torch.arange(float(h * w)).reshape(h, w))


@mistake(
    "the image is changed by the call",
    hint="x += ... writes into the caller's tensor.",
    caught_by=CHANGES,
)
class WritesIntoTheImage(AsInTheBook):
    def forward(self, x):
        y = super().forward(x.clone())
        x += 1
        return y


_kernels: dict[tuple[int, ...], nn.Parameter] = {}


@mistake(
    "all layers of one size have one kernel",
    hint="Make the parameters inside __init__, in every layer anew.",
    caught_by=CHANGES,
)
class SharesItsKernel(AsInTheBook):
    def __init__(self, kernel_size):
        super().__init__(kernel_size)
        self.weight = _kernels.setdefault(tuple(kernel_size), self.weight)
