"""Changes to torch and torchvision that make a student's own code cheap and free of downloads.

Loaders work without processes, cut batches of large images and end their passes after as many
images as the library's own do. Once a cell has trained for long, a pass is one batch of two. Four
data sets are local; losses are noted (`_losses.py`); a GPU that is not there is the CPU
(`_stand_in_gpu.py`).

`patch_libraries` is called once, before student code: by the warm process that kernels are forked
from, or by a kernel that starts alone. Importing this library changes nothing by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from matplotlib import pyplot as plt
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import datasets  # type: ignore[import-untyped]

from . import (
    _datasets,
    _losses,
    _rehearsal,  # noqa: F401  (the grader looks for it)
    _settings,
    _stand_in_gpu,
)

_MARK = "_without_workers"
# batch normalisation of a small feature map refuses a batch of one
_FEWEST = 2
# settings that are errors or warnings without workers, and what they become
_PLAIN: dict[str, Any] = {
    "num_workers": 0,
    "pin_memory": False,
    "timeout": 0,
    "prefetch_factor": None,
    "persistent_workers": False,
    "multiprocessing_context": None,
    "worker_init_fn": None,
}


def patch_libraries() -> None:
    """Make every DataLoader work without processes, and four torchvision data sets local.

    Once or several times, the effect is the same.
    """
    _load_in_this_process()
    _replace_datasets()
    _losses.watch()
    _stand_in_gpu.install()
    # a cell may make as many figures as it likes: the warning would only be noise in its output
    plt.rcParams["figure.max_open_warning"] = 0


def _load_in_this_process() -> None:
    """Workers are no faster on the course's images, and cost 0.3 to 1.0 s an epoch to start."""
    original = DataLoader.__init__
    if hasattr(original, _MARK):
        return
    signature = inspect.signature(original)
    plain = {name: value for name, value in _PLAIN.items() if name in signature.parameters}

    @functools.wraps(original)
    def without_workers(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)  # a TypeError for wrong arguments, as before
        bound.arguments.update(
            {name: value for name, value in plain.items() if name in bound.arguments}
        )
        original(*bound.args, **bound.kwargs)

    iterate = DataLoader.__iter__

    def bounded(self: DataLoader[Any]) -> Iterator[Any]:
        pixels = 0
        for batch in iterate(self):
            kept = _affordable(batch, _FEWEST if _losses.spent() else None)
            pixels += _pixels(kept)
            yield kept
            if pixels >= _settings.EPOCH_PIXELS or _losses.spent():
                return

    setattr(without_workers, _MARK, True)
    DataLoader.__init__ = without_workers  # type: ignore[method-assign]
    DataLoader.__iter__ = bounded  # type: ignore[method-assign, assignment]


def _pixels(batch: Any) -> int:
    """Count those of a batch of images, all channels as one; of anything else there are none."""
    first = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(first, Tensor) or first.ndim != 4:
        return 0
    return first.shape[0] * first.shape[-2] * first.shape[-1]


def _affordable(batch: Any, at_most: int | None = None) -> Any:
    """Cut a batch of large images as the library's own loaders do: 8 s a step would be too long."""
    first = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(first, Tensor) or first.ndim != 4:
        return batch
    most = max(1, _settings.BATCH_PIXELS // max(1, first.shape[-1] * first.shape[-2]))
    most = min(most, at_most or most)
    whole = len(first)
    if whole <= most:
        return batch
    same = (isinstance(part, Tensor) and len(part) == whole for part in batch)
    cut = [part[:most] if fits else part for part, fits in zip(batch, same, strict=True)]
    return cut if type(batch) is list else tuple(cut) if type(batch) is tuple else batch


def _replace_datasets() -> None:
    for kind in (
        _datasets.MNIST,
        _datasets.KMNIST,
        _datasets.FashionMNIST,
        _datasets.CIFAR10,
    ):
        name = kind.__name__
        for home in (datasets, datasets.mnist, datasets.cifar):
            if hasattr(home, name):
                setattr(home, name, kind)
