"""Pictures of numbers, in the few shades of grey in which a feedback page draws them.

Here: from numbers to shades, without torch. Not here: from tensors to numbers
(`checks/pictures.py`), the drawing (`report/matrices.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from grader.records import Picture

SHADES = "0123456789abcdef"
_NO_NUMBER = "x"


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
