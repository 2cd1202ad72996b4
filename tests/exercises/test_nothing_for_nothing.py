"""An answer that does nothing earns nothing, in any exercise."""

import pytest
import torch
from torch import nn

from grader.course import load_assignment
from reference import RESNET18

ASSIGNMENT = load_assignment("cnn")
CALLED = [e.name for e in ASSIGNMENT.exercises if e.kind not in ("values", "answers")]


def raises(*_args, **_options):
    raise NotImplementedError


def gives_nothing(*_args, **_options):
    return None


def gives_zeros(*_args, **_options):
    return torch.zeros(2, 2)


def gives_a_number(*_args, **_options):
    return 1.0


def gives_its_first_argument(*args, **_options):
    return args[0] if args else None


def gives_its_last_argument(*args, **_options):
    return args[-1] if args else None


def takes_one_argument(_one):
    return None


def shape_of_result(args):
    """The rows and columns that two tensors, or a tensor and a window, give."""
    found = [a for a in args if isinstance(a, torch.Tensor)]
    windows = [a for a in args if isinstance(a, tuple) and len(a) == 2]
    if not found:
        return (1,)
    rows, columns = found[1].shape[-2:] if len(found) > 1 else (windows or [(2, 2)])[0]
    height, width = found[0].shape[-2:]
    return (*found[0].shape[:-2], height - rows + 1, width - columns + 1)


def gives_zeros_of_the_right_shape(*args, **_options):
    return torch.zeros(shape_of_result(args))


def gives_random_numbers(*args, **_options):
    return torch.randn(shape_of_result(args))


def gives_nan(*args, **_options):
    return torch.full(shape_of_result(args), torch.nan)


def gives_a_part_of_its_input(*args, **_options):
    rows, columns = [*(1, 1), *shape_of_result(args)][-2:]
    return args[0][..., :rows, :columns].clone()


def gives_the_mean(*args, **_options):
    return args[0].mean().expand(shape_of_result(args)).clone()


FIRST = []


def gives_its_first_answer(*args, **_options):
    FIRST.append(torch.ones(shape_of_result(args)))
    return FIRST[0]


def gives_an_empty_layer(*_args, **_options):
    return nn.Identity()


class HasAKernelAndGivesZeros(nn.Module):
    def __init__(self, size=(2, 2), *_args, lr=0.1, **_options):
        super().__init__()
        self.lr = lr
        self.weight = nn.Parameter(torch.zeros(2, 2))

    def forward(self, x):
        return torch.zeros(shape_of_result((x, self.weight)))


class CannotBeMade(nn.Module):
    def __init__(self, *_args, **_options):
        super().__init__()
        raise NotImplementedError


class CannotBeCalled(nn.Module):
    def __init__(self, *_args, lr=0.1, **_options):
        super().__init__()
        self.lr = lr
        self.weight, self.bias = nn.Parameter(torch.rand(2, 2)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        raise NotImplementedError


class GivesItsInput(nn.Module):
    def __init__(self, *_args, lr=0.1, **_options):
        super().__init__()
        self.lr = lr

    def forward(self, x):
        return x


class GivesOneRow(nn.Module):
    def __init__(self, *_args, lr=0.1, num_classes=10, **_options):
        super().__init__()
        self.lr, self.row = lr, nn.Parameter(torch.zeros(num_classes))

    def forward(self, x):
        return self.row.expand(len(x), -1)


@pytest.mark.parametrize(
    "answer",
    [
        raises, gives_nothing, gives_zeros, gives_a_number, gives_its_first_argument,
        gives_its_last_argument, takes_one_argument, gives_zeros_of_the_right_shape,
        gives_random_numbers, gives_nan, gives_a_part_of_its_input, gives_the_mean,
        gives_its_first_answer, gives_an_empty_layer,
        HasAKernelAndGivesZeros, CannotBeMade, CannotBeCalled, GivesItsInput, GivesOneRow,
    ],
)  # fmt: skip
@pytest.mark.parametrize("exercise", CALLED)
def test_an_answer_that_does_nothing_earns_nothing(grade_in_process, exercise, answer):
    results = grade_in_process(exercise, answer)
    assert [r.check for r in results if r.verdict == "passed"] == []
    assert not [r for r in results if r.verdict == "broken"]


class AnotherNetwork(nn.Module):
    """Keeps its rate, has as many logits as asked for, and learns: any network may."""

    def __init__(self, *_args, lr=0.1, num_classes=10, **_options):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(
            nn.LazyConv2d(4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
            nn.LazyLinear(num_classes),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


class AnotherBlock(nn.Module):
    """Has the shapes of a block, with another kernel."""

    def __init__(self, *numbers, strides=1, **_options):
        super().__init__()
        is_vgg = len(numbers) > 1
        self.conv = nn.LazyConv2d(numbers[-1], 1, stride=2 if is_vgg else strides)

    def forward(self, x):
        return self.conv(x)


class PlainBlock(nn.Module):
    """Two convolutions with batch norm, to which nothing is added."""

    def __init__(self, channels, stride=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(channels, 3, padding=1, stride=stride)
        self.conv2 = nn.LazyConv2d(channels, 3, padding=1)
        self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class WithoutShortcuts(nn.Module):
    def __init__(self, arch=RESNET18, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        arch = RESNET18 if isinstance(arch, float) else arch
        layers = [nn.LazyConv2d(64, 7, stride=2, padding=3), nn.LazyBatchNorm2d(), nn.ReLU()]
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        for i, (count, channels) in enumerate(arch):
            layers += [PlainBlock(channels, 2 if i and not j else 1) for j in range(count)]
        last = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes))
        self.net = nn.Sequential(*layers, *last)

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        *((name, AnotherNetwork) for name in ("LeNet", "VGG", "ResNet", "ResNet18")),
        *((name, AnotherBlock) for name in ("vgg_block", "Residual")),
        *((name, WithoutShortcuts) for name in ("ResNet", "ResNet18")),
    ],
)
def test_a_network_of_another_kind_earns_nothing_for_what_any_network_has(
    grade_in_process, exercise, answer
):
    results = grade_in_process(exercise, answer)
    assert [r.check for r in results if r.verdict == "passed"] == []


def test_values_of_another_section_are_no_attempt_at_edge_detection(grade_cells):
    cells = (
        "import torch\nfrom torch import nn",
        "conv2d = nn.LazyConv2d(1, kernel_size=3, padding=1)\nX = torch.rand(8, 8)",
        "K = torch.tensor([[0.0, 1.0], [2.0, 3.0]])\nY = conv2d(X[None, None])",
    )
    results = grade_cells("edge_detection", *cells)
    assert {str(r.verdict) for r in results} == {"missing", "skipped"}


def test_a_kernel_that_stands_in_the_call_is_right_where_the_edges_are(grade_cells):
    cells = (
        "import torch\nX = torch.ones(6, 8)\nX[:, 2:6] = 0",
        "Y = torch.nn.functional.conv2d(X[None, None], torch.tensor([[[[1.0, -1.0]]]]))[0, 0]",
    )
    assert {str(r.verdict) for r in grade_cells("edge_detection", *cells)} == {"passed"}
