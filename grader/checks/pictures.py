"""Inputs that are images, in the few shades of grey in which a feedback page draws them.

Here: from numbers to shades. Not here: the drawing (`report/matrices.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from grader.records import Picture

SHADES = "0123456789abcdef"
_NO_NUMBER = "x"
_LONGEST_SIDE = 64
_MOST_PICTURES = 4
_FEWEST_PIXELS = 9


def picture_of(title: str, height: int, width: int, numbers: Sequence[float]) -> Picture:
    """Make a picture of numbers, row by row: the smallest is black, the largest white."""
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = (high / 2 - low / 2) or 1.0  # halves: the difference of two huge numbers is infinite
    last = len(SHADES) - 1
    shades = (
        SHADES[min(last, int(len(SHADES) * ((number / 2 - low / 2) / span)))]
        if math.isfinite(number)
        else _NO_NUMBER
        for number in numbers
    )
    return Picture(title, width, height, "".join(shades))


def pictures_of(images: Mapping[str, Tensor]) -> tuple[Picture, ...]:
    """Make pictures of tensors that hold an image each: a matrix, or one with axes of length 1.

    Of a batch or of several channels the first image is drawn; a large one is thinned. A matrix of
    a few numbers is no image: it is read more easily as numbers.
    """
    found = []
    for title, tensor in list(images.items())[:_MOST_PICTURES]:
        image = tensor.detach().double().cpu()
        while image.ndim > 2:
            image = image[0]
        if image.ndim != 2 or image.numel() < _FEWEST_PIXELS:
            continue
        step = -(-max(image.shape) // _LONGEST_SIDE)
        image = image[::step, ::step]
        height, width = image.shape
        found.append(picture_of(title, height, width, image.flatten().tolist()))
    return tuple(found)
