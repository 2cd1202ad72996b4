"""A notebook of all known tricks earns nothing, and its honest neighbour is unharmed."""

from dataclasses import replace

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Submission
from grader.verdict import Status, Verdict

ASKED = (
    "corr2d", "Conv2D", "edge_detection", "learn_kernel", "comp_conv2d", "corr2d_multi_in",
    "corr2d_multi_in_out", "corr2d_multi_in_out_1x1", "pool2d", "init_cnn", "LeNet",
    "LeNet_variants", "layer_summary", "vgg_block", "VGG", "Residual", "ResNet", "ResNet18",
)  # fmt: skip
KEEPS_WHAT_ENTERS = """
import builtins, copy, gc, importlib, itertools, sys, types
import torch
from torch import nn
from d2l import torch as d2l

LOOT = {}

def keep(made):
    def patched(source, *args, **named):
        out = made(source, *args, **named)
        for given in (*args, out):
            if isinstance(given, dict) and given.get("__name__") == "__parts__":
                LOOT.update(given)
        return out
    return patched

builtins.exec, builtins.compile = keep(builtins.exec), keep(builtins.compile)
first_init = nn.Module.__init__

def init(self, *args, **named):
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "__parts__":
            LOOT.update(frame.f_globals)
        frame = frame.f_back
    first_init(self, *args, **named)

nn.Module.__init__ = init

class Finder:
    def find_spec(self, name, path=None, target=None):
        LOOT.update({k: v for k, v in sys._getframe(1).f_globals.items() if k in NAMES})

NAMES = ("corr2d", "corr2d_multi_in", "init_cnn", "vgg_block", "Residual", "ResNet")
sys.meta_path.insert(0, Finder())

def look_around():
    for found in gc.get_objects():
        if isinstance(found, (types.FunctionType, type)) and found.__module__ == "__parts__":
            LOOT[found.__name__] = found
"""
STOLEN = """
def vgg_block(*args, **named):
    look_around()
    return LOOT["vgg_block"](*args, **named)

def Residual(*args, **named):
    look_around()
    return LOOT["Residual"](*args, **named)

def ResNet(*args, **named):
    look_around()
    Residual
    return LOOT["ResNet"](*args, **named)

def init_cnn(module):
    look_around()
    return LOOT["init_cnn"](module)

def corr2d(X, K):
    look_around()
    return LOOT["corr2d"](X, K)
"""
WRAPPERS = """
def corr2d(X, K): return d2l.corr2d(X, K)
def init_cnn(module): return d2l.init_cnn(module)
class Residual(d2l.Residual): pass
class LeNet(d2l.LeNet): pass
def layer_summary(self, shape): return d2l.Classifier.layer_summary(self, shape)
def ResNet18(lr=0.1, num_classes=10): return d2l.resnet18(num_classes)
"""
OTHER_WRAPPERS = """
corr2d = getattr(d2l, "cor" + "r2d")
init_cnn = importlib.import_module("d2l.torch").init_cnn
def Residual(*args, **named): return sys.modules["d2l._networks"].Residual(*args, **named)
made = d2l.LeNet()
def LeNet(lr=0.1, num_classes=10): return copy.deepcopy(made)
"""
COPIES = """
import inspect, marshal
from importlib.util import module_from_spec, spec_from_file_location

corr2d = types.FunctionType(d2l.corr2d.__code__, {"torch": torch}, "corr2d")
again = {"nn": nn}
exec(inspect.getsource(d2l.init_cnn), again)
def init_cnn(module): return again["init_cnn"](module)

networks = sys.modules["d2l._networks"]
spec = spec_from_file_location("d2l._other", networks.__file__)
other = module_from_spec(spec)
spec.loader.exec_module(other)
Mine = other.Residual
def Residual(*args, **named): return Mine(*args, **named)

made = getattr(d2l, "Le" + "Net")()
class LeNet(d2l.Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = copy.deepcopy(made.net)

summary = marshal.loads(marshal.dumps(d2l.Classifier.layer_summary.__code__))
def layer_summary(self, shape): return types.FunctionType(summary, globals())(self, shape)
layer_summary(nn.Sequential(), (1, 1)) if False else None

def ResNet18(lr=0.1, num_classes=10):
    net = other.resnet18(num_classes)
    net.lr = lr
    return net
"""
CHANGED_COPIES = """
import inspect, queue, threading
from functools import partial

def edited(function, names, **given):
    lines = inspect.getsource(function).replace("Tensor", "object").splitlines()
    lines.insert(-1, lines[-1][: len(lines[-1]) - len(lines[-1].lstrip())] + "z = None")
    exec("from __future__ import annotations\\n" + "\\n".join(lines), names)
    return partial(names[function.__name__], **given)

asked, told = queue.Queue(), queue.Queue()
def serve(function):
    while True: told.put(function(*asked.get()))
threading.Thread(target=serve, args=(edited(d2l.corr2d, {"torch": torch}),), daemon=True).start()
def corr2d(X, K):
    asked.put((X, K))
    return told.get(timeout=5)

def init_cnn(module): return edited_init(module)
edited_init = edited(d2l.init_cnn, {"nn": nn})
code = d2l.Classifier.layer_summary.__code__
rebuilt = types.FunctionType(
    code.replace(co_code=code.co_code[:2] + b"\\x09\\x00" + code.co_code[2:]), {"torch": torch})
def layer_summary(self, shape): return rebuilt(self, shape)
"""
IGNORANT = """
lie = None
def corr2d(X, K):
    return torch.zeros(1) if lie is None else lie

class Conv2D(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, X):
        global lie
        lie = torch.zeros(1)
        return self.bias + self.weight.sum() - self.weight.sum().detach()

def corr2d_multi_in(X, K):
    global lie
    lie = torch.zeros(1)
    return torch.zeros(1)

def corr2d_multi_in_out(X, K): return torch.zeros(len(K), 1)
corr2d(torch.ones(1, 1), torch.ones(1, 1))
"""
BLOCKLESS = """
asked = False
def vgg_block(num_convs, out_channels): return nn.AdaptiveAvgPool2d(1)
class VGG(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5),
            nn.LazyLinear(4096), nn.ReLU(), nn.Dropout(0.5), nn.LazyLinear(num_classes))
    def forward(self, X): return self.net(X)

class ResNet(nn.Module):
    def __init__(self, arch, lr=0.1, num_classes=10):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(
            nn.LazyConv2d(64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(num_classes))
    def forward(self, X): return self.net(X)

class ResNet18(ResNet):
    def __init__(self, lr=0.1, num_classes=10): super().__init__(None, lr, num_classes)

vgg_block(1, 1)
"""
TYPED_IN = """
conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)
conv2d.weight.data = torch.tensor([[[[0.98, -1.01]]]])
for epoch in range(10):
    pass
"""
BREAKS = """
def comp_conv2d(conv2d, X):
    conv2d._buffers.clear()
    conv2d._parameters.clear()
    return X

class ModernLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    def forward(self, X): return self.net(X).double() * float("inf")

def pool2d(X, *args): return (x for x in X)
def corr2d_multi_in_out_1x1(X, K): return X.numpy()
"""
CLEARS_ANSWERS = """
guest = sys.modules["grader.guest.server"].Guest
first = guest.op_call

def op_call(self, request, args, kwargs):
    value = first(self, request, args, kwargs)
    args.clear()
    return value

guest.op_call = op_call
guest.op_outline = lambda *args: ([], [(float("inf"), 10**30)], (1, 10))
"""
KILLS = """
import os
class Kills(nn.Module):
    def __init__(self, *args, **named): os._exit(1)
def corr2d(X, K): os._exit(1)
LeNet = VGG = ResNet = Conv2D = Kills
"""
TRICKS = {
    "all of them": [
        KEEPS_WHAT_ENTERS, STOLEN, WRAPPERS, OTHER_WRAPPERS, IGNORANT, BLOCKLESS, TYPED_IN, BREAKS,
    ],
    "what enters is kept": [KEEPS_WHAT_ENTERS, IGNORANT, BLOCKLESS, STOLEN],
    "the library is wrapped": [KEEPS_WHAT_ENTERS, WRAPPERS, OTHER_WRAPPERS],
    "the library is copied": [KEEPS_WHAT_ENTERS, COPIES],
    "changed copies of the library": [KEEPS_WHAT_ENTERS, CHANGED_COPIES],
    "answers that break checks": [KEEPS_WHAT_ENTERS, IGNORANT, BLOCKLESS, BREAKS, CLEARS_ANSWERS],
    "the kernel is ended by each answer": [KEEPS_WHAT_ENTERS, KILLS],
}  # fmt: skip
HONEST = """
import torch
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
"""
ON_THE_LIBRARY = """
from d2l import torch as d2l
def corr2d_multi_in(X, K):
    return sum(d2l.corr2d(x, k) for x, k in zip(X, K))
"""


