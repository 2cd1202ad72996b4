"""Small things about processes that need no kernel; kernels themselves are in `tests/sandbox`."""

from __future__ import annotations

import os

from grader.kernel.processes import _exists
from grader.kernel.watchdog import _proportional, _resident, _tree


def test_a_user_id_is_taken_only_where_it_exists():
    assert _exists(os.getuid())
    assert not _exists(2**32 - 1)


def test_the_memory_of_a_process_that_is_gone_is_nothing():
    assert _resident(2**22 + 1) == _proportional(2**22 + 1) == 0


def test_a_process_belongs_to_its_own_tree_and_uses_memory():
    assert os.getpid() in _tree(os.getpid())
    assert 0 < _proportional(os.getpid()) <= _resident(os.getpid()) * 1.1
