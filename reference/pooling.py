"""Maximum and average pooling, written as their formulas.

Here: the book's `pool2d` on one image, and the general form with padding, stride and channels.
Not here: average pooling as a convolution (`ops.py`), or pooling layers: models use torch's.
"""

from __future__ import annotations

from torch import Tensor

from reference.ops import pad2d
from reference.shapes import Size2, as_pair, output_shape

MODES = ("max", "avg")


def pool2d(x: Tensor, pool_size: tuple[int, int], mode: str = "max") -> Tensor:
    """Slide a window over one image, one step at a time, and keep its maximum or its mean.

    y[i, j] = max (or mean) over a < PH, b < PW of x[i + a, j + b]

    Args:
        x: image, shape (H, W); of a floating dtype for "avg".
        pool_size: window (PH, PW), PH <= H and PW <= W.
        mode: "max" or "avg".
    Returns:
        Shape (H - PH + 1, W - PW + 1), dtype and device of `x`.
    Raises:
        ValueError: `x` is not a matrix, the window does not fit, or an unknown mode.

    Source: Dive into Deep Learning, 7.5.1. The book returns float32 and, for an unknown mode,
    zeros; we keep the dtype of `x` and refuse the mode.
    """
    if x.ndim != 2:
        raise ValueError(f"x must be a matrix, got shape {(*x.shape,)}")
    if mode not in MODES:
        raise ValueError(f"mode must be 'max' or 'avg', got {mode!r}")
    (H, W), (PH, PW) = x.shape, as_pair(pool_size)
    if not (1 <= PH <= H and 1 <= PW <= W):
        raise ValueError(f"the window ({PH}, {PW}) does not fit inside the image ({H}, {W})")
    y = x.new_empty(H - PH + 1, W - PW + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            window = x[i : i + PH, j : j + PW]
            y[i, j] = window.max() if mode == "max" else window.mean()
    return y


def pool2d_general(
    x: Tensor,
    pool_size: Size2,
    mode: str = "max",
    *,
    stride: Size2 | None = None,
    padding: Size2 = 0,
) -> Tensor:
    """Pool each channel of each image of a batch.

    y[n, c, i, j] = max (or mean) over a < PH, b < PW of padded x[n, c, i * SH + a, j * SW + b]

    The border is minus infinity for "max", so that it never wins, and zero for "avg", where it
    counts in the mean.

    Args:
        x: images, shape (N, C, H, W), of a floating dtype.
        pool_size: window (PH, PW) or one number.
        mode: "max" or "avg".
        stride: step of the window, (SH, SW) or one number; the window itself when None.
        padding: border on each side, at most half the window.
    Returns:
        Shape (N, C, OH, OW) with `output_shape`'s height and width; dtype and device of `x`.
    Raises:
        ValueError: `x` has not 4 axes, the window does not fit, the border is wider than half
            the window, or an unknown mode.

    Source: Dive into Deep Learning, 7.5.2 and 7.5.3; borders as in `torch.nn.functional`.
    """
    if x.ndim != 4:
        raise ValueError(f"x must have shape (N, C, H, W), got {(*x.shape,)}")
    if mode not in MODES:
        raise ValueError(f"mode must be 'max' or 'avg', got {mode!r}")
    (N, C, H, W), (PH, PW), (BH, BW) = x.shape, as_pair(pool_size), as_pair(padding)
    if 2 * BH > PH or 2 * BW > PW:
        raise ValueError(f"the border ({BH}, {BW}) is wider than half the window ({PH}, {PW})")
    SH, SW = as_pair(pool_size if stride is None else stride)
    OH, OW = output_shape((H, W), (PH, PW), stride=(SH, SW), padding=(BH, BW))
    x = pad2d(x, (BH, BW), value=float("-inf") if mode == "max" else 0.0)
    y = x.new_empty(N, C, OH, OW)
    for i in range(OH):
        for j in range(OW):
            window = x[:, :, i * SH : i * SH + PH, j * SW : j * SW + PW]
            y[:, :, i, j] = window.amax((2, 3)) if mode == "max" else window.mean((2, 3))
    return y
