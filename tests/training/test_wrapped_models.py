"""A training goes through what wraps its model: the optimiser and the probe are the model's own."""

from __future__ import annotations

import pytest

from exercises.cnn.training_notebooks import changed
from grader.checks.training.complaints import complaint_of

OPTIMISER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
NORMALISE = """
class Normalise(nn.Module):
    def forward(self, x):
        return (x - 0.3) * 2
"""
HOLDER = """
class Holder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, *args):
        return self.model(*args)
class Accelerator:
    def prepare(self, *parts):
        return tuple(Holder(p) if isinstance(p, nn.Module) else p for p in parts)
"""
WRAPPERS = {
    "data_parallel": "model = nn.DataParallel(model)\n",
    "a_sequence": "model = nn.Sequential(Normalise(), model)\n",
    "a_class_of_the_notebook": "model = Holder(model)\n",
    "several_names_at_once": "model, _ = Accelerator().prepare(model, 0)\n",
    "twice": "model = Holder(nn.DataParallel(model))\n",
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_model_is_trained_with_the_optimiser_made_before_or_after(
    evidence, wrapper, when
):
    wrap = WRAPPERS[wrapper]
    both = OPTIMISER + wrap if when == "before" else wrap + OPTIMISER
    cell = NORMALISE + HOLDER + changed((OPTIMISER, both))
    assert complaint_of(evidence(cell)) == ""


def test_a_wrapper_under_a_name_of_its_own_is_trained(evidence):
    wrap = "lenet = model\nparallel = nn.DataParallel(lenet)\nmodel = parallel\n"
    assert complaint_of(evidence(changed((OPTIMISER, wrap + OPTIMISER)))) == ""


@pytest.mark.parametrize(
    ("make", "update"),
    [
        ("torch.optim.swa_utils.AveragedModel(model)", "mean.update_parameters(model)"),
        (
            "copy.deepcopy(model)",
            "[a.data.mul_(0.9).add_(b.data, alpha=0.1) "
            "for a, b in zip(mean.parameters(), model.parameters())]",
        ),
    ],
)
def test_an_averaged_copy_beside_the_model_changes_nothing(evidence, make, update):
    step = "        optimizer.step()\n"
    cell = changed((OPTIMISER, OPTIMISER + f"mean = {make}\n"), (step, f"{step}        {update}\n"))
    assert complaint_of(evidence(cell)) == ""


def test_a_wrapper_that_is_not_trained_is_still_found_out(evidence):
    other = "model = nn.DataParallel(model)\nother = LeNet(lr=0.1)\n"
    wrong = "optimizer = torch.optim.SGD(other.parameters(), lr=0.1)\n"
    assert "never change" in complaint_of(evidence(changed((OPTIMISER, other + wrong))))


def test_a_summary_by_hooks_before_the_optimiser_changes_nothing(evidence):
    summary = """
def summary(model, size):
    rows = []
    def hook(module, _inputs, output):
        numbers = sum(p.numel() for p in module.parameters())
        rows.append((type(module).__name__, output.shape, numbers))
    handles = [m.register_forward_hook(hook) for m in model.modules()]
    model(torch.rand(2, *size))
    for handle in handles:
        handle.remove()
    print(rows)
"""
    cell = summary + changed((OPTIMISER, "summary(model, (1, 28, 28))\n" + OPTIMISER))
    assert complaint_of(evidence(cell)) == ""
