"""Code that two students share is found whatever its names and layout; what all share is not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.similar.pairs import compare, marked_lines
from grader.similar.shape import shape_of

OWN = """
def pool2d(X, pool_size, mode='max'):
    # my own idea
    rows = [X[i:i + pool_size[0]] for i in range(X.shape[0] - pool_size[0] + 1)]
    parts = [[r[:, j:j + pool_size[1]] for j in range(X.shape[1] - pool_size[1] + 1)] for r in rows]
    pick = {'max': lambda p: p.max(), 'avg': lambda p: p.mean()}[mode]
    return torch.tensor([[float(pick(p)) for p in line] for line in parts])
"""
RENAMED = """
def pooling(image, size, kind = "max") :
    '''Pool.'''

    stripes = [image[a : a + size[0]] for a in range(image.shape[0] - size[0] + 1)]
    pieces = [[s[:, b:b+size[1]] for b in range(image.shape[1] - size[1] + 1)] for s in stripes]
    choose = {"max": lambda q: q.max(), "avg": lambda q: q.mean()}[kind]
    return torch.tensor([[float(choose(q)) for q in one] for one in pieces])
"""
OTHER = """
def pool2d(X, pool_size, mode='max'):
    h, w = pool_size
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            if mode == 'max':
                Y[i, j] = X[i: i + h, j: j + w].max()
            else:
                Y[i, j] = X[i: i + h, j: j + w].mean()
    return Y
"""
UNFOLDED = """
def pool2d(X, pool_size, mode='max'):
    windows = X.unfold(0, pool_size[0], 1).unfold(1, pool_size[1], 1)
    flat = windows.reshape(*windows.shape[:2], -1)
    if mode == 'avg':
        return flat.mean(dim=-1)
    return flat.amax(dim=-1)
"""


def code(**sources: str):
    return {name: shape_of([source]) for name, source in sources.items()}


def test_renamed_code_in_another_layout_is_found():
    (pair,) = compare(code(ada=OWN, bora=RENAMED, chen=OTHER, dana=UNFOLDED)).pairs
    assert (pair.first, pair.second) == ("ada", "bora")
    assert pair.score > 0.8


def test_different_ways_to_solve_an_exercise_are_no_pair():
    assert compare(code(ada=OWN, chen=OTHER, dana=UNFOLDED)).pairs == ()


def test_code_that_everybody_was_given_does_not_count():
    both = code(ada=OTHER, bora=OTHER)
    assert compare(both).pairs
    assert compare(both, given=[shape_of([OTHER])]).pairs == ()


def test_code_that_a_tenth_of_the_class_has_does_not_count():
    assert compare(code(**{f"s{n}": OTHER for n in range(5)})).pairs == ()


def test_three_who_share_code_are_one_group():
    found = compare(code(ada=OWN, bora=RENAMED, chen=OWN, dana=UNFOLDED))
    assert found.clusters == (("ada", "bora", "chen"),)


def test_a_run_of_tokens_does_not_go_on_in_the_next_cell():
    cells = [f"a.{word} = b + c\n" for word in ("add", "sub", "mul", "div", "pow", "neg", "dot")]
    assert compare({name: shape_of(cells) for name in ("ada", "bora")}).compared == 0
    joined = shape_of(["".join(cells)])
    assert compare({"ada": joined, "bora": joined}).compared == 2


def test_the_lines_that_are_shared_are_marked_and_no_others():
    found = compare(code(ada=f"{OWN}\nprint(1)\n", bora=RENAMED, chen=OTHER))
    lines = shape_of([f"{OWN}\nprint(1)\n"])
    marks = marked_lines(lines, found.rare["ada"] & found.rare["bora"])
    assert all(marks[1:-1])
    assert not marks[-1]


@pytest.mark.parametrize(
    "broken", ["def f(:\n  x = (", "x = '", "\x00", "  if", "%%bash\nls", "é€"]
)
def test_code_that_is_none_is_read_as_far_as_it_goes(broken: str):
    assert compare(code(ada=broken, bora=broken)).pairs == ()
    assert compare(code(ada=f"{OWN}\n{broken}", bora=OWN)).pairs


def test_nobody_is_compared_where_there_is_no_code():
    assert compare({}).pairs == ()
    assert compare(code(ada="")).students == 1


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_the_order_of_students_changes_no_pair(order: random.Random):
    whole = list(code(ada=OWN, bora=RENAMED, chen=OTHER, dana=UNFOLDED).items())
    order.shuffle(whole)
    (pair,) = compare(dict(whole)).pairs
    assert {pair.first, pair.second} == {"ada", "bora"}
