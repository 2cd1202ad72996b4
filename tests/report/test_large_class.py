"""The pages of a large class: what they cost grows with the class, not with its square."""

import tracemalloc
from fractions import Fraction

from grader.report.writers import write_reports
from tests.report.made_class import made_class

MOST_BYTES = 30 << 20  # of 100 students; of 300, 100 of the 500 MB, beside the imports


def test_the_pages_of_100_students_are_written_within_their_memory(tmp_path):
    results = made_class(100)
    tracemalloc.start()
    try:
        written = write_reports(results, tmp_path, max_points=Fraction(64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len([path for path in written if path.parent.name == "feedback"]) == 100
    assert peak < MOST_BYTES
    assert (tmp_path / "report.html").stat().st_size < 700 << 10
