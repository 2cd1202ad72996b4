"""Small things about processes that need no kernel; kernels themselves are in `tests/sandbox`."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from grader.kernel import scratch
from grader.kernel.memory_use import Use, proportional, resident
from grader.kernel.process_tree import end_descendants, tree_of
from grader.kernel.processes import _exists
from grader.kernel.scratch import remove_folder
from grader.sandbox import zygote


def test_a_user_id_is_taken_only_where_it_exists():
    assert _exists(os.getuid())
    assert not _exists(2**32 - 1)


def test_the_memory_of_a_process_that_is_gone_is_nothing():
    assert resident(2**22 + 1) == proportional(2**22 + 1) == Use()


def test_a_process_belongs_to_its_own_tree_and_uses_memory():
    assert os.getpid() in tree_of(os.getpid())
    exact, cheap = proportional(os.getpid()), resident(os.getpid())
    assert 0 < exact.anonymous <= cheap.anonymous * 1.1
    assert exact.tables > 0


def test_a_process_that_ends_while_its_tree_is_looked_at_is_left_out(monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2"])
    assert tree_of(2**22 + 1) == [2**22 + 1]


def test_a_scratch_folder_that_is_being_made_is_never_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock, opened = fcntl.flock, os.open

    def lock_late(claim, how):
        if how == fcntl.LOCK_EX:
            scratch.remove_abandoned()  # another grader starts at this very moment
        lock(claim, how)

    def open_late(path, *how, **more):
        if str(path).endswith("claim") and how[0] & os.O_CREAT:
            scratch.remove_abandoned()
        return opened(path, *how, **more)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    monkeypatch.setattr(os, "open", open_late)
    folder, claim = scratch.claimed_folder()
    scratch.remove_abandoned()
    assert (folder / "claim").is_file()
    os.close(claim)
    scratch.remove_abandoned()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_making_broke_off_is_removed_later(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("new-grader-old", "new-grader-young"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "claim").touch()
    (tmp_path / "grader-of-somebody").mkdir()
    os.utime(tmp_path / "new-grader-old", (0, 0))
    scratch.remove_abandoned()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"new-grader-young", "grader-of-somebody"}


@pytest.fixture
def parent_of_three():
    """A process that has started three, of which one has ended and is not taken notice of."""
    code = (
        "import subprocess, time\n"
        "for what in ('true', 'sleep 100', 'sleep 100'):\n"
        "    subprocess.Popen(what.split())\n"
        "print(flush=True)\n"
        "time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline()
        yield parent
        end_descendants(parent.pid, 100)
        parent.kill()


def test_what_a_process_has_started_is_ended_and_it_is_not(parent_of_three):
    assert end_descendants(parent_of_three.pid, 8)
    assert parent_of_three.poll() is None
    assert end_descendants(parent_of_three.pid, 0), "what has ended counts no more"


def test_a_process_that_has_started_too_much_is_left_to_be_ended_itself(parent_of_three):
    before = tree_of(parent_of_three.pid)
    assert not end_descendants(parent_of_three.pid, 1)
    assert set(tree_of(parent_of_three.pid)) == set(before)


def test_a_process_that_is_gone_has_nothing_left_to_end():
    assert end_descendants(2**22 + 1, 0)


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


@pytest.mark.skipif(sys.platform != "linux", reason="warm processes are of Linux")
def test_a_warm_process_whose_grader_ends_before_its_orders_ends_without_a_word():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        boot = Path(zygote.__file__).with_name("boot.py")
        command = [sys.executable, str(boot), str(theirs.fileno())]
        with subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
        ) as process:
            theirs.close()
            ours.close()
            assert process.communicate()[1] == b""
    assert process.returncode == 0
