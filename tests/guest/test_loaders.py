"""A student's own loaders of data, after `loaders.install`."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from grader.guest import loaders, losses, training_settings

NUMBERS = TensorDataset(torch.arange(10))


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(DataLoader, "__init__", DataLoader.__init__)
    monkeypatch.setattr(DataLoader, "__iter__", DataLoader.__iter__)
    loaders.install()


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


def test_a_batch_of_large_images_is_cut_and_one_of_small_images_is_not():
    labels = torch.arange(32)
    large, small = (TensorDataset(torch.zeros(32, 1, side, side), labels) for side in (224, 28))
    (X, y), *_ = DataLoader(large, 32)
    assert X.shape[0] == len(y) == 6
    (X, y), *_ = DataLoader(small, 32)
    assert X.shape[0] == len(y) == 32


def test_a_loader_ends_its_pass_early_once_the_cell_has_trained_for_long(monkeypatch):
    assert len([*DataLoader(NUMBERS, 2)]) == 5
    monkeypatch.setattr(losses, "spent", lambda: True)
    assert len([*DataLoader(NUMBERS, 2)]) == 1


def test_a_pass_ends_after_as_many_images_as_the_library_s_own(monkeypatch):
    monkeypatch.setattr(training_settings, "EPOCH_PIXELS", 10 * 28 * 28)
    images = TensorDataset(torch.zeros(40, 1, 28, 28), torch.zeros(40))
    assert len([*DataLoader(images, 4)]) == 3
    assert len([*DataLoader(NUMBERS, 1)]) == 10, "numbers cost nothing"


def test_batches_are_small_once_the_cell_has_trained_for_long(monkeypatch):
    monkeypatch.setattr(losses, "spent", lambda: True)
    images = TensorDataset(torch.zeros(40, 1, 28, 28), torch.arange(40))
    ((X, y),) = DataLoader(images, 8)
    assert len(X) == len(y) == 2