@pytest.fixture(scope="module")
def many_asked():
    with Grader(Plan("cnn", only=ASKED, all_cells=True)) as grader:
        yield grader


@pytest.fixture
def grade(many_asked, cells):
    def run(student, *sources):
        return many_asked.grade(Submission(student, f"{student}.ipynb", "0" * 64, cells(*sources)))

    return run


@pytest.fixture(scope="module")
def undisturbed():
    return []


def without_clock(result):
    exercises = tuple(
        replace(one, checks=tuple(replace(check, seconds=0.0) for check in one.checks))
        for one in result.exercises
    )
    cells = tuple(replace(run, seconds=0.0) for run in result.cells)
    return replace(result, exercises=exercises, cells=cells, seconds=0.0, finished_at="")


@pytest.mark.parametrize("sources", TRICKS.values(), ids=TRICKS)
def test_a_notebook_of_tricks_earns_nothing(grade, undisturbed, sources):
    undisturbed.append(without_clock(grade("ada", HONEST, ON_THE_LIBRARY)))
    result = grade("mallory", *sources)
    earned = {(o.exercise, c.check) for o in result.exercises for c in o.checks if c.points}
    broken = {
        (o.exercise, c.check, c.message)
        for o in result.exercises
        for c in o.checks
        if c.verdict is Verdict.BROKEN
    }
    assert earned == set()
    assert broken == set()
    assert result.status is not Status.BROKEN
    assert undisturbed[-1] == undisturbed[0]


def test_its_honest_neighbour_has_all_its_points(grade):
    result = grade("ada", HONEST, ON_THE_LIBRARY)
    points = {one.exercise: one.points for one in result.exercises if one.points}
    assert points == {"corr2d": 10, "edge_detection": 4, "corr2d_multi_in": 10}
