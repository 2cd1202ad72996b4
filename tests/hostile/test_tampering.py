"""Whatever a notebook does to its own process, its points are those of its functions."""

ATTACKS = "tampering"


def test_whoever_tampers_gains_nothing_and_harms_nobody(survives, case):
    survives(case)
