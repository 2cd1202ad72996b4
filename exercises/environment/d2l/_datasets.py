"""Data sets with torchvision's API that never download: real IDX files, or drawn clothes.

`FashionMNIST`, `MNIST`, `KMNIST` and `CIFAR10` take torchvision's arguments. Images are read or
drawn when they are first looked at. The stand-in of each of the four shows the same clothes, in the
shape, colours and class names of the original; and as many, since notebooks split 60000 into 50000
and 10000: a few thousand are drawn, and come again and again.

Not here: batches (`_data.py`), drawing (`drawn_clothes.py`), when these take torchvision's place
(`course_setup.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import drawn_clothes
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate
from torchvision import datasets  # type: ignore[import-untyped]
from torchvision.datasets import VisionDataset  # type: ignore[import-untyped]

from grader.guest import cheap_batches, loaders
from grader.guest.training_settings import settings

from . import _idx
from ._at_once import transformed


class _Clothes(VisionDataset):  # type: ignore[misc]
    """What the four data sets share: torchvision's arguments, lazy images, labels, length."""

    classes: ClassVar[list[str]] = list(drawn_clothes.CLASSES)
    sizes: ClassVar[tuple[int, int]] = (60_000, 10_000)
    """Of the original's splits, for training and for testing."""

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        place = "." if root is None else root
        super().__init__(place, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return _drawn(settings.seed, self.train)

    @cached_property
    def _length(self) -> int:
        return self.sizes[0 if self.train else 1]

    def _whole(self, part: NDArray[Any]) -> NDArray[Any]:
        return np.resize(part, (self._length, *part.shape[1:]))  # repeats, and is a copy

    @cached_property
    def data(self) -> Any:
        """The images: uint8, shape (N, 28, 28)."""
        return torch.from_numpy(self._whole(self._arrays[0]))

    @cached_property
    def targets(self) -> Any:
        """The labels: int64, shape (N,)."""
        return torch.from_numpy(self._whole(self._arrays[1]))

    @property
    def train_data(self) -> Any:
        """The images, by a name of older editions of torchvision; `test_data` is the same."""
        return self.data

    @property
    def train_labels(self) -> Any:
        """The labels, by a name of older editions of torchvision; `test_labels` is the same."""
        return self.targets

    test_data, test_labels = train_data, train_labels

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class name."""
        return {name: label for label, name in enumerate(self.classes)}

    @property
    def raw_folder(self) -> str:
        """Where torchvision keeps the files of this data set."""
        return str(Path(self.root, type(self).__name__, "raw"))

    def download(self) -> None:
        """Do nothing: there is no network, and no need."""

    def extra_repr(self) -> str:
        """Name the split, as torchvision does."""
        return f"Split: {'Train' if self.train else 'Test'}"

    def __len__(self) -> int:
        return len(self.data) if "data" in vars(self) else self._length

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):  # what ends a loop over the images
            raise IndexError(f"there is no image {index}, of {len(self)}")
        image: Any = Image.fromarray(self._pixels(int(index)))
        label: Any = int(self._some("targets", self._arrays[1], int(index)))
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Return the images and labels of a batch, as loaders ask for them."""
        places = self._plain_places(indices)
        if places is None:
            return [self[index] for index in indices]
        images = transformed(self.transform, self._pixels(places))
        if images is None:
            return self._few(indices)
        return list(zip(images, self._labels(places).tolist(), strict=True))

    def __getbatch__(self, indices: Sequence[int]) -> list[Tensor] | None:
        """Return what a loader makes of a batch by default; None where its images are made apart.

        `grader.guest.loaders` asks: to take a batch apart and to join it again costs as much as to
        make it.
        """
        if type(self).__getitems__ is not _Clothes.__getitems__:
            return None
        places = self._plain_places(indices)
        labels = None if places is None else self._labels(places)
        if places is None or labels is None or labels.dtype.kind != "i":
            return None
        images = transformed(self.transform, self._pixels(places))
        if images is not None:
            return [images, torch.from_numpy(labels.astype(np.int64))]
        made = self._distinct(indices)
        if not all(isinstance(image, Tensor) for image, _ in made):
            return None
        # the copies are made once, and known to be such
        return cheap_batches.fill(default_collate(made), len(indices))

    def _plain_places(self, indices: Sequence[int]) -> NDArray[np.int64] | None:
        """Return the places of a batch; None where images have to be asked for one by one."""
        one_by_one = type(self).__getitem__ is not _Clothes.__getitem__
        if one_by_one or not len(indices) or self.target_transform is not None:
            return None
        places = np.asarray(indices)
        known = places.dtype.kind == "i" and places.min() >= 0 and places.max() < len(self)
        return places if known else None

    def _labels(self, places: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(self._some("targets", self._arrays[1], places))

    def _few(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Return a batch one by one; of large images those that a loader would keep of it."""
        made = self._distinct(indices)
        return [made[number % len(made)] for number in range(len(indices))]

    def _distinct(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        first = self[indices[0]]
        count = loaders.rows_kept(first[0], len(indices))
        return [first, *(self[index] for index in indices[1:count])]

    def _pixels(self, places: int | NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.asarray(self._some("data", self._arrays[0], places))

    def _some(self, name: str, drawn: NDArray[Any], places: int | NDArray[np.int64]) -> Any:
        """Return one image or several, with changes by the notebook; they are made on first use."""
        if name not in vars(self):
            return drawn[places % self._length % len(drawn)]
        values = getattr(self, name)
        if isinstance(places, int) or isinstance(values, np.ndarray | torch.Tensor):
            return values[places]
        return np.stack([np.asarray(values[place]) for place in places.tolist()])


@lru_cache(maxsize=2)  # a notebook makes its data sets again and again
def _drawn(seed: int, train: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = drawn_clothes.draw_clothes(
        drawn_clothes.TRAIN_SIZE if train else drawn_clothes.TEST_SIZE, [seed, int(train)]
    )
    return images, labels


class MNIST(_Clothes):
    """MNIST from IDX files in `<root>/MNIST/raw` or the data folder; drawn clothes otherwise."""

    classes: ClassVar[list[str]] = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        if self._files is None:
            drawn: tuple[NDArray[np.uint8], NDArray[np.int64]] = super()._arrays
            return drawn
        images, labels = (_idx.read_idx(path) for path in self._files)
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(f"{self._files[0].parent} does not hold one label for each image")
        return images, labels.astype(np.int64)

    @cached_property
    def _files(self) -> tuple[Path, Path] | None:
        if settings.replaying:
            return None
        return _idx.find_pair(self._folders(), self.train)

    @cached_property
    def _length(self) -> int:
        length: int = super()._length if self._files is None else len(self._arrays[0])
        return length

    def _folders(self) -> list[Path]:
        given = settings.data_dir
        bases = [base for base in (given, Path(self.root)) if base is not None]
        return [base / type(self).__name__ / "raw" for base in bases]


class KMNIST(MNIST):
    """Kuzushiji-MNIST, as `MNIST`."""

    classes: ClassVar[list[str]] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class FashionMNIST(MNIST):
    """Fashion-MNIST, as `MNIST`; its files may also lie in the data folder itself."""

    classes: ClassVar[list[str]] = list(drawn_clothes.CLASSES)

    def _folders(self) -> list[Path]:
        given = settings.data_dir
        return super()._folders() + ([] if given is None else [given / "raw", given])


class CIFAR10(_Clothes):
    """Drawn clothes in colour, 32x32: `data` is a uint8 array (N, 32, 32, 3), `targets` a list."""

    classes: ClassVar[list[str]] = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]

    sizes: ClassVar[tuple[int, int]] = (50_000, 10_000)

    @cached_property
    def _coloured(self) -> NDArray[np.uint8]:
        images, labels = self._arrays
        tint = np.random.default_rng(settings.seed).uniform(0.4, 1, (len(labels), 1, 1, 3))
        padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
        return (padded[..., None] * tint).astype(np.uint8)

    @cached_property
    def data(self) -> Any:
        """The images: uint8, shape (N, 32, 32, 3)."""
        return self._whole(self._coloured)

    @cached_property
    def targets(self) -> Any:
        """The labels: a list of whole numbers."""
        return self._whole(self._arrays[1]).tolist()

    def _pixels(self, places: int | NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.asarray(self._some("data", self._coloured, places))


def replace_torchvision_s() -> None:
    """Put these data sets in the place of torchvision's; a second call changes nothing."""
    for kind in (MNIST, KMNIST, FashionMNIST, CIFAR10):
        for home in (datasets, datasets.mnist, datasets.cifar):
            if hasattr(home, kind.__name__):
                setattr(home, kind.__name__, kind)
