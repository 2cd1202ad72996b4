"""The learning rate that every model of the course must keep."""

import math

import torch

from grader.checks import StudentError, StudentRaised, assert_close, expect_number, fail, make

GIVEN = 0.3
MOST = 1.0  # no network of the course trains at a larger one


def assert_rate(student, name, *way):
    """Require that a model keeps the rate it was made with, and a usable one without.

    A model that keeps no rate and makes no optimiser is right: that is made elsewhere.

    Args:
        student: the notebook.
        name: of the exercise.
        way: the arguments before the rate.
    """
    with student.unrecorded():
        model = make(student, name, way)
    if has_no_rate(student, model, name, *way):
        return
    if student.is_one_model(name):  # made by the notebook, with a rate of its own
        call = student.own_name(name)
        assert_has_one_to_train_with(rate_of(model, call), call)
        return
    given, plain = (f"{name}({', '.join(['arch'] * len(way) + last)})" for last in (["lr=0.3"], []))
    assert_keeps(rate_of(make(student, name, way, lr=GIVEN), given), given)
    assert_has_one_to_train_with(rate_of(model, plain), plain)


def rate_of(model, call):
    try:
        kept = model.attribute("lr")
    except StudentRaised:
        kept = None
    if kept is None:
        fail(f"{call} keeps no learning rate: it has no lr", call=call, got="no lr", expected="lr")
    rate = expect_number(kept, call=f"{call}.lr")
    used = rate_of_optimiser(model)
    if used is not None and not math.isclose(used, rate, rel_tol=1e-6):
        call = f"{call}.configure_optimizers()"
        fail(
            f"{call} trains with a rate of {used:g}, and lr is {rate:g}",
            call=call, got=f"an optimiser with a rate of {used:g}", expected=f"{rate:g}",
        )  # fmt: skip
    return rate


def rate_of_optimiser(model):
    """Return the rate of the optimiser that a model makes; None where it makes none."""
    with model.unrecorded():
        try:
            made = model.call("configure_optimizers").value
            options = made.attribute("defaults")
        except (StudentError, AttributeError):  # a model of plain PyTorch, or several optimisers
            return None
    rate = options.get("lr") if isinstance(options, dict) else None
    return rate if type(rate) is float else None


def has_no_rate(student, model, name, *way):
    """Return whether a model keeps no rate and has no use for one, as in plain PyTorch.

    It has a use for one if it takes a rate and makes an optimiser.
    """
    with student.unrecorded():
        if _answers(lambda: model.attribute("lr")):
            return False
        takes = _answers(lambda: student.make(name, *way, lr=GIVEN))
        return not (takes and _answers(lambda: model.attribute("configure_optimizers")))


def _answers(ask):
    """Return whether a question has an answer, or another error than that there is no such name."""
    try:
        ask()
    except StudentRaised as error:
        return error.kind not in ("TypeError", "AttributeError")
    return True


def assert_keeps(rate, call):
    """Require the rate that a model was made with.

    Args:
        rate: the model's, made with `lr=GIVEN`.
        call: that call.
    """
    assert_close(torch.tensor(rate), torch.tensor(GIVEN), call=f"{call}.lr")


def assert_has_one_to_train_with(rate, call):
    """Require a usable rate where none was given: the book's 0.1, or another."""
    if not 0 < rate <= MOST:
        fail(
            f"{call}.lr is {rate:g}, which is no rate to train with",
            call=f"{call}.lr", got=f"{rate:g}", expected="0.1, or another rate up to 1",
        )  # fmt: skip
