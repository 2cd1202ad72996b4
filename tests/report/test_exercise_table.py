"""The table of exercises: what each is worth, how many have it, how its points are spread."""

from fractions import Fraction

from grader.report.overview import overview
from grader.report.pages import report_page
from grader.verdict import Verdict


def test_worth_definitions_found_and_spread_are_counted(make, exercise, check):
    def result(student, *earned, verdict=Verdict.FAILED):
        checks = [
            check("f", f"t{n}", Verdict.PASSED if points else verdict, max_points=Fraction(2))
            for n, points in enumerate(earned)
        ]
        return make(student, exercise("f", *checks))

    results = [
        result("a", 2, 2, 2), result("b", 2, 2, 0), result("c", 2, 0, 0), result("d", 0, 0, 0),
        result("e", 0, 0, 0, verdict=Verdict.MISSING),
    ]  # fmt: skip
    (tally,) = overview(results, ["f"], Fraction(6)).tallies
    assert (tally.worth, tally.found, tally.spread) == (6, 4, (1, 1, 1, 2))
    page = report_page(
        results, exercises=["f"], max_points=Fraction(6), files=[f"{n}.html" for n in range(5)]
    )
    assert "1 with all points, 1 with half or more, 1 with less than half, 2 with none" in page
    for anchor in ("exercises", "grid", "facts"):
        assert f'href="#{anchor}"' in page
        assert f'id="{anchor}"' in page
