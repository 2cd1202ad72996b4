"""Known answers on images: what cells leave that are right, or wrong.

Every answer is a function that returns the names and values of the notebook after its cells.
"""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

BLUR = "test_the_blur_kernel"
SHARPEN = "test_the_sharpen_kernel"
BLURRED = "test_a_blurred_image"
SHARPENED = "test_a_sharpened_image"
BORDER = "test_a_border"

MEANS = torch.ones(3, 3) / 9
SHARP = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]])


def image(H=7, W=9):
    return torch.randn(H, W, generator=torch.Generator().manual_seed(2))


def through(x, kernel, padding=0):
    """Apply a kernel to an image (H, W)."""
    return F.conv2d(x[None, None], kernel[None, None], padding=padding)[0, 0]


def cells(blur=MEANS, sharpen=SHARP, mode="reflect", **others):
    """Return what right cells leave, but for what is replaced."""
    x = image()
    found = {
        "img": x,
        "blur_kernel": blur,
        "sharpen_kernel": sharpen,
        "blurred": through(x, blur),
        "sharpened": through(x, sharpen),
        "padded": F.pad(x[None, None], (1, 1, 1, 1), mode=mode),
    }
    return found | others


@rewrite
def as_one_would_write_it():
    return cells()


@rewrite
def with_padding_and_replicated_borders():
    x = image()
    same = {"blurred": through(x, MEANS, 1), "sharpened": through(x, SHARP, padding=1)}
    return cells(mode="replicate", **same)


@rewrite
def with_layers():
    x = image()[None, None]
    found = {"X": x}
    for name, kernel in (("smooth", MEANS), ("crisp", SHARP)):
        layer = nn.Conv2d(1, 1, kernel_size=3, bias=False)
        layer.weight.data = kernel[None, None]
        found |= {name: layer, f"{name}_out": layer(x).detach()}
    return found | {"P": F.pad(x, (2, 2, 2, 2), mode="reflect")}


@rewrite
def three_channels_in_a_batch():
    x = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(2))
    kernels = [k.repeat(3, 1, 1, 1) for k in (MEANS, SHARP)]
    done = [F.conv2d(x, k, groups=3) for k in kernels]
    return {
        "photo": x,
        "k1": kernels[0],
        "k2": kernels[1],
        "y1": done[0],
        "y2": done[1],
        "mirrored": F.pad(x, (3, 3, 3, 3), mode="reflect"),
    }


@rewrite
def rounded_kernels_and_other_names():
    x, k = image(), torch.full((3, 3), 0.1111)
    return {
        "K": k,
        "A": x,
        "B": through(x, MEANS),
        "k": SHARP.double(),
        "C": through(x, SHARP),
        "D": nn.ReplicationPad2d(1)(x[None, None]),
    }


@mistake(
    "the numbers of the blur kernel do not sum to 1",
    hint="Nine numbers whose sum is 1.",
    caught_by=(BLUR, BLURRED),
)
def blurs_with_ones():
    return cells(blur=torch.ones(3, 3))


@mistake(
    "the middle of the sharpen kernel is 4",
    hint="With 4 in the middle the numbers sum to 0: that finds edges. They should sum to 1.",
    caught_by=(SHARPEN, SHARPENED),
)
def finds_edges():
    kernel = SHARP.clone()
    kernel[1, 1] = 4
    return cells(sharpen=kernel)


@mistake(
    "the signs of the sharpen kernel are exchanged",
    hint="5 in the middle, -1 at its four neighbours.",
    caught_by=(SHARPEN, SHARPENED),
)
def negative_sharpen_kernel():
    return cells(sharpen=-SHARP)


@mistake(
    "the blurred image is not what the blur kernel makes of the image",
    hint="Was the layer applied to the image, and made with bias=False?",
    caught_by=BLURRED,
)
def blurs_with_a_bias():
    return cells(blurred=through(image(), MEANS) + 0.5)


@mistake(
    "the sharpened image is not what the sharpen kernel makes of the image",
    hint="Was the layer applied to the image, and made with bias=False?",
    caught_by=SHARPENED,
)
def sharpens_with_a_bias():
    return cells(sharpened=through(image(), SHARP) + 0.5)


@mistake(
    "the border is neither reflected nor replicated",
    hint="F.pad takes mode='reflect' or mode='replicate', and 0 without them; pad all four sides.",
    caught_by=BORDER,
)
def pads_with_zeros():
    return cells(padded=F.pad(image(), (1, 1, 1, 1)))


@mistake(
    "there is no image, only kernels",
    hint="Apply the kernels to an image and keep the results.",
    caught_by=(BLURRED, SHARPENED, BORDER),
)
def kernels_only():
    return {"blur_kernel": MEANS, "sharpen_kernel": SHARP}


@mistake(
    "the kernels were not kept",
    hint="Keep them in variables, or as the weight of a layer.",
    caught_by=(BLUR, SHARPEN),
)
def results_only():
    found = cells()
    return {k: v for k, v in found.items() if not k.endswith("kernel")}
