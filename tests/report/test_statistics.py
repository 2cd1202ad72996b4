"""The statistics of the class report, against values worked out by hand and against their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report import statistics
from grader.report.statistics import LEAST_STUDENTS

POINTS = st.integers(0, 20).map(float)
CLASSES = st.integers(LEAST_STUDENTS, 40).flatmap(
    lambda n: st.lists(st.lists(POINTS, min_size=n, max_size=n), min_size=2, max_size=5)
)


def test_a_distribution_has_the_values_of_the_textbook():
    found = statistics.distribution([2, 4, 4, 4, 5, 5, 7, 9])
    assert (found.n, found.mean, found.median, found.least, found.largest) == (8, 5, 4.5, 2, 9)
    assert found.sd == pytest.approx((32 / 7) ** 0.5)  # n - 1
    assert (found.lower, found.upper) == (4, 5.5)


def test_one_student_has_no_deviation_and_no_student_has_nothing():
    assert statistics.distribution([3.0]).sd is None
    assert statistics.distribution([]) is None


def test_the_last_bin_holds_all_points():
    assert statistics.histogram([0, 0.05, 0.1, 0.999, 1.0]) == (2, 1, 0, 0, 0, 0, 0, 0, 0, 2)


def test_the_facility_is_the_mean_share():
    assert statistics.facility([0, 5, 10], 10) == 0.5
    assert statistics.facility([], 10) is None
    assert statistics.facility([0], 0) is None


def test_the_discrimination_leaves_the_item_out_of_the_total():
    item = np.array([0.0, 1.0] * 10)
    other = np.array([0.0, 0.0, 1.0, 1.0] * 5)  # independent of the item
    assert statistics.item_rest(item, item + other) == pytest.approx(0)
    assert statistics.correlation(item, item + other) == pytest.approx(0.5**0.5)


def test_a_small_class_has_no_discrimination_no_fifths_and_no_reliability():
    few = np.arange(LEAST_STUDENTS - 1.0)
    assert statistics.item_rest(few, 2 * few) is None
    assert statistics.group_means(few, few, 1.0) == ()
    assert statistics.reliability(np.stack([few, few], 1)) is None


def test_what_does_not_vary_has_no_correlation():
    assert statistics.correlation([0.1] * 30, range(30)) is None
    assert statistics.item_rest([3.0] * 30, np.arange(30.0)) is None


def test_the_fifths_of_a_class_of_25():
    total = np.arange(25.0)
    item = (total >= 15).astype(float)
    assert statistics.group_means(item, total, 1.0) == (0, 0, 0, 1, 1)


def test_equal_totals_lie_in_the_same_fifth():
    item = np.array([1.0, 0.0] * 10)
    assert statistics.group_means(item, [7.0] * 20, 1.0) == (None, None, 0.5, None, None)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ],
)  # fmt: skip
def test_the_interval_of_wilson_has_the_published_values(successes, n, low, high):
    # the last one: Newcombe 1998, table I
    assert statistics.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_alpha_of_equal_items_is_1_and_without_error():
    item = np.arange(20.0)
    found = statistics.reliability(np.stack([item, item, item], 1))
    assert (found.alpha, found.sem) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert (found.items, found.n) == (3, 20)


def test_alpha_and_the_error_of_measurement_worked_out_by_hand():
    a, b = np.array([0.0, 1.0] * 10), np.array([0.0, 0.0, 1.0, 1.0] * 5)
    both = np.stack([a, a, b], 1)
    # variances 5/19 each; the total takes 0, 2, 1, 3 five times each: 25/19
    found = statistics.reliability(both)
    assert found.alpha == pytest.approx(3 / 2 * (1 - 15 / 25))
    assert found.sem == pytest.approx((25 / 19 * (1 - 0.6)) ** 0.5)


def test_phi_of_a_table_of_four():
    one = [1] * 6 + [0] * 4
    other = [1] * 4 + [0] * 2 + [1] + [0] * 3
    # (4 * 3 - 2 * 1) / sqrt(6 * 4 * 5 * 5)
    assert statistics.phi(one, other) == pytest.approx(10 / 600**0.5)


@pytest.mark.parametrize(
    ("r", "word"),
    [(None, ""), (-0.1, "negative"), (0.1, "weak"), (0.3, "fair"), (0.4, "good")],
)
def test_a_discrimination_has_a_word(r, word):
    assert statistics.in_words(r) == word


@given(CLASSES)
def test_no_statistic_leaves_its_bounds(items):
    table = np.array(items).T
    total = table.sum(1)
    for item in table.T:
        r = statistics.item_rest(item, total)
        assert r is None or -1 <= r <= 1
        fifths = statistics.group_means(item, total, 20.0)
        assert all(mean is None or 0 <= mean <= 1 for mean in fifths)
    found = statistics.reliability(table)
    assert found is None or (found.alpha <= 1 + 1e-9 and found.sem >= 0)
    of_total = statistics.distribution(total)
    assert of_total.least <= of_total.lower <= of_total.median <= of_total.upper
    assert of_total.upper <= of_total.largest


@given(CLASSES, st.randoms(use_true_random=False))
def test_the_order_of_students_changes_nothing(items, random):
    table = np.array(items).T
    order = list(range(len(table)))
    random.shuffle(order)
    one, other = table[:, 0], table[order][:, 0]
    before, after = statistics.reliability(table), statistics.reliability(table[order])
    assert (before and before.alpha) == pytest.approx(after and after.alpha)
    total = table.sum(1)
    assert statistics.item_rest(one, total) == pytest.approx(
        statistics.item_rest(other, total[order])
    )
    assert statistics.group_means(one, total, 20.0) == pytest.approx(
        statistics.group_means(other, total[order], 20.0)
    )


@given(CLASSES, st.sampled_from([0.125, 0.5, 3.0, 100.0]))
def test_the_unit_of_points_changes_no_coefficient(items, factor):
    table = np.array(items).T
    total, item = table.sum(1), table[:, 0]
    assert statistics.item_rest(item * factor, total * factor) == pytest.approx(
        statistics.item_rest(item, total), abs=1e-9
    )
    before, after = statistics.reliability(table), statistics.reliability(table * factor)
    assert (before and before.alpha) == pytest.approx(after and after.alpha)
    assert (before and before.sem * factor) == pytest.approx(after and after.sem, abs=1e-6)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_rate_holds_it_and_mirrors_with_it(counts):
    successes, n = counts
    low, high = statistics.wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = statistics.wilson(n - successes, n)
    assert (1 - high, 1 - low) == pytest.approx(mirrored)
    assert statistics.wilson(0, 0) is None
