"""Where there is no GPU, `cuda` means the CPU; where there is one, nothing is changed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from grader.guest import stand_in_gpu

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _patched(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for owner, name in stand_in_gpu.places():
        monkeypatch.setattr(owner, name, getattr(owner, name))
    stand_in_gpu.install()


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.ones(2).cuda(),
        lambda: torch.ones(2).cuda(0, non_blocking=True),
        lambda: torch.ones(2).to("cuda"),
        lambda: torch.ones(2).to(torch.device("cuda:0"), torch.float64),
        lambda: torch.ones(2).to(device="cuda:1"),
        lambda: torch.zeros(2, device="cuda"),
        lambda: torch.tensor([1.0], device=torch.device("cuda")),
        lambda: torch.ones(2).new_zeros(3, device="cuda"),
        lambda: nn.Linear(2, 2, device="cuda").weight,
        lambda: nn.Linear(2, 2).cuda().weight,
        lambda: nn.Linear(2, 2).to("cuda:0").weight,
    ],
)
def test_what_asks_for_a_gpu_gets_the_cpu(make):
    assert make().device == CPU


def test_a_whole_program_for_a_gpu_runs(tmp_path):
    device = torch.device("cuda:0")
    print(torch.cuda.get_device_name(0))
    net = nn.DataParallel(nn.Linear(2, 2)).cuda()
    loss = net(torch.rand(3, 2).to(device)).sum()
    loss.backward()
    torch.cuda.synchronize()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    assert torch.load(tmp_path / "net.pt", map_location=device)["module.bias"].device == CPU


def shifted(x: torch.Tensor) -> torch.Tensor:
    return x + torch.ones(x.size(0)) - torch.zeros(1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_scripted_function_finds_the_operators_of_torch():
    assert torch.equal(torch.jit.script(shifted)(torch.zeros(2)), torch.ones(2))


def test_other_devices_and_types_are_what_they_were():
    assert torch.ones(2).to("meta").device.type == "meta"
    assert torch.ones(2).to(torch.int64).dtype == torch.int64
    with torch.device("meta"):
        assert torch.zeros(2).device.type == "meta"
    with pytest.raises(TypeError):
        torch.ones(2).to("a", "b", "c", "d", "e")


def test_a_gpu_that_is_there_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = []
    stand_in_gpu._moved(
        lambda *args, **kwargs: asked.append((args, kwargs)), "cuda", device="cuda:1"
    )
    assert asked == [(("cuda",), {"device": "cuda:1"})]


def test_a_second_installation_changes_nothing():
    once = torch.Tensor.to
    stand_in_gpu.install()
    assert torch.Tensor.to is once


@pytest.mark.parametrize(
    "move",
    [
        lambda it: it.to("cpu"),
        lambda it: it.to(torch.device("mps")),
        lambda it: it.to(device="xpu", dtype=torch.float64),
        lambda it: it.to(0),
        lambda it: it.cuda(),
        lambda it: it.double(),
    ],
)
def test_a_lazy_module_moves_and_is_filled_afterwards(move):
    net = nn.Sequential(nn.LazyConv2d(2, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3))
    moved = move(net)
    assert moved is net
    dtype = net[0].weight.dtype
    assert net(torch.ones(2, 1, 5, 5, dtype=dtype)).device == CPU


def test_events_streams_and_mixed_precision_work_without_a_gpu():
    net = nn.Linear(2, 2).to("mps")
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cuda")
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    with torch.cuda.stream(torch.cuda.Stream()), torch.autocast("cuda", dtype=torch.float16):
        loss = torch.compile(net)(torch.ones(3, 2).pin_memory().to(0)).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    end.record()
    torch.cuda.synchronize()
    torch.mps.synchronize()
    assert start.elapsed_time(end) >= 0
    assert isinstance(start, torch.cuda.Event)
    assert loss.dtype == torch.float32


def test_a_generator_for_a_gpu_draws_on_the_cpu():
    made = torch.Generator(device="cuda").manual_seed(3)
    assert isinstance(made, torch.Generator)
    assert torch.rand(2, generator=made, device="cuda").device == CPU
    with torch.device("cuda"):
        assert torch.ones(2).device == CPU


def test_a_move_to_where_it_is_keeps_identity_and_gradients():
    x = torch.ones(2, requires_grad=True)
    assert x.to("cuda") is x.to("cpu") is x
    x.to("cuda", torch.float64).sum().backward()
    assert torch.equal(x.grad, torch.ones(2))
