"""Sheets on disk: whole or absent, the user's own, bounded, and safe for several runs at once."""

from __future__ import annotations

import os
import stat
import threading
import time

import pytest

from grader.grading.sheet_files import SheetFiles, cache_folder

KEY = "0123456789abcdef" * 4


@pytest.fixture
def files(tmp_path):
    return SheetFiles(tmp_path / "cache")


def path_of(files):
    (entry,) = files.entries()
    return entry.path


def test_what_is_written_is_read(files):
    files.write("cnn", "corr2d", KEY, b"numbers")
    assert files.read("cnn", "corr2d", KEY) == b"numbers"


def test_another_key_reads_nothing(files):
    files.write("cnn", "corr2d", KEY, b"numbers")
    assert files.read("cnn", "corr2d", KEY[::-1]) is None
    assert files.read("cnn", "pool2d", KEY) is None


def test_folders_and_files_are_the_owners_alone(files):
    files.write("cnn", "corr2d", KEY, b"numbers")
    path = path_of(files)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"another program's file"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"X"),
        lambda path: path.chmod(0o666),
        lambda path: path.parent.chmod(0o777),
        lambda path: (path.rename(path.with_suffix(".x")), path.symlink_to(path.with_suffix(".x"))),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=[
        "empty",
        "foreign",
        "short",
        "changed",
        "writable",
        "open folder",
        "link",
        "pipe",
        "folder",
    ],
)
def test_a_file_that_may_not_be_trusted_is_ignored(files, spoil):
    files.write("cnn", "corr2d", KEY, b"numbers")
    spoil(path_of(files))
    assert files.read("cnn", "corr2d", KEY) is None


def test_a_corrupt_file_is_written_again(files):
    files.write("cnn", "corr2d", KEY, b"numbers")
    path_of(files).write_bytes(b"corrupt")
    files.write("cnn", "corr2d", KEY, b"numbers")
    assert files.read("cnn", "corr2d", KEY) == b"numbers"


def test_a_folder_that_cannot_be_written_keeps_nothing_and_raises_nothing(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    files = SheetFiles(tmp_path / "cache")
    files.write("cnn", "corr2d", KEY, b"numbers")
    assert files.read("cnn", "corr2d", KEY) is None
    assert files.entries() == files.clear() == []


def test_what_was_used_longest_ago_is_removed_first(tmp_path):
    files = SheetFiles(tmp_path, most_bytes=5_000)
    for age, name in enumerate(("a", "b", "c", "d"), start=1):
        files.write("cnn", name, KEY, bytes(1_000))
        (found,) = (e.path for e in files.entries() if e.path.name.startswith(name))
        os.utime(found, (age, age))
    assert files.read("cnn", "a", KEY)  # used just now
    files.write("cnn", "e", KEY, bytes(1_000))
    assert {entry.path.name[0] for entry in files.entries()} == {"a", "d", "c", "e"}


def test_a_reader_beside_writers_finds_a_whole_file(files):
    contents = [bytes([n]) * 200_000 for n in range(4)]
    ends = time.monotonic() + 0.5

    def write(content):
        while time.monotonic() < ends:
            files.write("cnn", "corr2d", KEY, content)

    files.write("cnn", "corr2d", KEY, contents[0])
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    found = set()
    while time.monotonic() < ends:
        found.add(files.read("cnn", "corr2d", KEY))
    for writer in writers:
        writer.join()
    assert found <= set(contents)


def test_clearing_removes_all_and_says_what(files):
    files.write("cnn", "corr2d", KEY, b"numbers")
    files.write("rnn", "gru", KEY, b"numbers")
    (files.folder / "sheets" / "rnn" / "x.part").write_bytes(b"of a killed run")
    assert sorted(entry.assignment for entry in files.clear()) == ["cnn", "rnn"]
    assert not [path for path in files.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"GRADER_CACHE": "off", "XDG_CACHE_HOME": "/c"}, None),
        ({"GRADER_CACHE": "/g", "XDG_CACHE_HOME": "/c"}, "/g"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/grader"),
    ],
)
def test_the_environment_chooses_the_folder(environment, folder):
    found = cache_folder(environment)
    assert folder == (found and str(found))


def test_a_relative_cache_home_counts_for_nothing(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(cache_folder({"XDG_CACHE_HOME": "c"})) == "/home/someone/.cache/grader"
