"""The checks of two exercises of the book on images: blur and sharpen (7.2), borders (7.3).

Values are judged, not the way to them: a kernel may be a tensor or the weight of a layer, and an
image counts when it is the result for another image of the notebook. Axes of batch and channel are
free.
"""

from math import prod

import torch
from torch.nn import functional as F

from grader.checks import Handle, check, fail, show
from reference import blur_kernel, sharpen_kernel

_MOST_IMAGES = 200
_MOST_COMPARED = 40
_LARGEST_LAYER = 1_000  # in numbers; a whole network holds no kernel of this kind
_WIDEST_BORDER = 4
_A_FEW = 64  # pixels


def named_tensors(student):
    """Return (name, tensor) for the matrices, images and weights of layers that cells bound.

    Five checks ask for the same values, and asking is expensive.
    """
    if "named tensors" not in student.remembered:
        student.remembered["named tensors"] = ask_for_tensors(student)
    return student.remembered["named tensors"]


def ask_for_tensors(student):
    found = []
    for entry in student.values(kinds=("tensor", "module"), fits=lambda shape: len(shape) >= 2):
        values = [entry.value]
        if isinstance(entry.value, Handle) and entry.value.is_module:
            sizes = entry.value.sizes().values()  # () for a lazy layer that was never called
            is_layer = sizes and all(sizes) and sum(map(prod, sizes)) <= _LARGEST_LAYER
            values = entry.value.parameters().values() if is_layer else []
        for value in values:
            if isinstance(value, torch.Tensor) and value.ndim >= 2 and value.is_floating_point():
                found.append((entry.name, value.detach().float()))
    return found[:_MOST_IMAGES]


def is_kernel(value, kernel):
    """Return whether a tensor is a kernel, once or once for each channel."""
    return value.shape[-2:] == (3, 3) and bool(
        torch.isclose(value.reshape(-1, 3, 3), kernel, atol=1e-3).all()
    )


def assert_kernel(student, word, kernel):
    tensors = named_tensors(student)
    if any(is_kernel(value, kernel) for _, value in tensors):
        return
    named = [(name, value) for name, value in tensors if word in name.lower()]
    small = [(name, value) for name, value in named if value.shape[-2:] == (3, 3)]
    if not small:
        name = f"{word}_kernel"
        raise student.not_attempted(name, f"a kernel of 3 x 3 numbers with {word} in its name")
    name, value = small[-1]
    fail(
        f"{name} is no kernel that does this: got {show(value.reshape(-1, 3, 3)[0])}, "
        f"expected {show(kernel)}",
        call=name,
        got=value,
        expected=kernel,
    )


def assert_some_image(student, words, becomes, what):
    """Require two values of which one is the result for the other.

    Args:
        words: parts of names of such values, for the message.
        becomes: yields the right results for an image (N, 1, H, W).
        what: the claim, for the message.
    """
    tensors = [(name, value) for name, value in named_tensors(student) if value.numel() > 9]
    shapes = {tuple(value.shape[-2:]) for _, value in tensors}
    images = distinct(tensors)
    for _, before in images:
        for after in becomes(before.reshape(-1, 1, *before.shape[-2:]), shapes):
            if any(is_same_image(value, after) for _, value in images):
                return
    named = [pair for pair in tensors if any(word in pair[0].lower() for word in words)]
    if not named:
        raise student.not_attempted(words[0], f"an image {what}")
    name, value = named[-1]
    others = [image for image in images if all(image[0] != one for one, _ in named)]
    fail(
        f"{name} is no image {what}", call=name, expected=f"an image {what}",
        images={f"Your {name}": value} | right_ones(value, others, becomes, shapes),
    )  # fmt: skip


def right_ones(value, images, becomes, shapes):
    """Return the image and the right result that are nearest to a wrong one, by their titles."""
    value = value.reshape(-1, 1, *value.shape[-2:])
    pairs = [
        (float((after - value).abs().mean()), name, before, after)
        for name, before in list(dict(images).items())[:_MOST_COMPARED]  # the last of each name
        for after in becomes(before.reshape(-1, 1, *before.shape[-2:]), shapes)
        if after.shape == value.shape
    ]
    if not pairs:
        return {}
    _, name, before, after = min(pairs, key=lambda pair: pair[0])
    return {name: before, f"{name} as it should become": after}


def is_same_image(value, after):
    """Return whether two images are equal; a few pixels tell most pairs apart."""
    if value.shape[-2:] != after.shape[-2:] or value.numel() != after.numel():
        return False
    value = value.reshape(after.shape)
    step = max(1, after.numel() // _A_FEW)
    return all(
        torch.allclose(one, other, atol=1e-3, rtol=1e-3)
        for one, other in (
            (value.flatten()[::step], after.flatten()[::step]),
            (value, after),
        )
    )


def distinct(tensors):
    """Leave out images that an earlier name holds as well."""
    seen = {}
    for name, value in tensors:
        seen.setdefault((tuple(value.shape), value.numpy().tobytes()), (name, value))
    return list(seen.values())


def filtered(kernel):
    def becomes(x, shapes):
        for padding in (0, 1):
            H, W = x.shape[2] - 2 + 2 * padding, x.shape[3] - 2 + 2 * padding
            if min(H, W) > 0 and (H, W) in shapes:
                yield F.conv2d(x, kernel[None, None], padding=padding)

    return becomes


def bordered(x, shapes):
    for n in range(1, _WIDEST_BORDER + 1):
        if (x.shape[2] + 2 * n, x.shape[3] + 2 * n) not in shapes:
            continue
        for mode in ("reflect", "replicate"):
            if mode == "replicate" or n < min(x.shape[2:]):
                yield F.pad(x, (n, n, n, n), mode=mode)


@check(points=1, feedback="Nine times 1/9, so that the numbers sum to 1.")
def test_the_blur_kernel(student):
    """The notebook has a 3x3 kernel in which every number is 1/9."""
    assert_kernel(student, "blur", blur_kernel())


@check(points=1, feedback="5 in the middle, -1 at its four neighbours, 0 at the corners.")
def test_the_sharpen_kernel(student):
    """The notebook has the kernel [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]."""
    assert_kernel(student, "sharp", sharpen_kernel())


@check(points=1, feedback="Keep the result of the convolution with the blur kernel in a variable.")
def test_a_blurred_image(student):
    """The notebook has a blurred copy of an image, with padding 1 or without."""
    assert_some_image(student, ("blur",), filtered(blur_kernel()), "that is another one blurred")


@check(points=1, feedback="Keep the result of the convolution with the sharpen kernel.")
def test_a_sharpened_image(student):
    """The notebook has a sharpened copy of an image, with padding 1 or without."""
    becomes = filtered(sharpen_kernel())
    assert_some_image(student, ("sharp",), becomes, "that is another one sharpened")


@check(points=1, feedback="F.pad(X, (1, 1, 1, 1), mode='reflect'), with axes of batch and channel.")
def test_a_border(student):
    """The notebook has a copy of an image with a reflected or replicated border."""
    words = ("padded", "reflect", "replicate", "mirror")
    assert_some_image(student, words, bordered, "that is another one with such a border")
