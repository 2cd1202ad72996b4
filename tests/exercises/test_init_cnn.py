"""A network has several layers of a type, and each of them is initialised."""

import pytest
from torch import nn


def counting(wanted):
    """Return an `init_cnn` that draws the weight of some layers of a type alone."""
    seen = {nn.Linear: 0, nn.Conv2d: 0}

    def init_cnn(module):
        if type(module) in seen:
            seen[type(module)] += 1
            if wanted(seen[type(module)]):
                nn.init.xavier_uniform_(module.weight)

    return init_cnn


@pytest.mark.parametrize(
    "wanted", [lambda count: count == 1, lambda count: count % 2 == 0], ids=["first", "second"]
)
def test_a_function_that_initialises_some_layers_of_a_type_is_wrong(grade_in_process, wanted):
    results = {r.check: str(r.verdict) for r in grade_in_process("init_cnn", counting(wanted))}
    assert results["test_linear_layer"] == "failed"
    assert results["test_convolutional_layer"] == "failed"


def test_a_function_that_initialises_every_layer_is_right(grade_in_process):
    results = grade_in_process("init_cnn", counting(lambda count: True))
    assert {str(r.verdict) for r in results} == {"passed"}
