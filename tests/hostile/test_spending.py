"""Bombs, loops and floods: a submission that spends without end pays for it alone."""

ATTACKS = "spending"


def test_whoever_spends_without_end_pays_alone(survives, case):
    survives(case)
