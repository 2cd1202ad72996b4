"""Answers in forms that the banks lack: right ones keep all points, wrong ones do not."""

import pytest

START = """
import torch
from torch import nn
from torch.nn import functional as F
from d2l import torch as d2l
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""
CORR2D = """
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y
"""
LENET = """
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        layers = [nn.LazyConv2d(6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)]
        layers += [nn.LazyConv2d(16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()]
        for width in (120, 84):
            layers += [nn.LazyLinear(width), nn.Sigmoid()]
        self.net = nn.Sequential(*layers, nn.LazyLinear(num_classes))
        self.to(d2l.try_gpu())
"""
LEARNED = """
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False).to(device)
X = torch.ones(6, 8, device=device)
X[:, 2:6] = 0
Y = (X[:, :-1] - X[:, 1:]).reshape(1, 1, 6, 7)
X = X.reshape(1, 1, 6, 8)
for step in range(20):
    loss = ((conv2d(X) - Y) ** 2).sum()
    conv2d.zero_grad()
    loss.backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
"""
RESIDUAL = """
class Residual(nn.Module):
    def __init__(self, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.LazyConv2d(num_channels, 3, padding=1, stride=strides)
        self.conv2 = nn.LazyConv2d(num_channels, 3, padding=1)
        one = nn.LazyConv2d(num_channels, 1, stride=strides)
        self.conv3 = one if use_1x1conv else None
        self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()
        self.to(device)

    def forward(self, X):
        Y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))
        if self.conv3 is not None:
            X = self.conv3(X)
        return F.relu(Y + X)
"""
VGG = """
def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.LazyConv2d(out_channels, kernel_size=3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))

class VGG(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        blocks = [vgg_block(*each) for each in arch]
        self.net = nn.Sequential(
            *blocks, nn.Flatten(),
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),
            nn.LazyLinear(num_classes))
"""
CONV2D = """
class Conv2D(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias
"""
MULTI_IN = """
def corr2d_multi_in(X, K):
    c, kh, kw = K.shape
    columns = F.unfold(X[None], (kh, kw))
    return (K.reshape(1, -1) @ columns[0]).view(X.shape[1] - kh + 1, X.shape[2] - kw + 1)
"""
AVG_POOL = """
def avg_pool_as_conv(X, pool_size):
    p, q = pool_size
    return corr2d(X, torch.ones(p, q) / (p * q))
"""
EDGES = """
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
"""
TIMED = "%%time\n" + LEARNED.replace(".to(device)", "").replace(", device=device", "")
BLOCKS = """
class ResNet(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        layers = [nn.LazyConv2d(64, 7, 2, 3), nn.LazyBatchNorm2d(), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2, 1)]
        for i, (count, channels) in enumerate(arch):
            halves = [i > 0 and j == 0 for j in range(count)]
            layers += [Residual(channels, half, 1 + half) for half in halves]
        last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes)]
        self.net = nn.Sequential(*layers, *last)

class ResNet18(ResNet):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__(((2, 64), (2, 128), (2, 256), (2, 512)), lr, num_classes)
"""
ONE_CELL = CORR2D + EDGES + LEARNED + RESIDUAL + BLOCKS
CHAPTER = (
    CORR2D + CONV2D + EDGES + LEARNED
    + """
def comp_conv2d(layer, image):
    return layer(image[None, None])[0, 0]

def corr2d_multi_in(X, K):
    return sum(map(corr2d, X, K))
"""
)  # fmt: skip
TRAINED = """
data = d2l.FashionMNIST(batch_size=128)
model = LeNet(lr=0.1)
model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
d2l.Trainer(max_epochs=10).fit(model, data)
"""
LOOP = """
data = d2l.FashionMNIST(batch_size=64)
model = LeNet()
model.apply_init([next(iter(data.train_dataloader()))[0]], d2l.init_cnn)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
for epoch in range(5):
    for X, y in data.train_dataloader():
        optimizer.zero_grad()
        F.cross_entropy(model(X), y).backward()
        optimizer.step()
