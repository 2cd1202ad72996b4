"""Says in words what is wrong with a training, from its evidence.

One function a claim, each with the first error that it finds; an empty text where the claim holds.
Not here: the numbers (`evidence.py`), which cell is judged (`claims.py`).
"""

from __future__ import annotations

import math
from statistics import median

from grader.checks.training.evidence import HARDLY_ANY, Evidence, Images

_LOW_RATE = 0.005  # 100 steps of 0.01 teach the probe enough
_TINY_RATE = 1e-4
_SLOW_RATE = 0.05  # with clipping too, 100 steps may be too few
_HIGH_RATE = 2.0  # the probe learns at 1.5, and may not at 3
_CLIPPED = 0.05
_LASTING = 0.5

_ALL = "loop over all batches of the data"
_AT_ONCE = f"it leaves each epoch after its first batch; {_ALL}"
_WITH_ANY = (
    "; a training has to work with any model of its kind: call the model as a whole, and rely on "
    "no sizes of its layers"
)
_OF_IMAGES = {
    Images.ALIKE: "the images that the model sees are all the same; are they those of the data?",
    Images.BLANK: "the images that the model sees are blank: every pixel of an image is equal; are "
    "they those of the data?",
    Images.OTHERS: "the images that the model sees are not those of the data, not even changed "
    "ones",
}


def stands_still(found: Evidence) -> str:
    """Return why the parameters do not move down a gradient of the data, if they do not."""
    if found.another:
        return "the model that it trains is a network of another kind, by its layers"
    if found.raised_before:
        return f"it raised {found.raised_before} in the notebook, before it had trained"
    if found.raised and found.steps <= HARDLY_ANY:
        return f"it raised {found.raised}{_WITH_ANY * found.raised_here}"
    if not found.steps:
        return "no gradient reaches the model; is backward called on a loss of its output?"
    # a loop over noise, of three steps or of first batches alone moves parameters as well
    if found.images in _OF_IMAGES:
        return _OF_IMAGES[found.images]
    if found.first_batches:
        return _AT_ONCE
    if found.too_few:
        return f"it takes {found.steps} steps in all; {_ALL}"
    if found.moved < 1 and found.pace is not None and 0 < _rate(found) < _TINY_RATE:
        return f"the parameters hardly change, for {_low(found)}"
    if not found.moved:
        if found.pace is not None and found.pace.given == 0 == found.pace.along:
            return "the parameters never change, for the learning rate is 0"
        return "the parameters never change; is there a step after backward, on this model's own?"
    if found.moved < 1:
        return "some parameters never change; does the optimiser have all of them?"
    if found.lasting < _LASTING and not _is_high(found):
        return (
            f"some parameters change at {found.lasting:.0%} of the steps only; are layers frozen "
            "on the way, or left out of the optimiser?"
        )
    if not found.finite:
        return f"the parameters are no finite numbers after the last step; {_high(found)}"
    if not found.descends:
        return "the parameters move along the gradient; a descent subtracts it"
    return ""


def strays(found: Evidence) -> str:
    """Return why the gradients are not those of the cross-entropy on the data, if they are not."""
    if found.validation > 0:
        return "it is trained with images that are kept for validation"
    if found.repeats:
        return f"every step uses the same images; {_ALL}"
    wrong = [one for one in found.gradients if not one.holds]
    if not wrong and found.mislabelled:
        return (
            f"at {found.mislabelled} of its steps the labels are not those of the images, though "
            "they are at the first ones"
        )
    if not wrong:
        return ""
    if not all(math.isfinite(one.cos) for one in wrong):
        return f"the gradients are no finite numbers; {_high(found)}"
    if found.loss:
        return f"the loss is not the cross-entropy of the model's output: {found.loss}"
    later = [one for one in found.gradients if one.step > 1]
    if all(one.holds for one in found.gradients if one.step == 1) and later:
        return "from the second step on the gradient still holds what earlier steps left in it"
    typical = median(one.cos for one in wrong)
    if typical <= -0.9 and all(one.has_length for one in wrong):
        return "the gradient is that of the negative loss: the loss is made larger"
    if typical >= 0.9:
        much = "longer" if median(one.ratio for one in wrong) > 1 else "shorter"
        return (
            f"the gradient points where it should and is much {much} than that of a cross-entropy"
        )
    return (
        "the gradient is not that of the cross-entropy of the model's output and the images' labels"
    )


def has_learned_nothing(found: Evidence) -> str:
    """Return why the model that is left does not recognise images, if it does not."""
    if found.remade:
        return "every step makes a new model, which loses what the last one had learned"
    if not found.keeps:
        return "the model that was trained is not the one that the notebook's name holds afterwards"
    if found.accuracy >= found.due:
        return ""
    seen = (
        f"afterwards the model recognises {found.accuracy:.0%} of images that it never saw, and at "
        f"least {found.due:.0%} are due"
    )
    if _is_high(found):
        return f"{seen}; {_high(found)}"
    if 0 < _rate(found) < _LOW_RATE:
        return f"{seen}; {_low(found)}"
    return seen


COMPLAINTS = (stands_still, strays, has_learned_nothing)


def complaint_of(found: Evidence) -> str:
    """Return the first error of a training; empty for a right one."""
    return next(filter(None, (complaint(found) for complaint in COMPLAINTS)), "")


def needs_more_steps(found: Evidence) -> bool:
    """Return whether a low rate is all that may keep a right training from its score."""
    if stands_still(found) or strays(found) or not has_learned_nothing(found):
        return False
    return found.keeps and not found.remade and _TINY_RATE <= _rate(found) < _SLOW_RATE


def is_clipped(found: Evidence) -> bool:
    """Return whether shorter gradients may be what keeps a training from its score."""
    return bool(has_learned_nothing(found)) and found.pace is not None and found.pace.clipped < 1


def _rate(found: Evidence) -> float:
    """Return how far a step goes along the gradient, for a loss that is a mean; 0 if unknown."""
    if found.pace is None:
        return 0.0
    longer = median([one.ratio for one in found.gradients]) if found.gradients else 1.0
    return found.pace.along * longer


def _is_high(found: Evidence) -> bool:
    return found.pace is not None and max(_rate(found), found.pace.given) > _HIGH_RATE


def _high(found: Evidence) -> str:
    if found.pace is None:
        return "is the learning rate too high?"
    return f"the learning rate of about {found.pace.given or found.pace.along:.2g} is far too high"


def _low(found: Evidence) -> str:
    assert found.pace is not None
    if found.pace.clipped < _CLIPPED:
        much = f"{found.pace.clipped:.2g}"
        return f"the gradients are clipped to {much} of their length before each step"
    if found.pace.given:
        return f"the learning rate of {found.pace.given:.2g} is far too low"
    return f"a step is no more than {found.pace.along:.2g} of the gradient"
