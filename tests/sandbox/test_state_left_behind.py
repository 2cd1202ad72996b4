"""What a cell sets for its process does not reach the questions that a kernel answers."""

from __future__ import annotations

from grader.kernel.student import Student

EVERYTHING = """
import os, random, warnings
import numpy as np
import torch
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.set_autocast_enabled("cpu", True)
torch.autocast("cpu").__enter__()
torch.set_grad_enabled(False)
torch.inference_mode().__enter__()
torch.use_deterministic_algorithms(True)
torch.set_num_threads(2)
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.enabled = False
torch.backends.mkldnn.enabled = False
torch.set_float32_matmul_precision("medium")
torch.set_flush_denormal(True)
torch.autograd.set_detect_anomaly(True)
torch.set_printoptions(precision=1)
np.set_printoptions(precision=1)
np.seterr(all="raise")
warnings.simplefilter("error")
random.seed(0), np.random.seed(0), torch.manual_seed(0)
"""
ASKED = """
def settings():
    import random, warnings
    import numpy as np
    import torch
    x = torch.ones(2, 2, requires_grad=True)
    y = x @ x
    warnings.warn("a warning")
    return [
        str(torch.get_default_dtype()), str(torch.get_default_device()), str(y.dtype),
        y.requires_grad, x.is_inference(), torch.is_autocast_enabled("cpu"),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(), torch.get_num_threads(),
        torch.backends.cudnn.benchmark, torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled,
        torch.get_float32_matmul_precision(), torch.is_anomaly_enabled(),
        float(torch.tensor(1e-40) * 0.5),
        repr(torch.tensor([0.123])), repr(np.array([0.123])), str(np.geterr()),
        random.random(), np.random.rand(), float(torch.rand(())),
    ]
"""


def test_in_a_kernel_what_a_cell_sets_reaches_no_question(run):
    def answers(*cells: str) -> object:
        notebook = run(*cells)
        assert {cell.status for cell in notebook.cells} == {"ok"}
        student = Student(notebook.connection, {})
        (entry,) = [found for found in student.catalog() if found.name == "settings"]
        return Student(notebook.connection, {"settings": entry}).settings()

    assert answers(ASKED, EVERYTHING) == answers(ASKED)
