"""Inputs that are images, as pictures of a feedback page.

Here: from tensors to numbers. Not here: the shades of grey (`grader/shades.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from grader.records import Picture
from grader.shades import picture_of

_LONGEST_SIDE = 64
_MOST_PICTURES = 4
_FEWEST_PIXELS = 9


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
