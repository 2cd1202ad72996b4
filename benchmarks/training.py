"""How often the rule for trainings errs: right trainings that fail, wrong ones that pass.

Every training of the banks, at several rates, with several optimisers and batch sizes, each with a
seed of its own: nothing is shared between two runs but the code. Prints the tables of README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from exercises.cnn import training_notebooks as known  # noqa: E402
from exercises.cnn.training_checks import CLOTHES  # noqa: E402
from grader.checks.bank import load_bank  # noqa: E402
from grader.checks.training.claims import ModelKind, evidence_of  # noqa: E402
from grader.checks.training.complaints import COMPLAINTS, complaint_of  # noqa: E402
from grader.checks.training.evidence import Evidence  # noqa: E402
from grader.course import load_assignment  # noqa: E402
from grader.grading.in_process import student_of  # noqa: E402

OPTIMISERS = {
    "SGD 0.01": "torch.optim.SGD(model.parameters(), lr=0.01)",
    "SGD 0.05": "torch.optim.SGD(model.parameters(), lr=0.05)",
    "SGD 0.1": known.SGD,
    "SGD 0.3": "torch.optim.SGD(model.parameters(), lr=0.3)",
    "SGD 0.9": "torch.optim.SGD(model.parameters(), lr=0.9)",
    "momentum": "torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)",
    "Adam": "torch.optim.Adam(model.parameters(), lr=1e-3)",
    "AdamW": "torch.optim.AdamW(model.parameters(), lr=3e-3)",
}
LOSSES = {
    "cross-entropy": "nn.CrossEntropyLoss()",
    "label smoothing 0.1": "nn.CrossEntropyLoss(label_smoothing=0.1)",
    "summed": 'nn.CrossEntropyLoss(reduction="sum")',
    "log-likelihood": "lambda p, y: F.nll_loss(F.log_softmax(p, 1), y)",
    "with L2": "lambda p, y: F.cross_entropy(p, y) + 1e-3 * sum((w * w).sum() for w in "
    "model.parameters())",
}
BATCHES = (32, 128, 256)


def right_runs() -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield a label, the cells and the batch size of right trainings."""
    for name, cells in known.RIGHT.items():
        for batch in BATCHES:
            yield name, cells, batch
    for optimiser, made in OPTIMISERS.items():
        for loss, computed in LOSSES.items():
            rated = made
            if loss == "summed":  # a rate as much lower as the loss is larger
                if not optimiser.startswith("SGD"):
                    continue
                rated = made.replace("lr=0.", "lr=0.00")
            cell = known.changed((known.SGD, rated), ("nn.CrossEntropyLoss()", computed))
            for batch in (64, 128):
                yield f"{optimiser}, {loss}", (cell,), batch


def wrong_runs() -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield a label, the cells and the batch size of wrong trainings."""
    for name, (_, cells, _) in known.WRONG.items():
        yield name, cells, 128
        for optimiser in ("SGD 0.01", "SGD 0.9", "Adam", "momentum"):
            if known.SGD in cells[0]:
                swapped = cells[0].replace(known.SGD, OPTIMISERS[optimiser])
                yield f"{name}, {optimiser}", (swapped,), 64


def evidence(cells: tuple[str, ...], batch: int, seed: int) -> Evidence:
    """Run a notebook of these cells and return what its training showed."""
    assignment = load_assignment("cnn").only(["LeNet_training"])
    (exercise,) = assignment.exercises
    lenet = load_bank(exercise.folder / "bank.py").rewrites[0].answer()[1]
    data = f"d2l.FashionMNIST(batch_size={batch})"
    sources = [c.replace("MAKE", "LeNet(lr=0.1)").replace("DATA", data) for c in cells]
    with contextlib.redirect_stdout(io.StringIO()):
        notebook = (known.IMPORTS, lenet, *sources)
        student = student_of(exercise, lambda: notebook, seed=seed)
        return evidence_of(student, ModelKind("LeNet", lambda shapes: False, CLOTHES))


def main() -> None:
    """Run everything and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take one run of so many")
    every = parser.parse_args().every
    torch.set_num_threads(1)
    for title, runs in (("right", [*right_runs()]), ("wrong", [*wrong_runs()])):
        rows = [
            (label, batch, evidence(cells, batch, seed))
            for seed, (label, cells, batch) in enumerate(runs[::every], start=1)
        ]
        passed = sum(not complaint_of(found) for *_, found in rows)
        print(f"{title}: {len(rows)} runs, {passed} pass")
        noted = [one for *_, found in rows for one in found.gradients]
        if noted and title == "right":
            print(f"  cos {min(n.cos for n in noted):.4f}..{max(n.cos for n in noted):.4f}")
            ratios = [n.ratio if n.ratio < 2 else n.ratio / n.batch for n in noted]
            print(f"  length {min(ratios):.3f}..{max(ratios):.3f}")
        if title == "right":
            spare, label = min((f.accuracy - f.due, label) for label, _, f in rows)
            print(f"  accuracy above what is due by {spare:.2f} or more ({label})")
        else:
            left = [
                f.accuracy for *_, f in rows if [c(f) == "" for c in COMPLAINTS[:2]] == [True] * 2
            ]
            print(f"  where only what was learned is wrong: accuracy {sorted(left)}")
        for label, batch, found in rows:
            said = complaint_of(found)
            if bool(said) == (title == "right"):
                print(f"  ERRS: {label}, batch {batch}: {said or 'passes'}")
                print(f"    {found}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
