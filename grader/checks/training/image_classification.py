"""The classification of images that the course draws from the run's seed: a training task.

The environment of a course draws images for notebooks; the same function draws the same images
here. So an image of a notebook is recognised by its pixels, after any usual transform, and its true
label is known without asking the notebook.

Here: drawing, recognising, gradient and accuracy. Not here: what follows from them (`evidence.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.checks.training.protocol import Recognised, Split
from grader.guest import probe_network
from grader.guest.layers import logits_in
from grader.guest.probe_network import ProbeShape

# a normalised image has a correlation of 1 with itself, and one in eight bits of 0.999
_ALIKE = 0.97
# less the mean over a batch of 16 images it has one of 0.94 or more, and divided by the spread over
# a batch of 64 one of 0.85; with another image 0.46
_ALIKE_IN_A_FORM = 0.85
_EXACT = 0.999  # no other image comes so close
_ENOUGH = 0.9  # share of a batch that is recognised
_LEAST_SPREAD = 0.01  # of a pixel: some are the same in nearly all images
_FORMS = (_PLAIN, _CENTRED, _STANDARD) = range(3)
_COARSE_SIDE = 7  # in pixels, of images at a first look
_LIKELY = 4  # of them are looked at again
_AT_ONCE = 500  # images of a batch: a batch may hold 20,000, and the gallery thousands
# random crops, turns of 30 degrees and erased parts leave half of a batch 0.6 and more with some
# known image; uniform and normal noise has 0.13 at the most
_RESEMBLES = 0.3


@dataclass(frozen=True)
class ImageClassification:
    """Images of one size, each of one class.

    Args:
        side: height and width in pixels, as drawn.
        channels: of an image.
        classes: how many there are.
        draw: called with a number of images and a seed; returns images, uint8 of shape (N, H, W) or
            (N, H, W, C), and labels (N,). The same seed gives the same images.
        train, test, held_out: how many images a split has; the first two as the environment draws
            them, with the seeds [seed, 1] and [seed, 0].
        sides: in which sizes models take images, likely ones first; without, `side` alone.
        head: of the probe network.
    """

    side: int
    channels: int
    classes: int
    draw: Callable[[int, Sequence[int]], tuple[Any, Any]]
    train: int
    test: int
    held_out: int = 500
    sides: tuple[int, ...] = ()
    head: float = field(default=probe_network.HEAD, compare=False)  # the images are the same

    @property
    def probe(self) -> ProbeShape:
        """The sizes of the network that takes the model's place."""
        return ProbeShape(self.side, self.channels, self.classes, self.head)

    def for_low_rates(self) -> ImageClassification:
        """Return the same data with a probe network that learns at low rates."""
        return replace(self, head=probe_network.HEAD_FOR_LOW_RATES)

    def inputs(self, seed: int, split: Split) -> tuple[Tensor, Tensor]:
        """Return images (N, C, H, W) with values from 0 to 1, and labels (N,), of one split."""
        return _drawn(self, seed, split)

    def recognise(self, x: Tensor, seed: int) -> Recognised:
        """Find the known images that a batch (N, C, H, W) shows, mirrored, inverted or neither.

        Each pixel may also be given less its mean over many images, and divided by its spread.
        """
        plain = self._recognise(x, seed, _PLAIN)
        if _share(plain) >= _ENOUGH:
            return plain
        others = [self._recognise(x, seed, form) for form in (_CENTRED, _STANDARD)]
        best = max(others, key=_share)
        return best if _share(best) >= _ENOUGH else plain

    def _recognise(self, x: Tensor, seed: int, form: int) -> Recognised:
        gallery, labels = _gallery(self, seed, form)
        enough = _ALIKE if form == _PLAIN else _ALIKE_IN_A_FORM
        pairs = [_most_similar(piece, gallery, enough) for piece in torch.split(x, _AT_ONCE)]
        alike, place = (torch.cat(part) for part in zip(*pairs, strict=True))
        known = alike >= enough
        of_test = place >= self.train
        resembles = alike >= _RESEMBLES
        return Recognised(labels[place], known & ~of_test, known & of_test, place, resembles, form)

    def as_given(self, inputs: Tensor, batch: Tensor, found: Recognised, seed: int) -> Tensor:
        """Return images with the brightness and contrast of the notebook's own, in its form."""
        scale, shift = self.contrast(batch, found, seed)
        return _in_form(inputs, _gallery_images(self, seed), found.form) * scale + shift

    def contrast(self, x: Tensor, found: Recognised, seed: int) -> tuple[float, float]:
        """Return scale and shift that turn the known images into those of the batch `x`."""
        images = _gallery_images(self, seed)
        known = _in_form(images[found.place], images, found.form)
        spread = float(known.std())
        scale = float(x.std()) / spread if spread > 0 and bool(found.of_train.any()) else 1.0
        # of an image and its negative, the one that is alike; mirrored or not makes less difference
        rows = _upright(known)
        both = [(_upright(each) * rows).sum(dim=1) for each in (x, x.flip(-1))]
        signs: Tensor = torch.where(both[0].abs() >= both[1].abs(), both[0], both[1])
        scale = -scale if float(signs.median()) < 0 else scale
        return scale, float(x.mean()) - scale * float(known.mean())

    def gradient(self, parameters: Sequence[Tensor], x: Tensor, labels: Tensor) -> list[Tensor]:
        """Return the gradient of the plain cross-entropy on one batch."""
        return probe_network.gradient(self.probe, parameters, x, labels)

    def answers(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Return the logits of the probe network with these parameters."""
        return probe_network.logits_of(self.probe, parameters, x)

    def score(self, answers: object, labels: Tensor) -> float:
        """Return the share of images whose class has the largest of the answers (N, classes)."""
        answers = logits_in(answers)
        if not isinstance(answers, Tensor):
            return 0.0
        if tuple(answers.shape) != (len(labels), self.classes):
            return 0.0
        right = (answers.argmax(dim=1) == labels) & ~answers.isnan().any(dim=1)
        return float(right.double().mean())

    def trial_inputs(self) -> Iterator[Tensor]:
        """Yield two random images in each of the sizes that models take."""
        for side in self.sides or (self.side,):
            yield torch.rand(2, self.channels, side, side)


@dataclass(frozen=True)
class _Gallery:
    """All known images, as rows of mean 0 and length 1."""

    rows: Tensor
    coarse: Tensor
    """Of the same images, much reduced."""


def _most_similar(x: Tensor, gallery: _Gallery, enough: float) -> tuple[Tensor, Tensor]:
    """Return how similar the most similar known image is to each image, and its place.

    A known image is found among a few that are likely at a coarse look; the others are compared
    with all, which costs sixteen times as much.
    """
    alike, place = _among_likely(x, gallery)
    left = alike < enough
    if bool(left.any()):
        alike[left], place[left] = _among_all(x[left], gallery.rows)
    return alike, place


def _among_likely(x: Tensor, gallery: _Gallery) -> tuple[Tensor, Tensor]:
    alike, place = _among_likely_as_shown(x, gallery)
    left = alike < _EXACT  # of the others none is more similar when mirrored
    if bool(left.any()):
        mirrored, at_mirrored = _among_likely_as_shown(x[left].flip(-1), gallery)
        place[left] = torch.where(alike[left] >= mirrored, place[left], at_mirrored)
        alike[left] = torch.maximum(alike[left], mirrored)
    return alike, place


def _among_likely_as_shown(x: Tensor, gallery: _Gallery) -> tuple[Tensor, Tensor]:
    likely = (_coarse(x) @ gallery.coarse.T).abs_().topk(_LIKELY, dim=1).indices
    alike = (gallery.rows[likely] @ _upright(x)[:, :, None])[..., 0].abs_().max(dim=1)
    return alike.values, likely.gather(1, alike.indices[:, None])[:, 0]


def _among_all(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    both = [(_upright(each) @ rows.T).abs_() for each in (x, x.flip(-1))]
    found = torch.maximum(*both).max(dim=1)
    return found.values, found.indices


def _coarse(x: Tensor) -> Tensor:
    return _upright(F.adaptive_avg_pool2d(x.float(), _COARSE_SIDE))


@lru_cache(maxsize=6)
def _drawn(task: ImageClassification, seed: int, split: Split) -> tuple[Tensor, Tensor]:
    size = {Split.TRAIN: task.train, Split.TEST: task.test, Split.HELD_OUT: task.held_out}[split]
    drawn, labels = task.draw(size, [seed, int(split)])
    images = torch.from_numpy(drawn).float() / 255
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images, torch.from_numpy(labels)


@lru_cache(maxsize=4)
def _gallery(task: ImageClassification, seed: int, form: int) -> tuple[_Gallery, Tensor]:
    labels = torch.cat([task.inputs(seed, split)[1] for split in (Split.TRAIN, Split.TEST)])
    images = _gallery_images(task, seed)
    images = _in_form(images, images, form)
    return _Gallery(_upright(images), _coarse(images)), labels


def _gallery_images(task: ImageClassification, seed: int) -> Tensor:
    return torch.cat([task.inputs(seed, split)[0] for split in (Split.TRAIN, Split.TEST)])


def _in_form(x: Tensor, images: Tensor, form: int) -> Tensor:
    """Return images as they are, or with the pixels less their mean, or divided by their spread."""
    if form == _PLAIN:
        return x
    centred = x - images.mean(dim=0)
    if form == _CENTRED:
        return centred
    return centred / images.std(dim=0).clamp_min(_LEAST_SPREAD)


def _share(found: Recognised) -> float:
    return float(found.known.float().mean()) if len(found.known) else 1.0


def _upright(x: Tensor) -> Tensor:
    """Return images as rows of mean 0 and length 1: brightness and contrast are free."""
    rows = x.flatten(1).float()
    rows = rows - rows.mean(dim=1, keepdim=True)
    lengths: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp_min(1e-6)
