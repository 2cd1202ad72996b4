"""Cross-correlation and what is made of it: channels, true convolution, padding, filters.

Here: functions from tensors to a new tensor, written as their formulas, in plain loops; they keep
the dtype and device of `x`, change no argument and let gradients through. Not here: pooling
(`pooling.py`), layers with parameters (`layers.py`), and speed: these are for tiny inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reference.shapes import Size2, as_pair, output_shape


def corr2d(x: Tensor, k: Tensor) -> Tensor:
    """Cross-correlate one image with one kernel, without padding.

    y[i, j] = sum over a, b of x[i + a, j + b] * k[a, b]

    Args:
        x: image, shape (H, W).
        k: kernel, shape (KH, KW), KH <= H and KW <= W; dtype and device of `x`.
    Returns:
        Shape (H - KH + 1, W - KW + 1), dtype and device of `x`.
    Raises:
        ValueError: `x` or `k` is not a matrix, or `k` does not fit inside `x`.

    Source: Dive into Deep Learning, 7.2.1. The book always returns float32; we keep the
    dtype of `x`, so that checks in float64 are possible.
    """
    if x.ndim != 2 or k.ndim != 2:
        raise ValueError(f"x and k must be matrices, got shapes {(*x.shape,)} and {(*k.shape,)}")
    (H, W), (KH, KW) = x.shape, k.shape
    if KH > H or KW > W:
        raise ValueError(f"the kernel ({KH}, {KW}) does not fit inside the image ({H}, {W})")
    y = x.new_empty(H - KH + 1, W - KW + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (x[i : i + KH, j : j + KW] * k).sum()
    return y


def conv2d_true(x: Tensor, k: Tensor) -> Tensor:
    """Convolve one image with one kernel as mathematicians do: the kernel runs backwards.

    y[i, j] = sum over a, b of x[i + KH - 1 - a, j + KW - 1 - b] * k[a, b]

    This is `corr2d` with the kernel flipped along both axes; the two agree when the kernel is its
    own flip.

    Args:
        x: image, shape (H, W).
        k: kernel, shape (KH, KW), KH <= H and KW <= W; dtype and device of `x`.
    Returns:
        Shape (H - KH + 1, W - KW + 1), dtype and device of `x`.
    Raises:
        ValueError: `x` or `k` is not a matrix, or `k` does not fit inside `x`.

    Source: Dive into Deep Learning, 7.1.3 and 7.2.5.
    """
    if x.ndim != 2 or k.ndim != 2:
        raise ValueError(f"x and k must be matrices, got shapes {(*x.shape,)} and {(*k.shape,)}")
    (H, W), (KH, KW) = x.shape, k.shape
    if KH > H or KW > W:
        raise ValueError(f"the kernel ({KH}, {KW}) does not fit inside the image ({H}, {W})")
    OH, OW = H - KH + 1, W - KW + 1
    y = x.new_zeros(OH, OW)
    for a in range(KH):
        for b in range(KW):
            top, left = KH - 1 - a, KW - 1 - b
            y = y + x[top : top + OH, left : left + OW] * k[a, b]
    return y


def corr2d_multi_in(x: Tensor, k: Tensor) -> Tensor:
    """Cross-correlate an image of several channels: the sum of `corr2d` over the channels.

    y = sum over c of corr2d(x[c], k[c])

    Args:
        x: image, shape (C, H, W).
        k: kernel, shape (C, KH, KW), KH <= H and KW <= W; dtype and device of `x`.
    Returns:
        Shape (H - KH + 1, W - KW + 1), dtype and device of `x`.
    Raises:
        ValueError: an argument has not 3 axes, the channels differ, or `k` does not fit.

    Source: Dive into Deep Learning, 7.4.1. The book zips, so that surplus channels are dropped
    without a word; here they are an error.
    """
    if x.ndim != 3 or k.ndim != 3 or x.shape[0] != k.shape[0] or x.shape[0] < 1:
        raise ValueError(
            "x and k must have shapes (C, H, W) and (C, KH, KW), "
            f"got {(*x.shape,)} and {(*k.shape,)}"
        )
    y = corr2d(x[0], k[0])
    for c in range(1, x.shape[0]):
        y = y + corr2d(x[c], k[c])
    return y


def corr2d_multi_in_out(x: Tensor, k: Tensor) -> Tensor:
    """Cross-correlate an image with one kernel for each output channel.

    y[o] = corr2d_multi_in(x, k[o])

    Args:
        x: image, shape (CI, H, W).
        k: kernels, shape (CO, CI, KH, KW), KH <= H and KW <= W; dtype and device of `x`.
    Returns:
        Shape (CO, H - KH + 1, W - KW + 1), dtype and device of `x`.
    Raises:
        ValueError: `k` has not 4 axes, the input channels differ, or a kernel does not fit.

    Source: Dive into Deep Learning, 7.4.2.
    """
    if x.ndim != 3 or k.ndim != 4 or k.shape[0] < 1:
        raise ValueError(
            "x and k must have shapes (CI, H, W) and (CO, CI, KH, KW), "
            f"got {(*x.shape,)} and {(*k.shape,)}"
        )
    return torch.stack([corr2d_multi_in(x, kernel) for kernel in k])


def corr2d_multi_in_out_1x1(x: Tensor, k: Tensor) -> Tensor:
    """Mix the channels at each place: a convolution with 1x1 kernels, as a matrix product.

    y[o, i, j] = sum over c of k[o, c, 0, 0] * x[c, i, j]

    Args:
        x: image, shape (CI, H, W).
        k: kernels, shape (CO, CI, 1, 1); dtype and device of `x`.
    Returns:
        Shape (CO, H, W), dtype and device of `x`; `corr2d_multi_in_out(x, k)` up to rounding.
    Raises:
        ValueError: the shapes are others, or the input channels differ.

    Source: Dive into Deep Learning, 7.4.3.
    """
    if x.ndim != 3 or k.ndim != 4 or k.shape[1:] != (x.shape[0], 1, 1):
        raise ValueError(
            "x and k must have shapes (CI, H, W) and (CO, CI, 1, 1), "
            f"got {(*x.shape,)} and {(*k.shape,)}"
        )
    CI, H, W = x.shape
    CO = k.shape[0]
    return (k.reshape(CO, CI) @ x.reshape(CI, H * W)).reshape(CO, H, W)


def convolve(
    x: Tensor,
    k: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Size2 = 1,
    padding: Size2 = 0,
    dilation: Size2 = 1,
    groups: int = 1,
) -> Tensor:
    """Do what a convolutional layer does to a batch: cross-correlation with all the trimmings.

    y[n, o, i, j] = bias[o] + sum over c, a, b of
                    padded x[n, first + c, i * SH + a * DH, j * SW + b * DW] * k[o, c, a, b]

    where `first` is the first input channel of the group that o belongs to.

    Args:
        x: images, shape (N, CI, H, W).
        k: kernels, shape (CO, CI / groups, KH, KW); dtype and device of `x`.
        bias: shape (CO,), or None.
        stride: step of the window, (SH, SW) or one number.
        padding: zeros on each side, (PH, PW) or one number.
        dilation: distance inside the window, (DH, DW) or one number.
        groups: into how many independent parts the channels are split.
    Returns:
        Shape (N, CO, OH, OW) with `output_shape`'s height and width; dtype and device of `x`.
    Raises:
        ValueError: the shapes do not belong together, or a kernel does not fit.

    Source: Dive into Deep Learning, 7.3 and 7.4; dilation and groups as in `torch.nn.Conv2d`.
    """
    if x.ndim != 4 or k.ndim != 4:
        raise ValueError(f"x and k must have 4 axes, got shapes {(*x.shape,)} and {(*k.shape,)}")
    (N, CI, H, W), (CO, CG, KH, KW) = x.shape, k.shape
    if groups < 1 or CG * groups != CI or CO % groups:
        raise ValueError(f"{groups} groups do not fit shapes {(*x.shape,)} and {(*k.shape,)}")
    if bias is not None and bias.shape != (CO,):
        raise ValueError(f"bias must have shape {(CO,)}, got {(*bias.shape,)}")
    OH, OW = output_shape((H, W), (KH, KW), stride=stride, padding=padding, dilation=dilation)
    (SH, SW), (DH, DW) = as_pair(stride), as_pair(dilation)
    x = pad2d(x, padding)
    y = x.new_zeros(N, CO, OH, OW)
    for o in range(CO):
        first = o // (CO // groups) * CG
        for i in range(OH):
            for j in range(OW):
                rows = slice(i * SH, i * SH + DH * (KH - 1) + 1, DH)
                columns = slice(j * SW, j * SW + DW * (KW - 1) + 1, DW)
                window = x[:, first : first + CG, rows, columns]
                y[:, o, i, j] = (window * k[o]).sum(dim=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def comp_conv2d(conv2d: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a layer that wants batches and channels to one image.

    y = conv2d(x[None, None])[0, 0]

    Args:
        conv2d: called once with shape (1, 1, H, W); answers (1, 1, OH, OW).
        x: image, shape (H, W).
    Returns:
        Shape (OH, OW), also where OH or OW is 1.
    Raises:
        ValueError: `x` is not a matrix, or the layer answers with another number of channels.

    Source: Dive into Deep Learning, 7.3.1.
    """
    if x.ndim != 2:
        raise ValueError(f"x must be a matrix, got shape {(*x.shape,)}")
    y = conv2d(x.reshape(1, 1, *x.shape))
    if y.ndim != 4 or y.shape[:2] != (1, 1):
        raise ValueError(f"the layer must answer with shape (1, 1, OH, OW), got {(*y.shape,)}")
    return y.reshape(y.shape[2:])


