"""The checks of the learned kernel: the numbers of a convolution after the training cell.

Any convolution counts whose kernel has two numbers, with any name and training: a layer, the
student's own module, a plain tensor. Printed output does not count. One fault, one charge: if the
student's own `corr2d` gives wrong edges, the kernel that fits those is right.
"""

import ast
from dataclasses import dataclass

import torch

from grader.checks import NameNotDefined, StudentError, assert_close, check
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
    targets = [TARGET, *targets_of_a_wrong_corr2d(student)]
    last = None
    for name in ("conv2d", None):  # the book's name first: asking for all values is expensive
        found = kernels(student.values(name))
        for kernel in found:
            if any(kernel.is_near(target) for target in targets):
                return kernel, kernel
        last = last or (found[-1] if found else None)
    return None, last


def targets_of_a_wrong_corr2d(student):
    """Return the kernel that best fits the edges of the student's own `corr2d`."""
    if not student.charged_for("corr2d"):
        return []
    try:
        y = student.corr2d(edge_image(), TARGET)
    except StudentError:
        return []
    if not isinstance(y, torch.Tensor) or y.shape != edges().shape or y.is_complex():
        return []
    if not bool(y.isfinite().all()):
        return []
    windows = edge_image().unfold(1, 2, 1).reshape(-1, 2)
    return [torch.linalg.lstsq(windows, y.float().reshape(-1, 1)).solution.reshape(1, 2)]


@check(points=3, feedback="Ten steps down the gradient of the summed squared error, lr 3e-2.")
def test_learns_the_kernel_of_the_edge_detector(student):
    """After training, the kernel of the (1, 2) convolution is within 0.1 of [[1, -1]]."""
    near, last = near_kernel(student)
    if near is None and last is None:
        raise NameNotDefined("conv2d")
    if near is None:
        call = f"the kernel in {last.name}"
        assert_close(last.numbers, TARGET, call=call, tolerance=TOLERANCE)
    assert_kept(student, near)


def assert_kept(student, near):
    """Require that the cell of a learned kernel leaves it: its layer may be made anew."""
    after = [k for k in kernels(student.values(near.name)) if k.cell == near.cell]
    if after and not after[-1].is_near(TARGET) and not after[-1].is_near(near.numbers):
        call = f"the kernel in {near.name} at the end of its cell"
        assert_close(after[-1].numbers, TARGET, call=call, tolerance=TOLERANCE)


@check(
    points=1,
    needs="test_learns_the_kernel_of_the_edge_detector",
    feedback="Let the gradient of the error move the kernel; do not write the answer into it.",
)
def test_learns_it_from_the_data(student):
    """Trained on edges twice as strong, the same cell learns another kernel."""
    near, _ = near_kernel(student)
    if not near.is_near(TARGET):  # it learned from edges of a wrong corr2d
        return
    y = edges()
    last = {c.name: c.value for c in student.values() if c.cell <= near.cell}
    data = {
        name: value
        for name, value in last.items()
        if isinstance(value, torch.Tensor)
        and value.numel() == y.numel()
        and torch.equal(value.detach().float().reshape(y.shape), y)
    }
    try:
        again = student.rerun(near.cell, {name: 2 * value for name, value in data.items()})
    except StudentError:  # the cell does not run alone: no evidence
        return
    after = [kernel for kernel in kernels(again) if kernel.name == near.name]
    if not after or not after[-1].is_near(TARGET):
        return
    # The kernel did not change. A training that makes its own data would not change; a typed-in
    # number is exactly 1, which 300 steps of training never reach; a cell that reads the data must
    # change.
    typed_in = after[-1].is_exactly(TARGET) or not may_train(student, near.cell)
    if typed_in or reads(student, near.cell, data):
        call = f"the kernel in {near.name}, trained on 2 * Y"
        assert_close(after[-1].numbers, 2 * TARGET, call=call, tolerance=2 * TOLERANCE)


def may_train(student, cell):
    """Return whether a cell has a loop or a call that may hold one; else numbers are typed in."""
    own = {e.name for e in student.catalog() if e.kind not in ("tensor", "plain")}
    try:
        tree = ast.parse(student.sources().get(cell, ""))
    except SyntaxError:
        return True
    if not tree.body:  # values without a source: no evidence
        return True
    loops = (ast.For, ast.While, ast.comprehension)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(f, "attr", getattr(f, "id", "")) for f in called}
    return bool(names & (own | {"fit", "step", "train", "backward", "lstsq"})) or any(
        isinstance(node, loops) for node in ast.walk(tree)
    )


def reads(student, cell, names):
    """Return whether a cell reads these names: it then fails when they hold nonsense."""
    try:
        student.rerun(cell, dict.fromkeys(names, "no tensor"))
    except StudentError:
        return bool(names)
    return False
