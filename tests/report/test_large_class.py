"""The pages of a large class: what they cost grows with the class, not with its square."""

import tracemalloc
from fractions import Fraction

from grader.report.writers import write_reports
from tests.report.made_class import made_class

MOST_BYTES = 100 << 20  # of the 500 MB, beside what the imports take


def test_the_pages_of_300_students_are_written_within_their_memory(tmp_path):
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