def avg_pool_as_conv(x: Tensor, pool_size: tuple[int, int]) -> Tensor:
    """Average pooling with stride 1, as a cross-correlation with a constant kernel.

    y = corr2d(x, k), k[a, b] = 1 / (PH * PW)

    Args:
        x: image, shape (H, W), of a floating dtype.
        pool_size: window (PH, PW), PH <= H and PW <= W.
    Returns:
        Shape (H - PH + 1, W - PW + 1); `pool2d(x, pool_size, "avg")` up to rounding.
    Raises:
        ValueError: `x` is not a matrix, or the window does not fit inside it.

    Source: Dive into Deep Learning, 7.5, exercise 1.
    """
    PH, PW = as_pair(pool_size)
    return corr2d(x, x.new_full((PH, PW), 1 / (PH * PW)))


def pad2d(
    x: Tensor,
    padding: Size2 | tuple[int, int, int, int],
    mode: str = "zeros",
    value: float = 0.0,
) -> Tensor:
    """Put a border around images.

    Row i of the answer is row i - top of `x`; where there is none, the mode says what stands in:
    zeros (or `value`), reflect (the mirror image, the edge itself not repeated), replicate (the
    edge), circular (the other side).

    Args:
        x: images, shape (..., H, W).
        padding: one number, (rows, columns) for both sides, or (left, right, top, bottom) in the
            order of `torch.nn.functional.pad`.
        mode: "zeros", "reflect", "replicate" or "circular".
        value: what "zeros" fills with.
    Returns:
        Shape (..., top + H + bottom, left + W + right), a new tensor.
    Raises:
        ValueError: an unknown mode, padding that is negative or of another length, fewer than two
            axes, or an image too small to be reflected (padding < size) or wrapped
            (padding <= size).

    Source: Dive into Deep Learning, 7.3, exercises; modes as in `torch.nn.functional.pad`.
    """
    if x.ndim < 2:
        raise ValueError(f"x must have at least two axes, got shape {(*x.shape,)}")
    if isinstance(padding, int) or len(padding) == 2:
        (top, left), (bottom, right) = as_pair(padding), as_pair(padding)
    elif len(padding) != 4:
        raise ValueError(f"padding must be one, two or four numbers, got {tuple(padding)}")
    else:
        left, right, top, bottom = padding
    H, W = x.shape[-2:]
    if mode == "zeros":
        if min(left, right, top, bottom) < 0:
            raise ValueError(f"padding must not be negative, got {padding}")
        y = x.new_full((*x.shape[:-2], top + H + bottom, left + W + right), value)
        y[..., top : top + H, left : left + W] = x
        return y
    rows = torch.tensor(_sources(H, top, bottom, mode), device=x.device)
    columns = torch.tensor(_sources(W, left, right, mode), device=x.device)
    return x.index_select(-2, rows).index_select(-1, columns)


