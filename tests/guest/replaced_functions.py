"""Calls every function that `stand_in_gpu` replaces; prints what each call gives, as JSON.

Run as `plain` or `replaced`, in a process of its own; `test_replaced_functions.py` compares.
"""

import io
import json
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

warnings.simplefilter("ignore")
if sys.argv[1] == "replaced":
    from grader.guest import stand_in_gpu

    stand_in_gpu.install()
x = torch.arange(6.0).reshape(2, 3)
y = torch.ones(2, dtype=torch.float64)
image = torch.rand(1, 2, 3, 3)
file = io.BytesIO()
torch.save({"x": x}, file)


def saved():
    return io.BytesIO(file.getvalue())


def lazy(change, before=True):
    torch.manual_seed(0)
    net = nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(4))
    if not before:
        net(torch.ones(2, 2, 3, 3))
    same = change(net)
    lazies = [is_lazy(p) for p in net.parameters()]
    kept = [*net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    out = net(torch.ones(2, 2, 3, 3, dtype=next(p.dtype for p in net[3:].parameters())))
    out.sum().backward()
    optimizer.step()
    return (
        same is net,
        lazies,
        out,
        list(net.state_dict().items()),
        [a is b for a, b in zip(kept, net.parameters(), strict=False)],
        [p.grad for p in net.parameters()],
        [len(m._forward_pre_hooks) for m in net.modules()],
        len(net.state_dict()),
    )


def layer(change):
    torch.manual_seed(0)
    made = nn.Linear(3, 2)
    seen = []
    made.register_forward_hook(lambda *_: seen.append(1))
    same = change(made)
    weight = made.weight
    out = made(torch.ones(1, 3, dtype=weight.dtype)) if weight.device.type == "cpu" else None
    return (
        same is made,
        weight if weight.device.type == "cpu" else str(weight.device),
        out,
        seen,
        isinstance(weight, nn.Parameter),
        weight.requires_grad,
    )


def moved(value, source):
    return value, value is source


MODULE_MOVES = [
    lambda m: m.to("cpu"),
    lambda m: m.to(torch.device("cpu")),
    lambda m: m.to(torch.float64),
    lambda m: m.to(y),
    lambda m: m.to("cpu", torch.float64),
    lambda m: m.to(device="cpu"),
    lambda m: m.to("cpu", non_blocking=True),
    lambda m: m.to(dtype=torch.float64),
    lambda m: m.to(memory_format=torch.channels_last),
    lambda m: m.to(device=None),
    lambda m: m.to(torch.int64),
    lambda m: m.to("nowhere"),
    lambda m: m.to(),
    lambda m: m.to(1.5),
    lambda m: m.to(colour=1),
]
CASES = {
    "Tensor.to": [
        lambda c=c: moved(c(x), x)
        for c in [
            lambda t: t.to("cpu"),
            lambda t: t.to(torch.float64),
            lambda t: t.to(y),
            lambda t: t.to(other=y),
            lambda t: t.to(torch.device("cpu"), torch.int32),
            lambda t: t.to("cpu", non_blocking=True),
            lambda t: t.to(dtype=torch.float16),
            lambda t: t.to(torch.float32, copy=True),
            lambda t: t.to(device="cpu", dtype=torch.bool),
            lambda t: t.to(device=torch.device("cpu", 0)),
            lambda t: t.to(dtype=torch.float64, memory_format=torch.preserve_format),
            lambda t: t.to("nowhere"),
            lambda t: t.to(),
            lambda t: t.to(1.5),
            lambda t: t.to(colour=1),
            lambda t: t.to("cpu", "cpu"),
            lambda t: t.to(None),
        ]
    ]
    + [lambda: image.to(memory_format=torch.channels_last).stride()],
    "Module.to": [lambda c=c: layer(c) for c in MODULE_MOVES]
    + [
        lambda c=c, b=b: lazy(c, b)
        for c in [
            lambda m: m.to("cpu"),
            lambda m: m.to(torch.float64),
            lambda m: m.to(device="cpu", dtype=torch.float64),
            lambda m: m.to("cpu", non_blocking=True),
        ]
        for b in (True, False)
    ],
    "Tensor.type": [
        x.type,
        lambda: x.type(torch.float64),
        lambda: x.type("torch.LongTensor"),
        lambda: x.type(torch.DoubleTensor),
        lambda: x.type(dtype=torch.int32),
        lambda: x.type("nothing"),
        lambda: x.type(torch.float32) is x,
    ],
    "Module.type": [
        lambda: layer(lambda m: m.type(torch.float64)),
        lambda: layer(lambda m: m.type(dst_type=torch.float64)),
        lambda: layer(lambda m: m.type()),
        lambda: lazy(lambda m: m.type(torch.float64)),
    ],
    "Module.to_empty": [
        lambda: layer(lambda m: m.to_empty(device="meta")),
        lambda: layer(lambda m: m.to_empty("meta")),
        lambda: nn.Linear(2, 3, device="meta").to_empty(device="cpu").weight.shape,
        lambda: nn.Linear(2, 3).to_empty(),
    ],
    "Module.compile": [lambda: nn.Linear(3, 2).compile()],
    "torch.compile": [lambda: (torch.compile(disable=True)(lambda a: a + 1))(x)],
    "torch.Generator": [
        lambda: torch.randn(3, generator=torch.Generator().manual_seed(3)),
        lambda: torch.randn(3, generator=torch.Generator("cpu").manual_seed(3)),
        lambda: torch.Generator(device="cpu").device.type,
        lambda: torch.Generator("nowhere"),
        lambda: isinstance(torch.Generator(), torch.Generator),
        lambda: issubclass(torch.Generator, torch.Generator),
    ],
    "DeviceContext.__init__": [
        lambda: (
            torch.device("cpu").__enter__(),
            torch.ones(2),
            torch.device("cpu").__exit__(None, None, None),
        )[1]
    ],
    "autocast.__init__": [
        lambda: torch.autocast("cpu").fast_dtype,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16).fast_dtype,
        lambda: torch.autocast("cpu", torch.bfloat16, False)._enabled,
        lambda: torch.autocast(device_type="cpu")._enabled,
        torch.autocast,
        lambda: torch.autocast("nowhere"),
        lambda: torch.autocast("cpu", colour=1),
    ],
    "GradScaler.__init__": [
        lambda: torch.amp.GradScaler("cpu").get_scale(),
        lambda: torch.amp.GradScaler("cpu", 8.0).get_scale(),
        lambda: torch.amp.GradScaler(device="cpu", init_scale=4.0).state_dict(),
        lambda: torch.amp.GradScaler("cpu", enabled=False).scale(x),
        lambda: torch.amp.GradScaler(colour=1),
    ],
    "torch.set_default_device": [
        lambda: (torch.set_default_device("cpu"), torch.ones(2))[1],
        lambda: torch.set_default_device("nowhere"),
        lambda: torch.set_default_device(None),
    ],
    "torch.arange": [
        lambda: torch.arange(3),
        lambda: torch.arange(1, 4, 0.5, dtype=torch.float64, device="cpu"),
        torch.arange,
    ],
    "torch.as_tensor": [
        lambda: torch.as_tensor(x) is x,
        lambda: torch.as_tensor([1, 2], dtype=torch.float64),
        lambda: torch.as_tensor("a"),
    ],
    "torch.asarray": [
        lambda: torch.asarray([1.0]),
        lambda: torch.asarray(np.ones(2), copy=True),
        lambda: torch.asarray(x, dtype=torch.int64),
    ],
    "torch.empty": [
        lambda: torch.empty(2, 3).shape,
        lambda: torch.empty((2,), dtype=torch.int8, pin_memory=False).dtype,
        lambda: torch.empty("a"),
    ],
    "torch.empty_like": [lambda: torch.empty_like(x).shape, lambda: torch.empty_like([1])],
    "torch.empty_permuted": [lambda: torch.empty_permuted((2, 3), (1, 0)).stride()],
    "torch.empty_strided": [lambda: torch.empty_strided((2, 3), (1, 2)).stride()],
    "torch.frombuffer": [lambda: torch.frombuffer(bytearray(b"ab"), dtype=torch.uint8)],
    "torch.from_numpy": [lambda: torch.from_numpy(np.ones(2)), lambda: torch.from_numpy([1])],
    "torch.full": [
        lambda: torch.full((2,), 3),
        lambda: torch.full(size=(2,), fill_value=1.5),
        lambda: torch.full(2),
    ],
    "torch.full_like": [lambda: torch.full_like(x, 2), lambda: torch.full_like(x)],
    "torch.load": [
        lambda: torch.load(saved()),
        lambda: torch.load(saved(), map_location="cpu"),
        lambda: torch.load(saved(), torch.device("cpu"), weights_only=True),
        lambda: torch.load("no such file"),
    ],
    "torch.normal": [
        lambda: torch.normal(0.0, 1.0, (2, 3)),
        lambda: torch.normal(x, y.float()[:, None]),
        torch.normal,
    ],
    "torch.scalar_tensor": [lambda: torch.scalar_tensor(3)],
    "torch.sparse_coo_tensor": [
        lambda: torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (2,)).to_dense()
    ],
    "torch.tensor": [
        lambda: torch.tensor([1, 2]),
        lambda: torch.tensor(1.5, dtype=torch.float64, requires_grad=True),
        lambda: torch.tensor([[1], [2, 3]]),
        lambda: torch.tensor([1], device="nowhere"),
        torch.tensor,
    ],
    "torch.tril_indices": [lambda: torch.tril_indices(2, 3)],
    "torch.triu_indices": [lambda: torch.triu_indices(2, 3, 1)],
    "torch.eye": [
        lambda: torch.eye(2),
        lambda: torch.eye(2, m=3, dtype=torch.int64),
        lambda: torch.eye("a"),
    ],
    "torch.linspace": [
        lambda: torch.linspace(0, 1, 3),
        lambda: torch.linspace(0, 1, steps=2, dtype=torch.float64),
    ],
    "torch.logspace": [lambda: torch.logspace(0, 1, 3)],
    "torch.range": [lambda: torch.range(0, 2)],
    "torch.randint": [
        lambda: torch.randint(5, (3,)),
        lambda: torch.randint(2, 5, size=(3,)),
        torch.randint,
    ],
    "torch.randint_like": [lambda: torch.randint_like(x, 5)],
    "torch.randperm": [lambda: torch.randperm(5), lambda: torch.randperm(n=3)],
}
for name in [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]:
    CASES["torch." + name] = [
        lambda f=name: getattr(torch, f)(4),
        lambda f=name: getattr(torch, f)("a"),
    ]
