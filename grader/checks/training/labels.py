"""Reads the labels that a training used from the gradient that reached the network's answers.

The gradient of a cross-entropy by the answers is the shares less the target: it is negative at the
label alone, or little of it is left where an answer fits a smoothed label. So the label of every
step is known, also of those whose parameters and gradients are not recorded.

Here: labels of a few rows of steps that are spread over the whole replay; a secret chooses rows.
Not here: gradients of whole batches (`gradients.py`), the words for a student (`complaints.py`).
Not covered: steps that the replay does not reach. They earn nothing: the points are for a loop that
computes the right gradients from the right labels, a loop that does so for as long as it is
replayed holds all that was asked for, and the model that is judged is the one that these steps
leave.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grader.checks.training.protocol import TrainingTask
from grader.kernel.observations import Trained

_SURE = 0.3  # of the gradient that a label the network does not answer leaves
_MOST = 0.75  # of the rows of a step


def wrong_labels(task: TrainingTask, model: Trained, seed: int) -> int:
    """Return at how many steps most rows were given another label than their image has.

    Only rows whose images are known count, and a step with two of them or more.
    """
    if not model.answered:
        return 0
    x, y, gradient = (torch.cat(part) for part in zip(*model.answered, strict=True))
    found = task.recognise(x, seed)
    wrong = _is_another(found.labels, y * task.probe.head, gradient) & found.known
    sizes = [len(images) for images, *_ in model.answered]
    each = zip(torch.split(wrong, sizes), torch.split(found.known, sizes), strict=True)
    return sum(
        int(known.sum()) >= 2 and int(bad.sum()) >= _MOST * int(known.sum()) for bad, known in each
    )


def _is_another(labels: Tensor, logits: Tensor, gradient: Tensor) -> Tensor:
    """Return whether the gradient at logits (N, classes) is that of another label than these."""
    lowest = gradient.min(dim=1)
    shares = logits.softmax(dim=1).gather(1, lowest.indices[:, None])[:, 0]
    # a label that the network answers already leaves little; how much is a step's own length
    scale = (-lowest.values / (1 - shares).clamp_min(1e-6)).clamp_min(0)
    usual = scale[lowest.indices == labels]
    least = _SURE * float(usual.median()) if len(usual) else 0.0
    is_sure = (-lowest.values >= least * (1 - shares)) & (lowest.values < 0)
    return (lowest.indices != labels) & is_sure
