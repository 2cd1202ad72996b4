"""Nothing outside is read, changed or left behind."""

import pytest

pytestmark = pytest.mark.xdist_group("warm")
ATTACKS = "reaching"


def test_whoever_reaches_outside_finds_nothing(survives, case):
    survives(case)