for name in ["ones", "rand", "randn", "zeros"]:
    CASES["torch." + name] = [
        lambda f=name: getattr(torch, f)(2, 3),
        lambda f=name: getattr(torch, f)((2,), dtype=torch.float64),
        lambda f=name: getattr(torch, f)(size=(2, 1), device="cpu", requires_grad=True),
        lambda f=name: getattr(torch, f)("a"),
        lambda f=name: getattr(torch, f)(2, out=torch.empty(2)),
    ]
    if name + "_like" in vars(torch):
        CASES["torch." + name + "_like"] = [
            lambda f=name: getattr(torch, f + "_like")(x),
            lambda f=name: getattr(torch, f + "_like")(input=x, dtype=torch.float64),
            lambda f=name: getattr(torch, f + "_like")([1]),
        ]
CASES["Tensor.new_empty"] = [lambda: x.new_empty(2, 3).shape, lambda: x.new_empty("a")]
CASES["Tensor.new_empty_strided"] = [lambda: x.new_empty_strided((2, 3), (1, 2)).stride()]
CASES["Tensor.new_full"] = [
    lambda: x.new_full((2,), 3),
    lambda: x.new_full((2,), 3, dtype=torch.int64),
]
CASES["Tensor.new_ones"] = [
    lambda: x.new_ones(2, 3),
    lambda: x.new_ones((2,), device="cpu", dtype=torch.int64),
]
CASES["Tensor.new_zeros"] = [lambda: x.new_zeros(2, 3), lambda: x.new_zeros(size=(2,))]
CASES["Tensor.new_tensor"] = [
    lambda: x.new_tensor([1, 2]),
    lambda: x.new_tensor([1], dtype=torch.int64),
]


def told(value):
    if isinstance(value, torch.Tensor):
        if is_lazy(value):
            return type(value).__name__
        return [
            type(value).__name__,
            str(value.dtype),
            str(value.device),
            value.requires_grad,
            list(value.stride()),
            value.tolist(),
        ]
    if isinstance(value, (list, tuple)):
        return [told(part) for part in value]
    if isinstance(value, dict):
        return {str(key): told(part) for key, part in value.items()}
    return str(value)


found = {}
for name, cases in CASES.items():
    for number, case in enumerate(cases):
        torch.manual_seed(number)
        try:
            answer = told(case())
        except Exception as error:
            answer = type(error).__name__
        found[f"{name} {number}"] = answer
print(json.dumps(found))
