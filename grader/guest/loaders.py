"""Inside the sandbox: keeps the cost of data loaders low, for any settings of a notebook.

Loaders work without processes. Every pass has all its batches, and every batch the size that was
asked for. A batch of large images repeats its first ones; after a number of pixels, or once a cell
has trained for long, the rest of a pass is one batch again and again (`cheap_batches.py`).

`install` is called once, before student code: by the warm process that kernels are forked from, or
by a kernel that starts alone. Not here: data sets (the course), short passes while a training cell
runs again (`short_passes.py`).
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from grader.guest import cheap_batches, losses, training_settings
from grader.guest.training_settings import settings
from grader.wire.torch_internals import change_fetch

_MARK = "_without_workers"
# batch normalisation of a small feature map refuses a batch of one
_FEWEST = 2
# while a cell runs again its network is small, and the sum of a batch's losses counts
_REPLAYED = 24
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
        pixels = count = 0
        batch: Any = None
        before = losses.steps_taken()
        try:
            for whole in iterate(self):
                spent = losses.spent()
                batch = _affordable(whole, spent=spent)
                pixels += _pixels(batch)
                count += 1
                cheap_batches.set_idle(spent)
                yield batch
                # an end after each large batch would make a pass for each of the first steps
                trains = losses.has_few_steps() and losses.steps_taken() - before >= count
                over = pixels >= training_settings.epoch_pixels() and not trains
                if over or losses.spent():
                    # each step of a run for the grader is a real one
                    yield from () if settings.replaying else _rest(self, batch, count)
                    return
        finally:
            cheap_batches.set_idle(False)

    setattr(without_workers, _MARK, True)
    DataLoader.__init__ = without_workers  # type: ignore[method-assign]
    DataLoader.__iter__ = bounded  # type: ignore[method-assign, assignment]
    change_fetch(_at_once)
    cheap_batches.install()


def _at_once(fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Ask data sets of a course for a whole batch, by `__getbatch__`, in place of its examples."""
    if hasattr(fetch, _MARK):
        return fetch

    @functools.wraps(fetch)
    def whole_or_joined(fetcher: Any, places: Any) -> Any:
        data = fetcher.dataset
        ask = getattr(type(data), "__getbatch__", None)  # not of the data that this set wraps
        plain = fetcher.auto_collation and fetcher.collate_fn is default_collate
        batch = ask(data, places) if plain and ask is not None else None
        return fetch(fetcher, places) if batch is None else batch

    setattr(whole_or_joined, _MARK, True)
    return whole_or_joined


def _rest(loader: DataLoader[Any], batch: Any, count: int) -> Iterator[Any]:
    """Yield the last batch in place of all that follow it; end early where that takes long."""
    try:
        length = len(loader)
    except TypeError:  # data without an end
        return
    started = time.thread_time()  # a pass must not be shorter where the machine is busy
    for number in range(count, length):
        # a network that is a function computes every batch
        if losses.late() or time.thread_time() - started > settings.training_most_s:
            return
        cheap_batches.set_idle(True)
        yield _last(loader, batch) if number == length - 1 else batch


def _last(loader: DataLoader[Any], batch: Any) -> Any:
    """Cut a batch to the size of the last one of a pass."""
    size = loader.batch_size
    if size is None or loader.drop_last or type(batch) not in (list, tuple):
        return batch
    left = len(loader.sampler) % size  # type: ignore[arg-type]
    sized = (isinstance(part, Tensor) and part.ndim and len(part) == size for part in batch)
    parts = [
        part[: left or size] if fits else part for part, fits in zip(batch, sized, strict=True)
    ]
    return type(batch)(parts)


def _pixels(batch: Any) -> int:
    """Return the number of pixels of a batch of images, over all channels; 0 for other data."""
    first = batch[0] if isinstance(batch, list | tuple) and batch else None
    if not isinstance(first, Tensor) or first.ndim != 4:
        return 0
    return first.shape[0] * first.shape[-2] * first.shape[-1]


def _affordable(batch: Any, *, spent: bool) -> Any:
    """Repeat few images of a batch in place of many large ones: 8 s a step would be too long."""
    if not (pixels := _pixels(batch)) or type(batch) not in (list, tuple):
        return batch
    most = _FEWEST if spent else _most_rows(pixels / len(batch[0]))
    return cheap_batches.repeat(batch, most)


def rows_kept(image: Any, size: int) -> int:
    """Return how many rows of a batch of such images are kept, of all `size`; the rest repeats.

    For data sets that would otherwise make images which nothing looks at.
    """
    if not isinstance(image, Tensor) or image.ndim != 3 or not image.numel():
        return size
    most = _FEWEST if losses.spent() else _most_rows(image.shape[-2] * image.shape[-1])
    return min(size, most)


def _most_rows(pixels: float) -> int:
    """Return how many images of so many pixels a batch may have."""
    if settings.replaying:  # what is recorded has a size as well
        return max(_FEWEST, int(training_settings.BATCH_PIXELS * _REPLAYED / pixels))
    is_large = pixels > training_settings.LARGE_PIXELS
    most = training_settings.LARGE_BATCH_PIXELS if is_large else training_settings.BATCH_PIXELS
    return max(_FEWEST, int(most / pixels))
