"""The checks of the learned kernel: the numbers of a convolution after the training cell.

Any convolution counts whose kernel has two numbers, with any name and training: a layer, the
student's own module, a plain tensor. Printed output does not count. One fault, one charge: beside
a wrong `corr2d` the cells run again with a right one (`builds_on`).
"""

import math
from dataclasses import dataclass

import torch

from exercises.cnn.follows import descends, has_a_source, run_with
from grader.checks import StudentError, assert_close, check, fail, show
from reference import corr2d, edge_image, edge_kernel, edges

TARGET = edge_kernel()
# Over 1000 default starts the largest error after 10 epochs is 0.087. The comparison adds a
# relative and an absolute part of this size, and the numbers due have size 1: 0.1 in all.
TOLERANCE = 0.05
TINY = 1e-7  # of an image: Adam too, with 1e-8 beside its gradients, takes no step on it
NO_START = 0.05  # of a kernel: as near to 0 as a drawn start is once in 200 times
HALVINGS = 8  # of the sizes from TINY to 1, in their logarithm
ALIKE = 0.05  # steps miss the law of a damped solution by a fifth and more
NEARLY = 0.09  # of the kernel for other data: it may lie in a direction that is learned slowly


@dataclass(frozen=True)
class Kernel:
    """A kernel of shape (1, 2), the name it was found under and the cell that left it."""

    name: str
    cell: int
    numbers: torch.Tensor

    def is_near(self, target, tolerance=TOLERANCE):
        return torch.allclose(self.numbers, target, rtol=tolerance, atol=tolerance)

    def is_near_part(self, target):
        """Return whether the kernel is near a target of any size."""
        return torch.allclose(
            self.numbers / target.abs().max(), target / target.abs().max(), atol=0.1
        )

    @property
    def share(self):
        """The share of the target that it is, by its difference of neighbours."""
        return float((self.numbers * TARGET).sum() / (TARGET * TARGET).sum())

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
    return math.prod(shape) == TARGET.numel()


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
    """Require the kernel to follow other data as a training does: one that is written down stays.

    So does one that is read off some pixels: the other edges hold errors that a least sum of
    squares leaves out.
    """
    if not has_a_source(student, near.cell):  # values without a cell: only exact numbers show
        left, wrong = near.numbers, near.is_exactly(TARGET)
        due = 2 * TARGET
    else:
        left, due, wrong = followed(student, near)
    student.note(wrong)
    if not wrong and has_a_source(student, near.cell):
        assert_not_solved(student, near)
    if wrong:
        call = f"the kernel in {near.name}, trained on other data"
        stays = torch.allclose(left, TARGET, atol=2 * TOLERANCE)
        comes = f"stays {show(left)}" if stays else f"is {show(left)} without steps that lead there"
        fail(f"{call}, {comes}", call=call, got=left, expected=f"a training gives {show(due)}")


def assert_not_solved(student, near):
    """Require a kernel that steps lead to: a closed form has no steps.

    On a tiny image a gradient is tiny, and a descent stays at its start. A solution of the least
    squares is found at once: it grows as the image shrinks, or stays where the edges shrink too.
    """
    tiny = kernel_with(student, near, edge_image(), edge_image() * TINY)
    if tiny is None:
        return
    plain = any(tiny.is_near_part(due) for due in (TARGET / TINY, TARGET))
    if plain or is_damped(student, near, tiny):
        call = f"the kernel in {near.name}, trained on a tiny image"
        fail(
            f"{call}, is {show(tiny.numbers)}: it is solved for, and no steps lead to it",
            call=call, got=tiny.numbers, expected="a kernel that is still near its start",
        )  # fmt: skip


def is_damped(student, near, tiny):
    """Return whether a kernel solves damped least squares: a ridge regression.

    Of the edges in an image of size s it predicts the share c s^2 / (1 + c s^2): the share by the
    rest grows with s^2. Steps from 0 leave a rest that falls like a power of 1 - c s^2; steps
    from another start leave that start on a tiny image, and are not asked any further.

    Args:
        student: the notebook.
        near: the learned kernel.
        tiny: the kernel for an image of size `TINY`.
    """
    larger = kernel_with(student, near, edge_image(), edge_image() * 10 * TINY)
    if larger is None:
        return False
    grows = not torch.allclose(larger.numbers, tiny.numbers, atol=NO_START)
    is_zero = float(tiny.numbers.abs().max()) < NO_START
    # the edges shrink with the image where the cell makes them from it
    return (is_zero and grows_by_square(student, near, 0)) or (
        (is_zero or grows) and grows_by_square(student, near, 1)
    )


def grows_by_square(student, near, power):
    """Return whether share by rest grows with the square of the image's size.

    Args:
        student: the notebook.
        near: the learned kernel.
        power: of the size, by which a kernel is multiplied for its share: 1 where the edges stay.
    """

    def odds(size):
        """Return share by rest; 0 and infinity where either is missing."""
        left = kernel_with(student, near, edge_image(), edge_image() * size)
        share = 0.0 if left is None else left.share * size**power
        return max(0.0, share) / (1 - share) if share < 1 else math.inf

    low, high = math.log(TINY), 0.0
    for _ in range(HALVINGS):
        size = math.exp((low + high) / 2)
        middle = odds(size)
        if 1 / 3 < middle < 3:
            break
        low, high = (low, math.log(size)) if middle > 1 else (math.log(size), high)
    else:
        return False
    return all(
        math.isclose(odds(size * by), middle * by**2, rel_tol=ALIKE) for by in (0.5, 0.7, 1.5)
    )


def followed(student, near):
    """Return what other edges make of a kernel, what is due, and whether it does not follow.

    A loss that is not a square, or that never has the edges as a tensor, leaves another kernel: it
    follows if it was trained down a loss, and without an image it learns nothing.
    """
    edges_instead, due = other_edges(student.secret)
    left = kernel_with(student, near, edges(), edges_instead)
    if left is not None and left.is_near(due, NEARLY):
        return left.numbers, due, False
    blank = kernel_with(student, near, edge_image(), torch.zeros_like(edge_image()))
    trained = descends(student, near.cell) and (blank is None or not blank.is_near(TARGET))
    return (left or near).numbers, due, not trained


def kernel_with(student, near, data, others):
    """Return the kernel that the cell leaves when other numbers take the place of its data."""
    again = run_with(student, near, data, others, fits=may_be_kernel)
    after = [k for k in kernels(again or []) if k.name == near.name]
    return after[-1] if after else None


def other_edges(secret):
    """Return edges that another kernel leaves, with errors, and that kernel.

    The errors are orthogonal to the image, to the image moved by a column and to a bias, in each
    row: a descent, with batches of rows too, takes the same way as without them. The kernel is a
    little smaller than the first one, so that as many steps reach it.
    """
    draw = torch.Generator().manual_seed(secret % 2**63)
    a, b, tilt, bend = torch.rand(4, 6, 1, generator=draw)
    kernel = torch.stack([0.6 + 0.2 * a[0], -0.6 - 0.2 * b[0]], dim=1)
    one = 0.3 + 0.3 * b  # an error of this size stands where each edge is
    third = one / 3
    columns = [tilt - one, one, bend - third, -third, -bend - third, one, -tilt]
    return corr2d(edge_image(), kernel) + torch.cat(columns, dim=1), kernel
