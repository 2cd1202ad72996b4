"""An answer is its bytes, whatever its type says, and a function that has none pays for that."""

ATTACKS = "answers"


def test_an_odd_answer_is_taken_for_what_it_is(survives, case):
    survives(case)
