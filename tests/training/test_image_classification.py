"""Images that were given are recognised, whatever was done to them on the way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.cnn.training_checks import CLOTHES
from grader.checks.training import image_classification
from grader.checks.training.evidence import held_out
from grader.checks.training.protocol import Split

SEED = 20_240


@given(
    st.lists(st.integers(0, 3_999), min_size=1, max_size=8),
    st.floats(0.1, 5),
    st.floats(-2, 2),
    st.booleans(),
)
def test_a_normalised_or_mirrored_image_is_known_with_its_label(places, scale, shift, mirrored):
    images, labels = CLOTHES.inputs(SEED, Split.TRAIN)
    x = images[places] * scale + shift
    found = CLOTHES.recognise(x.flip(-1) if mirrored else x, SEED)
    assert torch.equal(found.labels, labels[places])
    assert bool(found.of_train.all())
    assert CLOTHES.contrast(x, found, SEED) == pytest.approx((scale, shift), abs=1e-3)


@pytest.mark.parametrize("whole", [True, False], ids=["of all images", "of the batch"])
@pytest.mark.parametrize("scaled", [True, False], ids=["divided by the spread", "less the mean"])
def test_images_less_their_mean_are_known_and_others_are_given_alike(scaled, whole):
    images, labels = CLOTHES.inputs(SEED, Split.TRAIN)
    chosen = images[100:228]
    over = images if whole else chosen
    x = (chosen - over.mean(0)) / ((over.std(0) + 1e-5) if scaled else 0.5)
    found = CLOTHES.recognise(x, SEED)
    assert float(found.of_train.float().mean()) > 0.9
    assert torch.equal(found.labels, labels[100:228])
    again = CLOTHES.as_given(chosen, x, found, SEED)
    assert float((again - x).std() / x.std()) < (0.6 if scaled else 0.2)


def test_images_for_validation_are_told_from_those_for_training():
    found = CLOTHES.recognise(CLOTHES.inputs(SEED, Split.TEST)[0][:50], SEED)
    assert bool(found.of_test.all())
    assert not bool(found.of_train.any())


def test_nobody_was_given_the_held_out_images():
    found = CLOTHES.recognise(CLOTHES.inputs(SEED, Split.HELD_OUT)[0], SEED)
    assert not bool(found.known.any())


def test_noise_is_no_known_image():
    found = CLOTHES.recognise(torch.rand(20, 1, 28, 28), SEED)
    assert not bool(found.known.any())


def test_these_are_the_images_of_the_library(notebook):
    student = notebook("X = d2l.FashionMNIST().train.data[:10].float()[:, None]")
    (entry,) = student.values("X")
    assert bool(CLOTHES.recognise(entry.value, SEED).of_train.all())


def test_held_out_images_are_drawn_from_a_secret(notebook):
    student = notebook("x = 1")
    student.secret = 2**100 + 7
    images, labels = held_out(student, CLOTHES)
    assert labels.shape == (500,)
    for seed in (SEED, 2**100, 7):
        drawn, _ = CLOTHES.inputs(seed, Split.HELD_OUT)
        assert not torch.equal(drawn, images)


def test_a_batch_larger_than_one_piece_is_recognised_like_its_pieces(monkeypatch):
    images, _ = CLOTHES.inputs(SEED, Split.TRAIN)
    whole = CLOTHES.recognise(images[:40], SEED)
    monkeypatch.setattr(image_classification, "_AT_ONCE", 7)
    pieces = CLOTHES.recognise(images[:40], SEED)
    assert whole.place.equal(pieces.place)
    assert bool(pieces.of_train.all())
    assert len(CLOTHES.recognise(images[:0], SEED).place) == 0


@pytest.mark.parametrize("change", ["none", "mirrored", "noisy", "moved", "noise"])
def test_a_coarse_look_finds_the_images_that_a_look_at_all_of_them_finds(change):
    images, _ = CLOTHES.inputs(SEED, Split.TRAIN)
    torch.manual_seed(1)
    x = {
        "none": 0.3 * images[:300] - 1,
        "mirrored": images[:300].flip(-1),
        "noisy": images[:300] + 0.05 * torch.randn(300, 1, 28, 28),
        "moved": images[:300].roll(1, 2),
        "noise": torch.rand(300, 1, 28, 28),
    }[change]
    found = CLOTHES.recognise(x, SEED)
    gallery, _ = image_classification._gallery(CLOTHES, SEED, found.form)
    alike, place = image_classification._among_all(x, gallery.rows)
    assert torch.equal(found.place, place)
    assert torch.equal(found.known, alike >= image_classification._ALIKE)
