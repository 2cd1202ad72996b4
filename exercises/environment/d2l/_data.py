"""Batches as both editions hand them out: `DataModule`, `FashionMNIST`, loaders of tensors.

A batch is cut so that it holds at most `BATCH_PIXELS` pixels, and a pass over the data so that it
shows at most `EPOCH_PIXELS`; images keep the size that was asked for, and a loader has five batches
where there are five images. Not here: where images come from (`_datasets.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import data as torch_data
from torchvision import transforms  # type: ignore[import-untyped]

from grader.guest import training_settings

from . import _datasets
from ._hyperparameters import HyperParameters
from ._plotting import show_images

Loader = torch_data.DataLoader[Any]
Size = int | Sequence[int] | None

_TEXT_LABELS = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


class DataModule(HyperParameters):
    """The base class of data in the 1.0 edition."""

    batch_size: int
    root: str | Path
    num_workers: int

    def __init__(self, root: str | Path = "../data", num_workers: int = 4) -> None:
        self.save_hyperparameters()

    def get_dataloader(self, train: bool) -> Any:
        """Return the loader of one split; each subclass says how."""
        raise NotImplementedError

    def train_dataloader(self) -> Any:
        """Return the loader to train with."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the loader to validate with; None where there is none."""
        return self.get_dataloader(train=False)

    def get_tensorloader(
        self, tensors: Iterable[Tensor], train: bool, indices: slice = slice(0, None)
    ) -> Loader:
        """Return a loader of some examples of tensors, shuffled for training."""
        return load_array([t[indices] for t in tensors], self.batch_size, is_train=train)


class FashionMNIST(DataModule):
    """Fashion-MNIST, or its drawn stand-in, in batches [X, y].

    X is float32 of shape (N, 1, H, W) with values from 0 to 1, y int64 of shape (N,).

    Args:
        batch_size: examples a batch, fewer where the images are large.
        resize: height and width, or one number for both.
    """

    resize: Size

    def __init__(self, batch_size: int = 64, resize: Size = (28, 28)) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.train = _split(self.root, resize, train=True)
        self.val = _split(self.root, resize, train=False)

    def text_labels(self, indices: Iterable[Any]) -> list[str]:
        """Return the names of labels."""
        return get_fashion_mnist_labels(indices)

    def get_dataloader(self, train: bool) -> Loader:
        """Return the loader of one split, shuffled for training."""
        return _loader(self.train if train else self.val, self.batch_size, train, self.resize)

    def visualize(
        self, batch: Sequence[Any], nrows: int = 1, ncols: int = 8, labels: Sequence[str] = ()
    ) -> None:
        """Show the first images of a batch with their names."""
        X, y = batch
        show_images(X.squeeze(1), nrows, ncols, titles=labels or self.text_labels(y))


class SyntheticRegressionData(DataModule):
    """Data of a linear model with noise: `X` of shape (N, D) and `y` of shape (N, 1)."""

    num_train: int
    num_val: int

    def __init__(
        self,
        w: Tensor,
        b: float,
        noise: float = 0.01,
        num_train: int = 1000,
        num_val: int = 1000,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        n = num_train + num_val
        self.X = torch.randn(n, len(w))
        self.y = torch.matmul(self.X, w.reshape((-1, 1))) + b + noise * torch.randn(n, 1)

    def get_dataloader(self, train: bool) -> Loader:
        """Return the loader of the first `num_train` examples, or of the others."""
        part = slice(0, self.num_train) if train else slice(self.num_train, None)
        return self.get_tensorloader((self.X, self.y), train, part)


def get_fashion_mnist_labels(labels: Iterable[Any]) -> list[str]:
    """Return the names of labels."""
    return [_TEXT_LABELS[int(i)] for i in labels]


def get_dataloader_workers() -> int:
    """Return the book's number of worker processes; none is started (the grader sees to it)."""
    return 4


def load_data_fashion_mnist(batch_size: int, resize: Size = None) -> tuple[Loader, Loader]:
    """Return the loaders of Fashion-MNIST's training and test images, as the 0.17 edition does."""
    parts = (_split("../data", resize, train=train) for train in (True, False))
    train, test = parts
    return _loader(train, batch_size, True, resize), _loader(test, batch_size, False, resize)


def load_array(data_arrays: Sequence[Tensor], batch_size: int, is_train: bool = True) -> Loader:
    """Return a loader of tensors of the same length."""
    dataset = torch_data.TensorDataset(*data_arrays)
    return torch_data.DataLoader(dataset, batch_size, shuffle=is_train)


def synthetic_data(w: Tensor, b: float, num_examples: int) -> tuple[Tensor, Tensor]:
    """Draw X of shape (N, D) and y = Xw + b with noise of 0.01, of shape (N, 1)."""
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


def _split(root: str | Path, resize: Size, *, train: bool) -> _datasets.FashionMNIST:
    steps = [] if resize is None else [transforms.Resize(_resize_argument(resize))]
    transform = transforms.Compose([*steps, transforms.ToTensor()])
    return _datasets.FashionMNIST(root, train, transform)


def _resize_argument(resize: int | Sequence[int]) -> int | list[int]:
    return resize if isinstance(resize, int) else [int(side) for side in resize]


def _loader(dataset: Any, batch_size: int, shuffle: bool, resize: Size) -> Loader:
    height, width = _height_and_width(resize)
    pixels = height * width
    count = len(dataset)
    batch_size = max(1, min(batch_size, training_settings.BATCH_PIXELS // pixels, count // 5))
    shown = min(count, max(5 * batch_size, training_settings.epoch_pixels() // pixels))
    sampler: Any = range(shown)
    if shuffle:
        sampler = torch_data.RandomSampler(dataset, num_samples=shown)
    return torch_data.DataLoader(dataset, batch_size, sampler=sampler)


def _height_and_width(resize: Size) -> tuple[int, int]:
    if resize is None or training_settings.settings.replaying:
        return 28, 28
    if isinstance(resize, int):
        return resize, resize
    sides = [int(side) for side in resize]
    return sides[0], sides[-1]
