"""The checks of `init_cnn`: Xavier's uniform distribution for linear and convolutional layers.

Layers are made inside, the function is applied to each of them as `net.apply` would, and their
numbers are compared. Drawn numbers are judged by bounds that right code keeps: the weights below
have 2,000 numbers or more, and every bound is at least five standard errors away.
"""

import math

import torch

from grader.checks import (
    BadAnswer,
    Mismatch,
    StudentRaised,
    assert_equal,
    assert_gradients,
    check,
    describe,
    fail,
)

# Xavier's bound is about half of the one these layers start with, and a quarter above it
LINEAR = ("Linear", 10, 200)
CONV = ("Conv2d", 3, 8, 10)
OTHERS = (
    ("BatchNorm2d", 4),
    ("ConvTranspose2d", 2, 3, 4),
    ("Conv1d", 2, 3, 4),
    ("Embedding", 5, 4),
    ("LayerNorm", 6),
)
WITHOUT_WEIGHT = (("ReLU",), ("Sigmoid",), ("AvgPool2d", 2), ("Flatten",), ("Dropout", 0.5))
LAZY = (("LazyConv2d", 4, 3), ("LazyLinear", 5))


def initialised(student, kind, *sizes):
    """Make a layer, apply the function, and return its numbers before and after."""
    layer = student.build(kind, *sizes)
    before = state_of(layer)
    student.init_cnn(layer)
    return before, state_of(layer)


def assert_draws(student):
    """Require new numbers in the weight of one layer: doing nothing earns no points."""
    fault = None
    for layer in (LINEAR, CONV):
        try:
            before, after = initialised(student, *layer)
            weights = [held(state, "weight", layer) for state in (before, after)]
            assert_redrawn(*weights, shown(*layer))
            return
        except (Mismatch, BadAnswer, StudentRaised) as error:
            fault = fault or error
    raise fault


def assert_redrawn(before, weight, layer):
    call = f"init_cnn on {layer}"
    if torch.equal(before, weight):
        fail(f"{call}: its weight is what it was before", call=call, expected="new numbers")
    if bool((weight == weight.flatten()[0]).all()):
        fail(f"{call}: every weight is the same number", call=call, expected="random numbers")


def assert_trainable(student, layer, x):
    """Require that the weight can still be trained after the function was applied."""
    made = student.build(*layer)
    student.init_cnn(made)
    assert_gradients(made, x, call=f"after init_cnn, {shown(*layer)}")


def state_of(layer):
    """Return the numbers of a layer by name."""
    found = layer.call("state_dict").value
    if not isinstance(found, dict):
        raise BadAnswer(f"{layer.type_name}.state_dict()", describe(found), "tensors by name")
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def held(state, name, layer):
    """Return the weight or the bias that a layer holds."""
    found = state.get(name)
    if found is None or found.ndim < (2 if name == "weight" else 1):
        call = f"after init_cnn, the {name} of {shown(*layer)}"
        raise BadAnswer(call, describe(found), f"its {name}")
    return found


def shown(kind, *sizes):
    return f"nn.{kind}({', '.join(map(str, sizes))})"


def assert_xavier(before, weight, layer):
    """Require the uniform distribution between -a and a, a = sqrt(6 / (fan in + fan out))."""
    call = f"init_cnn on {layer}"
    assert_redrawn(before, weight, layer)
    area = math.prod(weight.shape[2:])
    a = math.sqrt(6 / (area * (weight.shape[0] + weight.shape[1])))
    largest, mean = float(weight.abs().max()), float(weight.mean())
    within = float((weight.abs() < a / 2).float().mean())
    facts = (
        ("the largest weight", largest, 0.98 * a, 1.0001 * a),
        ("the mean of the weights", mean, -0.07 * a, 0.07 * a),
        ("the share of weights below half of the largest", within, 0.44, 0.56),
    )
    for what, got, least, most in facts:
        if not least <= got <= most:
            fail(
                f"{call}: {what} is {got:.3g}, expected {least:.3g} to {most:.3g}",
                call=call,
                got=f"{got:.3g}",
                expected=f"{least:.3g} to {most:.3g}: weights between -{a:.3g} and {a:.3g}",
            )


def assert_xavier_each_time(student, layer):
    """Require Xavier's distribution in two layers of a type: a network has several."""
    for which in ("", ", the second of its type"):
        before, after = initialised(student, *layer)
        weights = [held(state, "weight", layer) for state in (before, after)]
        assert_xavier(*weights, f"{shown(*layer)}{which}")


@check(points=3, feedback="nn.init.xavier_uniform_(module.weight), in place.")
def test_linear_layer(student):
    """A linear layer gets a new weight from Xavier's uniform distribution."""
    assert_xavier_each_time(student, LINEAR)
    assert_trainable(student, LINEAR, torch.ones(2, 10))


@check(points=3, feedback="Convolutional layers are initialised like linear ones.")
def test_convolutional_layer(student):
    """A convolutional layer gets a new weight from Xavier's uniform distribution."""
    assert_xavier_each_time(student, CONV)
    assert_trainable(student, CONV, torch.ones(2, 3, 12, 12))


@check(points=1, feedback="Only the weight is drawn; leave the bias as it is.")
def test_biases(student):
    """Biases stay unchanged, or become 0."""
    assert_draws(student)
    for layer in (LINEAR, CONV):
        before, after = initialised(student, *layer)
        bias = held(after, "bias", layer)
        if bool((bias != 0).any()):
            call = f"after init_cnn, the bias of {shown(*layer)}"
            assert_equal(bias, held(before, "bias", layer), call=call)


@check(points=2, feedback="Test the type: only nn.Linear and nn.Conv2d are initialised.")
def test_other_modules(student):
    """Other modules stay unchanged, and those without a weight do not raise."""
    assert_draws(student)
    for layer in (*OTHERS, *WITHOUT_WEIGHT):
        before, after = initialised(student, *layer)
        for name, value in before.items():
            call = f"after init_cnn, {name} of {shown(*layer)}"
            assert_equal(after.get(name), value, call=call)
    whole = student.build("Sequential", student.build(*LINEAR), student.build("ReLU"))
    student.init_cnn(whole)  # net.apply asks for the whole network too


@check(
    points=1, feedback="A lazy layer has no weight yet: type(module) == nn.Conv2d leaves it out."
)
def test_lazy_layers(student):
    """A lazy layer before its first input stays unchanged."""
    assert_draws(student)
    for layer in LAZY:
        student.init_cnn(student.build(*layer))
