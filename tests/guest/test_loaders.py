"""A student's own loaders of data, after `loaders.install`."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from grader.guest import cheap_batches, loaders, losses, training_settings

NUMBERS = TensorDataset(torch.arange(10))


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(DataLoader, "__init__", DataLoader.__init__)
    monkeypatch.setattr(DataLoader, "__iter__", DataLoader.__iter__)
    loaders.install()
    yield
    cheap_batches.forget()


def test_no_loader_has_workers_whatever_it_was_asked_for():
    loader = DataLoader(
        NUMBERS, 4, True, num_workers=4, pin_memory=True, persistent_workers=True,
        prefetch_factor=2, timeout=5, multiprocessing_context="fork",
    )  # fmt: skip
    assert loader.num_workers == 0
    assert sorted(int(x) for (batch,) in loader for x in batch) == list(range(10))


def test_a_subclass_of_the_loader_has_none_either():
    class Own(DataLoader):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, num_workers=2, **kwargs)

    assert len(list(Own(NUMBERS, batch_size=3))) == 4


def test_wrong_arguments_of_a_loader_are_still_an_error():
    with pytest.raises(TypeError, match="colour"):
        DataLoader(NUMBERS, colour="red")


def test_to_install_twice_is_to_install_once():
    once = DataLoader.__init__
    loaders.install()
    assert DataLoader.__init__ is once


def images(count, side=28):
    """Images that differ, each with its number as its label."""
    x = torch.arange(count * 1.0).reshape(-1, 1, 1, 1).expand(-1, 1, side, side)
    return TensorDataset(x, torch.arange(count))


class Batches(TensorDataset):
    """Counts up; gives whole batches of negative numbers, so that it shows which were asked for."""

    def __getbatch__(self, places):
        return [-self.tensors[0][places]] if len(places) > 1 else None


@pytest.mark.parametrize(
    ("settings", "whole"),
    [
        ({"batch_size": 5}, True),
        ({"batch_size": 5, "collate_fn": lambda rows: [*default_collate(rows)]}, False),
        ({"batch_size": 1}, False),
        ({"batch_size": None}, False),
    ],
    ids=["by default", "joined by the notebook", "no whole one", "no batches"],
)
def test_a_data_set_that_makes_whole_batches_is_asked_where_the_loader_only_joins(settings, whole):
    numbers = Batches(torch.arange(1, 11))
    sign = -1 if whole else 1
    seen = [int(x) for (batch,) in DataLoader(numbers, **settings) for x in batch.reshape(-1)]
    assert seen == [sign * number for number in range(1, 11)]


class Negative(Dataset):
    """Changes the examples of a data set, and has all else from it."""

    def __init__(self, whole):
        self.whole = whole

    def __len__(self):
        return len(self.whole)

    def __getitem__(self, place):
        return [-self.whole[place][0] * 2]

    def __getattr__(self, name):
        return getattr(self.whole, name)


def test_a_data_set_that_wraps_another_gives_its_own_examples():
    seen = [batch.tolist() for (batch,) in DataLoader(Negative(Batches(torch.arange(1, 5))), 2)]
    assert seen == [[-2, -4], [-6, -8]]


def a_model():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))


def test_a_batch_of_large_images_keeps_its_size_and_shows_few_of_them():
    (X, y), *_ = DataLoader(images(32, 224), 32)
    assert len(X) == len(y) == 32
    assert y.tolist() == [i % 2 for i in range(32)]
    assert torch.equal(X[:, 0, 0, 0], y.float())
    (X, y), *_ = DataLoader(images(32), 32)
    assert y.tolist() == [*range(32)]


def test_a_batch_that_was_made_of_few_images_is_not_copied_to_repeat_them():
    few = [torch.rand(2, 1, 224, 224), torch.arange(2)]
    whole = cheap_batches.fill(few, 5)
    assert whole[1].tolist() == [0, 1, 0, 1, 0]
    assert cheap_batches.repeat(whole, 2) is whole
    assert cheap_batches.fill(few, 2) is few
    whole[0][4] += 1  # by the notebook
    again = cheap_batches.repeat(whole, 2)
    assert again is not whole
    assert torch.equal(again[0][4], few[0][0])


@pytest.mark.parametrize("spent", [False, True])
@pytest.mark.parametrize(("count", "size", "drop"), [(40, 4, False), (42, 4, False), (42, 4, True)])
def test_a_pass_has_the_batches_and_sizes_of_plain_torch(monkeypatch, spent, count, size, drop):
    monkeypatch.setattr(losses, "spent", lambda: spent)
    monkeypatch.setattr(training_settings, "EPOCH_PIXELS", 10 * 28 * 28)
    loader = DataLoader(images(count), size, drop_last=drop)
    whole = count if not drop else count - count % size
    assert [len(y) for _, y in loader] == [len(part) for part in torch.arange(whole).split(size)]
    batches = iter(loader)
    for _ in range(len(loader)):
        next(batches)


def test_after_many_images_a_pass_repeats_its_last_batch(monkeypatch):
    monkeypatch.setattr(training_settings, "EPOCH_PIXELS", 10 * 28 * 28)
    seen = [y.tolist() for _, y in DataLoader(images(40), 4)]
    assert seen[:3] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert seen[3:] == 7 * [[8, 9, 10, 11]]
    assert len([*DataLoader(NUMBERS, 1)]) == 10, "numbers cost nothing"


def test_no_batch_is_repeated_while_a_cell_runs_again_for_the_grader(monkeypatch):
    monkeypatch.setattr(training_settings, "epoch_pixels", lambda: 10 * 28 * 28)
    monkeypatch.setattr(training_settings.settings, "replaying", True)
    assert [y.tolist() for _, y in DataLoader(images(40), 5)] == [[*range(5)], [*range(5, 10)]]
    assert not cheap_batches.is_idle()


def test_a_pass_ends_early_where_even_repeated_batches_take_long(monkeypatch):
    monkeypatch.setattr(losses, "spent", lambda: True)
    monkeypatch.setattr(losses, "late", lambda: True)
    assert [len(y) for _, y in DataLoader(images(40), 8)] == [8]


def test_a_pass_is_no_shorter_where_the_loop_waits(monkeypatch):
    monkeypatch.setattr(training_settings, "EPOCH_PIXELS", 10 * 28 * 28)
    monkeypatch.setattr(training_settings.settings, "training_most_s", 0.2)
    seen = 0
    for _ in DataLoader(images(40), 4):
        time.sleep(0.05)  # as on a machine whose cores others use
        seen += 1
    assert seen == 10


def test_a_loop_whose_time_is_spent_goes_on_without_training(monkeypatch):
    model = a_model()
    model(torch.zeros(8, 1, 28, 28))
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    monkeypatch.setattr(losses, "spent", lambda: True)
    for X, y in DataLoader(images(40), 8):
        optimizer.zero_grad()
        y_hat = model(X)
        assert y_hat.shape == (8, 3)
        y_hat += 0  # in place, as some do
        nn.functional.cross_entropy(y_hat, y % 3).backward()
        assert all(not p.grad.any() for p in model.parameters())
        optimizer.step()
    assert len(calls) == 1
    assert all(map(torch.equal, before, model.parameters()))
    model(torch.zeros(8, 1, 28, 28))
    assert len(calls) == 2, "outside of a loop over data a model computes"


@pytest.mark.parametrize("by_hand", ["p.grad = None", "p.grad.zero_()"])
def test_steps_by_hand_find_a_gradient_when_the_time_is_spent(monkeypatch, by_hand):
    model = a_model()
    monkeypatch.setattr(losses, "spent", lambda: True)
    for X, _ in DataLoader(images(16), 8):
        model(X).sum().backward()
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(0.1 * p.grad)
                exec(by_hand)
        found = torch.autograd.grad(model(X).sum(), [*model.parameters()], allow_unused=True)
        assert len(found) == 2


def test_a_model_computes_the_different_rows_of_a_batch_alone_and_learns_the_same():
    seen = []

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(1, 2, 64, 32), nn.Flatten(), nn.LazyLinear(3))

        def forward(self, x):
            seen.append(len(x))
            return self.net(x / 10), {"x": x.mean((1, 2, 3))}

    (X, y), *_ = DataLoader(images(16, 224), 16)
    model = Model()
    found = []
    almost = X.clone()
    almost[15, 0, 0, 0] += 1e-3
    for given in (X, almost):
        model.zero_grad()
        y_hat, more = model(given)
        assert len(y_hat) == len(more["x"]) == 16
        nn.functional.cross_entropy(y_hat, y % 3).backward()
        found.append([p.grad.clone() for p in model.parameters()])
    assert seen == [2, 16]
    assert all(torch.allclose(a, b, rtol=1e-2, atol=1e-5) for a, b in zip(*found, strict=True))


def test_a_forward_that_knows_the_size_of_its_batches_gets_them_whole():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(224 * 224, 1)

        def forward(self, x):
            return self.last(x.reshape(16, -1) if len(x) == 16 else x.reshape(16, 1))

    (X, _), *_ = DataLoader(images(16, 224), 16)
    assert Model()(X).shape == (16, 1)


def test_the_first_steps_of_a_training_are_made_in_one_pass_however_large_its_batches(monkeypatch):
    losses.watch()
    losses.clear()
    monkeypatch.setattr(training_settings, "EPOCH_PIXELS", 1)
    monkeypatch.setattr(training_settings.settings, "training_s", 1e-9)
    model = a_model()
    model(torch.zeros(8, 1, 28, 28))
    shown = []
    for X, y in DataLoader(images(80), 8):
        nn.functional.cross_entropy(model(X), y % 3).backward()
        shown.append(int(y[0]))
    assert len(losses.curves[-1]) == training_settings.LEAST_STEPS
    assert shown == [0, 8, 16, 24, *[32] * 6]
    passed = [int(y[0]) for _, y in DataLoader(images(80), 8)]  # without steps
    assert passed == [0] * 10
    losses.clear()


def test_a_repeated_batch_that_is_changed_in_place_is_computed_as_it_is(monkeypatch):
    model = a_model()
    model(torch.zeros(2, 1, 224, 224))
    (X, _), *_ = DataLoader(images(8, 224), 8)
    before = model(X)
    X[5] += 1
    torch.testing.assert_close(model(X)[5], model(X[5:6])[0])
    assert not torch.allclose(model(X)[5], before[5], rtol=1e-3)
