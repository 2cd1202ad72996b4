"""A model's own optimiser uses the rate that the model was made with."""

import pytest
import torch

from exercises.cnn.LeNet.bank import AsInTheBook

RATE = "test_learning_rate"


def with_an_optimiser(rate):
    class LeNet(AsInTheBook):
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=rate(self))

    return LeNet


@pytest.mark.parametrize(
    ("rate", "verdict"), [(lambda model: model.lr, "passed"), (lambda model: 0.01, "failed")]
)
def test_an_optimiser_that_ignores_the_rate_is_wrong(grade_in_process, rate, verdict):
    results = grade_in_process("LeNet", with_an_optimiser(rate))
    assert {r.check: str(r.verdict) for r in results}[RATE] == verdict
    assert all(r.verdict == "passed" for r in results if r.check != RATE)


def test_a_plain_network_that_drops_the_rate_it_is_given_is_right(grade_in_process):
    def factory(lr=0.1, num_classes=10):
        return AsInTheBook(lr, num_classes).net

    assert all(r.verdict == "passed" for r in grade_in_process("LeNet", factory))


def test_a_model_that_makes_an_optimiser_and_drops_its_rate_is_told_so(grade_in_process):
    class LeNet(AsInTheBook):
        def __init__(self, lr=0.1, num_classes=10):
            super().__init__(lr, num_classes)
            del self.lr

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    (lost,) = (r for r in grade_in_process("LeNet", LeNet) if r.verdict != "passed")
    assert lost.check == RATE
    assert lost.message == "LeNet(lr=0.3) keeps no learning rate: it has no lr"
