"""What the course prepares before a notebook runs, and while its training runs again."""

from __future__ import annotations

import course_setup
import pytest
import torch
import torchvision
from d2l import _datasets
from d2l import torch as d2l
from matplotlib import pyplot as plt
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms

NAMES = ("MNIST", "KMNIST", "FashionMNIST", "CIFAR10")


@pytest.fixture
def _prepared(monkeypatch):
    monkeypatch.setitem(plt.rcParams, "figure.max_open_warning", 20)
    homes = (torchvision.datasets, torchvision.datasets.mnist, torchvision.datasets.cifar)
    for home in homes:
        for name in NAMES:
            if hasattr(home, name):
                monkeypatch.setattr(home, name, getattr(home, name))
    course_setup.prepare()


@pytest.mark.usefixtures("_prepared")
@pytest.mark.parametrize("name", NAMES)
def test_torchvision_s_data_sets_need_no_download(name):
    kind = getattr(torchvision.datasets, name)
    assert kind is getattr(_datasets, name)
    dataset = kind(root="./data", train=True, download=True, transform=transforms.ToTensor())
    X, y = next(iter(DataLoader(dataset, batch_size=8, shuffle=True, num_workers=0)))
    assert X.shape == ((8, 3, 32, 32) if name == "CIFAR10" else (8, 1, 28, 28))
    assert y.dtype == torch.int64
    assert kind.__name__ == name


def test_no_image_is_enlarged_while_a_training_runs_again():
    image = Image.new("L", (28, 28))
    with course_setup.short_passes():
        assert transforms.Resize(96)(image).size == (28, 28)
    assert transforms.Resize(96)(image).size == (96, 96)


def test_methods_are_added_to_the_classes_of_the_library():
    assert {d2l.Classifier, d2l.Module, d2l.Trainer} <= set(course_setup.method_homes())
    assert issubclass(course_setup.model_base(), torch.nn.Module)
