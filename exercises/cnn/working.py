"""The arithmetic of one entry of a result, spelled out for feedback pages.

Each function returns one that takes the index of an entry, as `assert_close(working=...)` needs it,
or the sentence on the shape that `shape_working=` needs. A long sum is shortened to one number for
each channel, or left out.

Not here: the right results (`reference/`), where the arithmetic stands (`grader/report`).
"""

from torch.nn import functional as F

_MOST_TERMS = 9  # of one channel, or of channels of one number each: a 3 x 3 kernel
_MOST_IN_ALL = 18
_MOST_CHANNELS = 6


def correlated(x, k, *, bias=0.0, padding=(0, 0), stride=(1, 1)):
    """Return a function that spells out one entry of a cross-correlation.

    Args:
        x: the image, (H, W) or (C, H, W).
        k: the kernel, (h, w), (C, h, w) or (CO, C, h, w).
        bias: added to every sum.
        padding: rows and columns of zeros on each side.
        stride: of the windows, downwards and to the right.
    """
    (PH, PW), (SH, SW) = padding, stride
    image = F.pad(x.reshape(-1, *x.shape[-2:]), (PW, PW, PH, PH))

    def working(index):
        *output, i, j = index
        kernel = (k[output[0]] if k.ndim == 4 else k).reshape(-1, *k.shape[-2:])
        h, w = kernel.shape[-2:]
        windows = image[:, i * SH : i * SH + h, j * SW : j * SW + w]
        channels = [
            list(zip(window.flatten().tolist(), numbers.flatten().tolist(), strict=True))
            for window, numbers in zip(windows, kernel, strict=True)
        ]
        return _sum_of_products(entry(index), channels, bias)

    return working


def size_of_correlation(x, k, *, padding=(0, 0), stride=(1, 1)):
    """Return how the shape of a cross-correlation follows from the shapes of image and kernel."""
    (H, W), (h, w) = x.shape[-2:], k.shape[-2:]
    rows = _size("rows", "H", "h", H, h, padding[0], stride[0])
    columns = _size("columns", "W", "w", W, w, padding[1], stride[1])
    outputs = f"output channels: {k.shape[0]}; " if k.ndim == 4 else ""
    return f"{outputs}{rows}; {columns}"


def pooled(x, size, mode):
    """Return a function that spells out one window of a pooling, 'max' or 'avg'."""

    def working(index):
        i, j = index
        window = x[i : i + size[0], j : j + size[1]].flatten().tolist()
        if len(window) > _MOST_TERMS:
            return ""
        if mode == "max":
            numbers = ", ".join(map(_plain, window))
            return f"{entry(index)} is the largest of {numbers}: {_plain(max(window))}"
        mean = sum(window) / len(window)
        total = " + ".join(map(_summand, window))
        return f"{entry(index)} = ({total}) / {len(window)} = {_plain(mean)}"

    return working


def entry(index):
    """Return the name of an entry: `y[0, 1]`."""
    return f"y[{', '.join(map(str, index))}]"


def _sum_of_products(name, channels, bias):
    """Spell out a sum over channels, each of which is a list of pairs of factors."""
    sums = [sum(a * b for a, b in pairs) for pairs in channels]
    total = _plain(sum(sums) + bias)
    more = f" + {_summand(bias)}" if bias else ""
    products = [" + ".join(f"{_summand(a)}*{_summand(b)}" for a, b in pairs) for pairs in channels]
    longest, count = max(map(len, channels)), sum(map(len, channels))
    if longest == 1 or len(channels) == 1:  # one sum
        return f"{name} = {' + '.join(products)}{more} = {total}" if count <= _MOST_TERMS else ""
    if len(channels) > _MOST_CHANNELS:
        return ""
    by_channel = " + ".join(map(_summand, sums))
    if longest <= _MOST_TERMS and count <= _MOST_IN_ALL:
        grouped = " + ".join(f"({one})" for one in products)
        return f"{name} = {grouped}{more} = {by_channel}{more} = {total}"
    return f"{name} = {by_channel}{more} = {total}, one number for each input channel"


def _size(what, outer, inner, length, part, padding, stride):
    """Spell out the length of one axis of a result."""
    formula, numbers = f"{outer} - {inner}", f"{length} - {part}"
    if padding:
        formula, numbers = f"{outer} + 2*{padding} - {inner}", f"{length} + {2 * padding} - {part}"
    if stride != 1:
        formula, numbers = f"({formula}) // {stride}", f"({numbers}) // {stride}"
    result = (length + 2 * padding - part) // stride + 1
    return f"{what}: {formula} + 1 = {numbers} + 1 = {result}"


def _plain(number):
    return f"{number:.6g}"


def _summand(number):
    """Return a number as it stands in a sum or product: a negative one in parentheses."""
    text = _plain(number)
    return f"({text})" if text.startswith("-") else text
