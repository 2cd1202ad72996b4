"""A training is judged by its own loop where the forward returns more than the logits."""

import pytest

from exercises.cnn.training_notebooks import changed
from grader.checks.training.complaints import complaint_of

SEVERAL = """
class LeNet(nn.Module):
    def __init__(self, lr=0.1):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    def forward(self, x):
        logits = self.net(x)
        return {returned}
"""
FORMS = {
    "(logits, probabilities)": ("logits, torch.softmax(logits, 1)", "model(X)[0]"),
    "(log-probabilities, logits)": ("F.log_softmax(logits, 1), logits", "model(X)[1]"),
    "(features, logits)": ("x.flatten(1), logits", "model(X)[-1]"),
    "by name": ('{"x": x, "logits": logits}', 'model(X)["logits"]'),
}


def loop(picked):
    return changed(
        ("    model(next(iter", "    all_of_it = model(next(iter"),
        ("l = loss(model(X), y)", f"l = loss({picked}, y)"),
        ("(model(X).argmax(1)", f"({picked}.argmax(1)"),
    )


@pytest.mark.parametrize(("returned", "picked"), FORMS.values(), ids=FORMS)
def test_a_loop_that_picks_the_logits_is_right(evidence, returned, picked):
    definition = SEVERAL.replace("{returned}", returned)
    assert complaint_of(evidence(loop(picked), definition=definition)) == ""


def test_a_loop_that_picks_the_probabilities_is_wrong(evidence):
    definition = SEVERAL.replace("{returned}", "logits, torch.softmax(logits, 1)")
    found = complaint_of(evidence(loop("model(X)[1]"), definition=definition))
    assert "a softmax comes before the cross-entropy" in found