"""
RIGHT = {
    "a timed cell that learns": ("learn_kernel", CORR2D + EDGES, TIMED),
    "a timed cell that trains": ("LeNet_training", LENET, "%%time" + TRAINED),
    "a model trained after a chapter in one cell": ("LeNet_training", CHAPTER, LENET, TRAINED),
    "a training of one's own": ("LeNet_training", LENET, LOOP),
    **{f"one cell: {name}": (name, ONE_CELL) for name in ("learn_kernel", "ResNet", "ResNet18")},
    **{
        f"a chapter in one cell: {name}": (name, CHAPTER)
        for name in (
            "corr2d",
            "Conv2D",
            "edge_detection",
            "learn_kernel",
            "comp_conv2d",
            "corr2d_multi_in",
        )
    },
    "a lazy model on its device": ("LeNet", LENET),
    "a lazy layer on its device": ("learn_kernel", LEARNED),
    "a lazy block on its device": ("Residual", RESIDUAL),
    "dropout after the hidden layers": ("VGG", VGG),
    "a random kernel": ("Conv2D", CORR2D + CONV2D),
    "a reshaped kernel": ("corr2d_multi_in", CORR2D + MULTI_IN),
    "a window of two sides": ("avg_pool_as_conv", CORR2D + AVG_POOL),
}
FIRST_HIDDEN = "nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),"
WRONG = {
    "a timed cell that learns nothing": (
        "learn_kernel", CORR2D + EDGES, TIMED.replace("-= 3e-2", "-= 0.0")
    ),
    "a timed cell that climbs": ("learn_kernel", CORR2D + EDGES, TIMED.replace("-= 3", "+= 3")),
    "one cell with a residual block in place of a kernel": (
        "learn_kernel", ONE_CELL.replace("conv2d.weight.data[:] -=", "other =")
    ),
    "a stage without its halving in one cell": (
        "ResNet", ONE_CELL.replace("i > 0 and", "i > 1 and")
    ),
    "a chapter in one cell with a flipped kernel": (
        "corr2d", CHAPTER.replace("* K).sum", "* K.flip(0)).sum")
    ),
    "a timed cell that fits another instance": (
        "LeNet_training", LENET, "%%time" + TRAINED.replace("fit(model,", "fit(LeNet(),")
    ),
    "a chapter in one cell and a training without steps": (
        "LeNet_training", CHAPTER, LENET, LOOP.replace("        optimizer.step()\n", "")
    ),
    "a rate of 5e3": ("LeNet_training", LENET, LOOP.replace("lr=0.2", "lr=5e3")),
    "empty images": ("LeNet_training", LENET, LOOP.replace("model(X)", "model(X * 0)")),
    "dropout before the first hidden layer": (
        "VGG", VGG.replace(FIRST_HIDDEN, "nn.Dropout(0.5), nn.LazyLinear(4096), nn.ReLU(),", 1)
    ),
    "dropout in place": ("VGG", VGG.replace("Dropout(0.5)", "Dropout(0.5, inplace=True)")),
    "evaluation mode in forward": (
        "VGG", VGG + "    def forward(self, X):\n        self.eval()\n        return self.net(X)\n"
    ),
    "a 1x1 convolution only where shapes differ": (
        "Residual", RESIDUAL.replace("if self.conv3 is not None:", "if X.shape != Y.shape:")
    ),
    "a batch norm without numbers": (
        "Residual", RESIDUAL.replace("LazyBatchNorm2d()", "LazyBatchNorm2d(affine=False)", 1)
    ),
    "a kernel of ones": ("Conv2D", CORR2D + CONV2D.replace("torch.rand", "torch.ones")),
    "a view of a kernel": ("corr2d_multi_in", CORR2D + MULTI_IN.replace("K.reshape", "K.view")),
    "square windows": (
        "avg_pool_as_conv", CORR2D + AVG_POOL.replace("p, q = pool_size", "p = q = pool_size[0]")
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_a_right_answer_keeps_all_points(grade_cells, case):
    exercise, *cells = case
    results = grade_cells(exercise, START, *cells)
    assert [(r.check, r.message) for r in results if r.verdict != "passed"] == []


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_loses_points_and_never_breaks_a_check(grade_cells, case):
    exercise, *cells = case
    results = grade_cells(exercise, START, *cells)
    assert {str(r.verdict) for r in results} & {"failed", "raised"}
    assert "broken" not in {str(r.verdict) for r in results}


@pytest.mark.parametrize(
    ("name", "said"),
    [("a rate of 5e3", "learning rate of about 5e+03"), ("empty images", "are blank")],
)
def test_the_reason_for_a_wrong_training_is_its_own(grade_cells, name, said):
    exercise, *cells = WRONG[name]
    messages = [r.message for r in grade_cells(exercise, START, *cells) if r.verdict == "failed"]
    assert said in messages[0]
