"""The checks of the learned kernel: the numbers of a convolution after the training cell.

Any convolution counts whose kernel has two numbers, with any name and training: a layer, the
student's own module, a plain tensor. Printed output does not count. One fault, one charge: beside
a wrong `corr2d` the cells run again with a right one (`builds_on`).
"""

from dataclasses import dataclass
from math import prod

import torch

from exercises.cnn.follows import has_a_source, own_calls, run_again, use_gradients
from grader.checks import StudentError, assert_close, check, fail, show
from reference import edge_image, edge_kernel, edges

TARGET = edge_kernel()
# Over 1000 default starts the largest error after 10 epochs is 0.087. The comparison adds a
# relative and an absolute part of this size, and the numbers due have size 1: 0.1 in all.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Kernel:
    """A kernel of shape (1, 2), the name it was found under and the cell that left it."""

    name: str
    cell: int
    numbers: torch.Tensor

    def is_near(self, target, tolerance=TOLERANCE):
        return torch.allclose(self.numbers, target, rtol=tolerance, atol=tolerance)

    def is_exactly(self, target):
        return torch.equal(self.numbers, target)


def kernels(captured):
    """Pick the kernels that may have been learned, in order of time."""
    found = []
    for entry in captured:
        numbers = numbers_of(entry.value)
        if numbers is not None:
            kernel = Kernel(entry.name, entry.cell, numbers.detach().float().reshape(1, 2))
            # a tensor [[1, -1]] is the kernel of the edge detector: no training ends exactly there
            if not (isinstance(entry.value, torch.Tensor) and kernel.is_exactly(TARGET)):
                found.append(kernel)
    return found


def may_be_kernel(shape):
    return prod(shape) == TARGET.numel()


def numbers_of(value):
    """Return the two numbers of a convolution's kernel, None where the value is something else."""
    if isinstance(value, torch.Tensor):
        return value if value.numel() == 2 and value.is_floating_point() else None
    if not getattr(value, "is_module", False):
        return None
    try:
        sizes = [torch.Size(shape).numel() for shape in value.sizes().values()]
        if sorted(sizes, reverse=True)[:2] not in ([2], [2, 1]):
            return None
        numbers = next(p for p in value.parameters().values() if p.numel() == 2)
        # the kernel of a layer of torch.nn; one row and two columns, not the other way round
        return numbers if numbers.ndim < 4 or numbers.shape[-1] == 2 else None
    except StudentError:  # a lazy layer before its first call has no sizes
        return None


def near_kernel(student):
    """Return the first kernel near its target, and that one or else the last kernel."""
    last = None
    for name in ("conv2d", None):  # the book's name first: asking for all values is expensive
        found = kernels(student.values(name, fits=may_be_kernel))
        for kernel in found:
            if kernel.is_near(TARGET):
                return kernel, kernel
        last = last or (found[-1] if found else None)
    return None, last


@check(
    points=4,
    feedback="Ten steps down the gradient of the summed squared error, lr 3e-2; let the gradient "
    "move the kernel, and do not write the answer into it.",
)
def test_learns_the_kernel_of_the_edge_detector(student):
    """After training, the (1, 2) kernel is within 0.1 of [[1, -1]]; other data give another one."""
    near, last = near_kernel(student)
    if near is None and last is None:
        raise student.not_attempted("conv2d", "a convolution with a kernel of 1 x 2 numbers")
    if near is None:
        call = f"the kernel in {last.name}"
        assert_close(last.numbers, TARGET, call=call, tolerance=TOLERANCE)
    else:
        assert_learned(student, near)
        assert_kept(student, near)


def assert_kept(student, near):
    """Require that the cell of a learned kernel leaves it: its layer may be made anew."""
    left = student.values(near.name, fits=may_be_kernel)
    after = [k for k in kernels(left) if k.cell == near.cell]
    if after and not after[-1].is_near(TARGET) and not after[-1].is_near(near.numbers):
        call = f"the kernel in {near.name} at the end of its cell"
        assert_close(after[-1].numbers, TARGET, call=call, tolerance=TOLERANCE)


def assert_learned(student, near):
    """Require another kernel from other data: a kernel that is written down stays."""
    if not has_a_source(student, near.cell):  # values without a cell: only exact numbers show
        stays = near.is_exactly(TARGET)
    else:
        stays = not moves(student, near)
    student.note(stays)
    if stays:
        call = f"the kernel in {near.name}, trained on other data"
        fail(
            f"{call}, stays {show(near.numbers)}",
            call=call,
            got=near.numbers,
            expected="another kernel: 2 * Y gives [[2, -2]]",
        )


def moves(student, near):
    """Return whether other data give another kernel, as far as the cell can show it."""
    ran = False
    # the edges; the image, without which nothing is learned. Not the kernel that they are computed
    # from: what is copied from it moves too
    for data, factor in ((edges(), 2.0), (edge_image(), 0.0)):
        again = run_again(student, near, data, factor, fits=may_be_kernel)
        after = [k for k in kernels(again or []) if k.name == near.name]
        if again is not None and (not after or not after[-1].is_near(TARGET)):
            return True
        ran = ran or again is not None
    # data made inside a function of the notebook stay as they are
    return not ran or use_gradients(student, own_calls(student, near.cell))
