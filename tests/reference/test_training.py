"""Loss, gradient and accuracy agree with torch; training learns, and can be repeated."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import reference as ref
from grader.checks.strategies import floats


@st.composite
def answers(draw):
    """Logits (N, C) in float64 and labels (N,)."""
    N, C = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    labels = draw(st.lists(st.integers(0, C - 1), min_size=N, max_size=N))
    return draw(floats((N, C), most=100, dtype=torch.float64)), torch.tensor(labels)


@pytest.fixture
def bars():
    """Images (200, 1, 12, 12) with one bright column, and which third it is in."""
    columns = torch.randint(12, (200,))
    x = 0.1 * torch.randn(200, 1, 12, 12)
    x[torch.arange(200), :, :, columns] += 1
    return x, columns // 4


def small_net(seed=0):
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    ref.initialise(net, (1, 1, 12, 12), seed)
    return net


@given(answers())
def test_cross_entropy_is_that_of_torch(answer):
    torch.testing.assert_close(ref.cross_entropy(*answer), F.cross_entropy(*answer))


@given(answers(), st.floats(-50, 50))
def test_cross_entropy_does_not_see_a_constant(answer, c):
    logits, labels = answer
    torch.testing.assert_close(
        ref.cross_entropy(logits + c, labels), ref.cross_entropy(logits, labels)
    )


@given(answers())
def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot(answer):
    logits, labels = answer
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(ref.cross_entropy(logits, labels), logits)
    expected = logits.softmax(1) - F.one_hot(labels, logits.shape[1])
    torch.testing.assert_close(gradient, expected / len(labels))


def test_accuracy_is_the_share_of_right_rows():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [float("nan"), 0.0]])
    assert ref.accuracy(logits, torch.tensor([1, 0, 0, 0])) == 0.5


@pytest.mark.parametrize(("logits", "labels"), [((2,), (2,)), ((2, 3), (3,)), ((0, 3), (0,))])
def test_answers_of_other_shapes_are_refused(logits, labels):
    for judge in (ref.cross_entropy, ref.accuracy):
        with pytest.raises(ValueError, match="must have shapes"):
            judge(torch.ones(logits), torch.zeros(labels, dtype=torch.int64))


def test_a_label_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.1"):
        ref.cross_entropy(torch.ones(1, 2), torch.tensor([2]))


def test_the_gradient_of_a_batch_is_that_of_backward(bars):
    x, labels = bars
    model = ref.materialise(ref.BNLeNet(), (2, 1, 28, 28))
    x = F.pad(x[:8], (8, 8, 8, 8))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = ref.gradients(model, x, labels[:8])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    F.cross_entropy(model(x), labels[:8]).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_a_parameter_without_influence_has_gradient_zero(bars):
    net = small_net()
    net.register_parameter("unused", nn.Parameter(torch.ones(2)))
    net[0].bias.requires_grad_(False)
    found = ref.gradients(net, *bars)
    assert found["unused"].tolist() == [0, 0]
    assert "0.bias" not in found


def test_training_is_torchs_gradient_descent_step_by_step(bars):
    x, labels = bars
    ours, theirs = small_net(), small_net()
    run = ref.train(ours, x, labels, steps=3, batch_size=len(x), lr=0.2)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.2)
    for loss_then in run.losses:
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(x), labels)
        loss.backward()
        optimizer.step()
        assert loss_then == pytest.approx(loss.item(), rel=1e-5)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-6)


def test_training_learns_what_can_be_learned(bars):
    x, labels = bars
    net = small_net()
    run = ref.train(net, x[:150], labels[:150], steps=120, batch_size=32)
    assert run.last_loss() < 0.3 < run.losses[0]
    assert ref.accuracy(net(x[150:]), labels[150:]) > 0.9


def test_a_relu_lenet_learns_where_the_sigmoid_one_does_not_yet(bars):
    x, labels = F.pad(bars[0], (8, 8, 8, 8)), bars[1]
    last = {}
    for make in (ref.LeNet, ref.ReLULeNet):
        model = make(num_classes=3)
        ref.initialise(model, (1, 1, 28, 28), seed=0)
        last[make] = ref.train(model, x, labels, steps=60, batch_size=32).last_loss()
    assert last[ref.ReLULeNet] < 0.6
    assert last[ref.LeNet] > 1


def test_the_same_seed_gives_the_same_training(bars):
    state = torch.get_rng_state()
    nets = [small_net(seed) for seed in (1, 1, 2)]
    runs = [ref.train(net, *bars, steps=5, batch_size=16, seed=3) for net in nets]
    assert runs[0] == runs[1] != runs[2]
    assert all(
        torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True)
    )
    assert torch.equal(torch.get_rng_state(), state)
    other_order = ref.train(small_net(1), *bars, steps=5, batch_size=16, seed=4)
    assert other_order != runs[0]


def test_an_epoch_shows_each_sample_once():
    seen = []

    class Recorder(nn.Module):
        def forward(self, x):
            seen.append(x.flatten().tolist())
            return torch.zeros(len(x), 2, requires_grad=True)

    ref.train(
        Recorder(),
        torch.arange(7.0)[:, None],
        torch.zeros(7, dtype=torch.int64),
        steps=6,
        batch_size=3,
    )
    assert [len(batch) for batch in seen] == [3, 3, 1, 3, 3, 1]
    for epoch in (seen[:3], seen[3:]):
        assert sorted(itertools.chain.from_iterable(epoch)) == list(range(7))


def test_training_stops_early_when_asked(bars):
    run = ref.train(small_net(), *bars, steps=300, batch_size=32, stop_below=0.8)
    assert 20 <= len(run.losses) < 300
    assert run.last_loss() < 0.8


def test_a_model_in_evaluation_mode_is_trained_in_training_mode(bars):
    net = nn.Sequential(small_net(), ref.BatchNorm(3, 2)).eval()
    ref.train(net, *bars, steps=1)
    assert net[1].moving_mean.any()


def test_training_leaves_the_modes_and_the_data_alone(bars):
    x, labels = bars
    before = x.clone()
    net = nn.Sequential(small_net(), nn.Dropout(0.5)).eval()
    net[1].train()
    ref.train(net, x, labels, steps=2)
    assert [net.training, net[0].training, net[1].training] == [False, False, True]
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch_size": 0}, {"labels": torch.zeros(3).long()}]
)
def test_training_that_cannot_be_is_refused(wrong):
    options = {"x": torch.ones(2, 1), "labels": torch.zeros(2).long(), "steps": 1, **wrong}
    with pytest.raises(ValueError, match="cannot take"):
        ref.train(nn.Linear(1, 2), **options)


def test_initialise_decides_every_weight_by_its_seed():
    models = []
    for noise in (5, 6):
        torch.manual_seed(noise)
        model = ref.LeNet()
        ref.initialise(model, (1, 1, 28, 28), seed=9)
        models.append(model)
    pairs = zip(models[0].parameters(), models[1].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    weight = models[0].net[-1].weight
    assert 0.9 < weight.abs().max() / (6 / (84 + 10)) ** 0.5 <= 1
