"""Inside the sandbox: keeps the cost of data loaders low, for any settings of a notebook.

Loaders work without processes, cut batches of large images and end their passes after a number of
pixels. Once a cell has trained for long, a pass is one batch of two.

`install` is called once, before student code: by the warm process that kernels are forked from, or
by a kernel that starts alone. Not here: data sets (the course), short passes while a training cell
runs again (`short_passes.py`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from grader.guest import losses, training_settings

_MARK = "_without_workers"
# batch normalisation of a small feature map refuses a batch of one
_FEWEST = 2
# settings that are errors or warnings without workers, and their replacements
_PLAIN: dict[str, Any] = {
    "num_workers": 0,
    "pin_memory": False,
    "timeout": 0,
    "prefetch_factor": None,
    "persistent_workers": False,
    "multiprocessing_context": None,
    "worker_init_fn": None,
}


def install() -> None:
    """Run every DataLoader in this process and bound its passes; a second call changes nothing.

    Workers are no faster on small images, and cost 0.3 to 1.0 s an epoch to start.
    """
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
            kept = _affordable(batch, _FEWEST if losses.spent() else None)
            pixels += _pixels(kept)
            yield kept
            if pixels >= training_settings.epoch_pixels() or losses.spent():
                return

    setattr(without_workers, _MARK, True)
    DataLoader.__init__ = without_workers  # type: ignore[method-assign]
    DataLoader.__iter__ = bounded  # type: ignore[method-assign, assignment]


def _pixels(batch: Any) -> int:
    """Return the number of pixels of a batch of images, over all channels; 0 for other data."""
    first = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(first, Tensor) or first.ndim != 4:
        return 0
    return first.shape[0] * first.shape[-2] * first.shape[-1]


def _affordable(batch: Any, at_most: int | None = None) -> Any:
    """Cut a batch of large images: 8 s a step would be too long."""
    first = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(first, Tensor) or first.ndim != 4:
        return batch
    most = max(1, training_settings.BATCH_PIXELS // max(1, first.shape[-1] * first.shape[-2]))
    most = min(most, at_most or most)
    whole = len(first)
    if whole <= most:
        return batch
    same = (isinstance(part, Tensor) and len(part) == whole for part in batch)
    cut = [part[:most] if fits else part for part, fits in zip(batch, same, strict=True)]
    return cut if type(batch) is list else tuple(cut) if type(batch) is tuple else batch
