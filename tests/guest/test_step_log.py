"""What is kept of the steps of a training that runs again."""

from __future__ import annotations

import torch
from torch import nn

from grader.guest.step_log import StepLog


def test_of_most_steps_a_log_keeps_no_more_than_the_first_image():
    log, probe, images = StepLog(), nn.Linear(3, 2), torch.rand(4, 3)
    for _ in range(12):
        log.forward(probe, images)
        log.gradient_arrived(0, probe.weight)
    assert [(step.number, len(step.x)) for step in log.noted] == [(n, 4) for n in range(1, 7)]
    assert all(torch.equal(image, images[0]) for image in log.seen)
    assert [image.untyped_storage().nbytes() for image in log.seen[6:]] == [images[0].nbytes] * 6