def _sources(n: int, before: int, after: int, mode: str) -> list[int]:
    """Which of 0..n-1 stands at each place of an axis of n, padded by `before` and `after`."""
    most = {"reflect": n - 1, "replicate": before + after, "circular": n}.get(mode)
    if most is None:
        raise ValueError(f"mode must be zeros, reflect, replicate or circular, got {mode!r}")
    if min(before, after) < 0 or max(before, after) > most:
        raise ValueError(f"cannot pad a size of {n} by ({before}, {after}) with mode {mode!r}")
    places = range(-before, n + after)
    if mode == "replicate":
        return [min(max(i, 0), n - 1) for i in places]
    if mode == "circular":
        return [i % n for i in places]
    return [n - 1 - abs(n - 1 - abs(i)) for i in places]


def blur_kernel(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the 3x3 kernel of a box blur: nine times 1/9."""
    return torch.full((3, 3), 1 / 9, dtype=dtype)


def sharpen_kernel(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the 3x3 kernel that sharpens: five in the middle, -1 at its four neighbours."""
    return torch.tensor([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=dtype)


def blur(x: Tensor, padding: Size2 = 0, mode: str = "zeros") -> Tensor:
    """Replace each pixel by the mean of its 3x3 neighbourhood.

    Args:
        x: image, shape (H, W), of a floating dtype.
        padding, mode: border put around `x` first, see `pad2d`; padding 1 keeps the size.
    Returns:
        Shape (H + 2 * PH - 2, W + 2 * PW - 2).
    Raises:
        ValueError: as `pad2d`, or the padded image is smaller than 3x3.

    Source: Dive into Deep Learning, 7.2, exercise 2.
    """
    return corr2d(pad2d(x, padding, mode), blur_kernel(x.dtype).to(x.device))


def sharpen(x: Tensor, padding: Size2 = 0, mode: str = "zeros") -> Tensor:
    """Add to each pixel how much it differs from its four neighbours.

    Args:
        x: image, shape (H, W).
        padding, mode: border put around `x` first, see `pad2d`; padding 1 keeps the size.
    Returns:
        Shape (H + 2 * PH - 2, W + 2 * PW - 2); flat regions stay as they are.
    Raises:
        ValueError: as `pad2d`, or the padded image is smaller than 3x3.

    Source: Dive into Deep Learning, 7.2, exercise 2.
    """
    return corr2d(pad2d(x, padding, mode), sharpen_kernel(x.dtype).to(x.device))
