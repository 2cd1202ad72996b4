"""What the grader asks of this course's environment; see `grader/guest/environment.py`.

Here: the course's data sets in torchvision's place, plain images while a training runs again, the
classes of `d2l` that notebooks add methods to. Not here: the library itself (`d2l/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from d2l import _datasets, _modules
from d2l import torch as d2l
from matplotlib import pyplot as plt
from torchvision import transforms  # type: ignore[import-untyped]


def prepare() -> None:
    """Make four data sets of torchvision local."""
    _datasets.replace_torchvision_s()
    # a cell may make as many figures as it likes: the warning would only be noise in its output
    plt.rcParams["figure.max_open_warning"] = 0


@contextmanager
def short_passes() -> Iterator[None]:
    """Keep images at the size in which they are drawn, for any `resize` of a notebook."""
    resize = transforms.Resize.forward
    transforms.Resize.forward = lambda _self, image: image
    try:
        yield
    finally:
        transforms.Resize.forward = resize


def method_homes() -> list[type]:
    """Return the library's classes: `@d2l.add_to_class(d2l.Classifier)`."""
    return [value for value in vars(d2l).values() if isinstance(value, type)]


def model_base() -> type:
    """Return the class that the book's models are derived from."""
    return _modules.Classifier
