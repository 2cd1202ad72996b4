"""The learning rate that every model of the course must keep."""

import torch

from grader.checks import StudentRaised, assert_close, expect_number, fail, make

GIVEN = 0.3
MOST = 1.0  # no network of the course trains at a larger one


def assert_rate(student, name, *way):
    """Require that a model keeps the rate it was made with, and a usable one without.

    A model that neither takes nor keeps a rate is right: its optimiser is made elsewhere.

    Args:
        student: the notebook.
        name: of the exercise.
        way: the arguments before the rate.
    """
    if has_no_rate(student, name, *way):
        return
    given, plain = (f"{name}({', '.join(['arch'] * len(way) + last)})" for last in (["lr=0.3"], []))
    assert_keeps(rate_of(make(student, name, way, lr=GIVEN), given), given)
    assert_has_one_to_train_with(rate_of(make(student, name, way), plain), plain)


def rate_of(model, call):
    return expect_number(model.attribute("lr"), call=f"{call}.lr")


def has_no_rate(student, name, *way):
    """Return whether a model takes no rate and keeps none, as in plain PyTorch."""
    with student.unrecorded():
        model = make(student, name, way)
        for ask in (lambda: student.make(name, *way, lr=GIVEN), lambda: model.attribute("lr")):
            try:
                ask()
            except StudentRaised as error:
                if error.kind in ("TypeError", "AttributeError"):
                    continue
            return False
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
