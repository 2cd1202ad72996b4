"""Nothing outside is read, changed or left behind."""

ATTACKS = "reaching"


def test_whoever_reaches_outside_finds_nothing(survives, case):
    survives(case)
