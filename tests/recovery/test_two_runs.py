"""Two runs into one out folder: the second is told, at once, and changes nothing."""

from __future__ import annotations

import signal

import pytest

from grader.cli.grading import grade
from grader.errors import UsageError
from grader.runs import pipeline
from grader.runs.pipeline import claimed, require_unclaimed


def test_the_second_run_is_told_who_has_the_folder(students, waiting, everybody):
    first = students.grade("shared")
    waiting(lambda: first.graded >= 1)
    first.process.send_signal(signal.SIGSTOP)  # it is at work for as long as the second needs
    try:
        second = students.grade("shared")
        assert second.process.wait() == 2
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert first.end() == 0
    second.end()
    assert second.said.startswith("another `grader grade` is at work in shared; wait for its end")
    assert students.stored("shared") == everybody()


def test_a_folder_is_free_again_when_the_run_has_ended(tmp_path):
    out = tmp_path / "new" / "out"
    for _ in range(2):
        with claimed(out), claimed(out / "another"), pytest.raises(UsageError, match="wait for"):
            claimed(out).__enter__()


def test_a_folder_that_cannot_be_made_is_the_gradebooks_to_tell(tmp_path):
    (tmp_path / "file").touch()
    with claimed(tmp_path / "file" / "out"):
        pass


def test_the_second_run_is_told_before_it_reads_what_was_handed_in(tmp_path, monkeypatch):
    def read(*args, **options):
        raise AssertionError("it reads")

    monkeypatch.setattr(pipeline, "collect", read)
    with claimed(tmp_path), pytest.raises(UsageError, match="wait for"):
        grade([tmp_path / "class.zip"], out=tmp_path)


def test_an_out_folder_is_not_made_by_looking_for_another_run(tmp_path):
    require_unclaimed(tmp_path / "out")
    assert not (tmp_path / "out").exists()
