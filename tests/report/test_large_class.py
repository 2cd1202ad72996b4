"""The pages of a large class: what they cost grows with the class, not with its square."""

import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

from grader.report.writers import write_reports

MOST_BYTES = 100 << 20  # of the 500 MB, beside what the imports take


@pytest.fixture
def made_class():
    folder = str(Path(__file__).parents[1] / "browser")
    sys.path.insert(0, folder)
    try:
        from made_class import made_class

        yield made_class
    finally:
        sys.path.remove(folder)


def test_the_pages_of_300_students_are_written_within_their_memory(tmp_path, made_class):
    results = made_class(300)
    tracemalloc.start()
    try:
        written = write_reports(results, tmp_path, max_points=Fraction(64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len([path for path in written if path.parent.name == "feedback"]) == 300
    assert peak < MOST_BYTES
    assert (tmp_path / "report.html").stat().st_size < 2 << 20
