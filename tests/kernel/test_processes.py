"""Small things about processes that need no kernel; kernels themselves are in `tests/sandbox`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from grader.kernel.processes import _exists, remove_folder
from grader.kernel.watchdog import _proportional, _resident, _tree


def test_a_user_id_is_taken_only_where_it_exists():
    assert _exists(os.getuid())
    assert not _exists(2**32 - 1)


def test_the_memory_of_a_process_that_is_gone_is_nothing():
    assert _resident(2**22 + 1) == _proportional(2**22 + 1) == 0


def test_a_process_belongs_to_its_own_tree_and_uses_memory():
    assert os.getpid() in _tree(os.getpid())
    assert 0 < _proportional(os.getpid()) <= _resident(os.getpid()) * 1.1


def test_a_process_that_ends_while_its_tree_is_looked_at_is_left_out(monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2"])
    assert _tree(2**22 + 1) == [2**22 + 1]


def test_a_folder_is_removed_whatever_rights_lie_in_it_and_nothing_around_it_changes(tmp_path):
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(0o711)
    child = os.fork()
    if child == 0:  # as a user for whom rights count
        with suppress(BaseException):
            os.chdir(tmp_path)
            if os.getuid() == 0:
                os.setresuid(65534, 65534, 65534)
            os.makedirs("kept/locked/deeper")
            Path("kept/locked/deeper/file").touch()
            for path in ("kept/locked/deeper", "kept/locked", "kept"):
                os.chmod(path, 0)
            remove_folder(Path("kept"))
            remove_folder(Path("kept"))  # gone already
            os._exit(int(os.path.exists("kept")))
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tmp_path.stat().st_mode & 0o777 == 0o777
