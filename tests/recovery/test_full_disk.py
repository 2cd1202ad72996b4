"""A disk that is full: a sentence that names the file and the remedy, and the rerun goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.cli import main
from grader.errors import CannotStore
from grader.records import SubmissionResult
from grader.runs.gradebook import Gradebook
from grader.verdict import Status


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 1 MiB of room."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount a small disk; `test_kills.py` limits the files instead")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this root may not mount a small disk: {mounted.stderr.decode()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    filler.write_bytes(bytes(room.f_bavail * room.f_frsize - but))
    return filler


def grade_with_room(students, disk, room):
    filler = fill(disk, but=room)
    run = students.grade(str(disk / "out"))
    code = run.end()
    filler.unlink()
    return code, run.said


def test_a_run_goes_on_when_there_is_room_again(students, small_disk, everybody):
    out = str(small_disk / "out")
    for room in (8 << 10, 100 << 10):
        code, said = grade_with_room(students, small_disk, room)
        assert code == 3
        assert f"cannot write {out}/" in said
        assert "Make room there" in said
        known = students.stored(out)
        assert all(known[name] == everybody()[name] for name in known)
    assert known, "some results had room"
    assert students.grade(out).end() == 0
    assert students.stored(out) == everybody()


def test_reports_without_room_are_named_and_can_be_written_later(small_disk, monkeypatch, capsys):
    with Gradebook.open(small_disk / "gradebook.sqlite") as book:
        book.save(SubmissionResult("k", "kim", "p", "cnn", Status.GRADED), book.start_run("cnn"))
    monkeypatch.setattr(sys, "argv", ["grader", "report", "--out", str(small_disk)])
    filler = fill(small_disk, but=0)
    for code, file, said in ((3, "grades.csv", "No space left"), (0, "", "report.html")):
        with pytest.raises(SystemExit) as ended:
            main()
        printed = "".join(capsys.readouterr())
        assert ended.value.code == code
        assert file in printed
        assert said in printed
        filler.unlink(missing_ok=True)


def test_a_result_without_room_leaves_the_gradebook_as_it_was(tmp_path):
    first = SubmissionResult("k1", "kim", "p", "cnn", Status.GRADED)
    large = SubmissionResult("k2", "lee", "p", "cnn", Status.GRADED, notes=("x" * 100_000,))
    path = tmp_path / "gradebook.sqlite"
    with Gradebook.open(path) as book:
        run = book.start_run("cnn")
        book.save(first, run)
        pages = book._connection.execute("PRAGMA page_count").fetchone()[0]
        book._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(CannotStore, match=r"cannot write .*gradebook\.sqlite: .*full"):
            book.save(large, run)
        assert [one.key for one in book.results_of(run)] == ["k1"]
    with Gradebook.open(path) as book:
        book.save(large, run)
        assert [one.key for one in book.results_of(run)] == ["k1", "k2"]
