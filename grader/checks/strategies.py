"""Inputs for checks: tensors of whole numbers, tensors of floats, sizes.

Sizes are drawn independently and the image follows from kernel and output; values come from
`hypothesis.extra.numpy.arrays`. So a failing example shrinks to something readable.
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.extra.numpy as hnp
import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor


def sizes(most: int = 4, *, least: int = 1) -> st.SearchStrategy[int]:
    """Draw one size of an axis."""
    return st.integers(least, most)


def whole_numbers(
    shape: Sequence[int], *, least: int = -8, most: int = 8, dtype: torch.dtype = torch.float32
) -> st.SearchStrategy[Tensor]:
    """Draw a tensor of small whole numbers, by default in float32.

    Sums and products of them are exact in any order, so results are compared exactly.
    """
    values = hnp.arrays(np.int64, tuple(shape), elements=st.integers(least, most))
    return values.map(lambda array: torch.from_numpy(array).to(dtype))


def floats(
    shape: Sequence[int], *, most: float = 10.0, dtype: torch.dtype = torch.float32
) -> st.SearchStrategy[Tensor]:
    """Draw a tensor of real numbers of at most `most` in size; compare results with a tolerance."""
    elements = st.floats(-most, most, width=32, allow_subnormal=False)
    values = hnp.arrays(np.float32, tuple(shape), elements=elements)
    return values.map(lambda array: torch.from_numpy(array).to(dtype))
