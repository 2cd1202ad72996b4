"""What a worker gives back between two submissions."""

from __future__ import annotations

import weakref

from grader.runs import worker_memory


class Network:
    """An object that refers to itself, as a module and its hooks do."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_submission_left_in_circles_is_collected():
    worker_memory.settle()
    left = weakref.ref(Network())
    worker_memory.give_back()
    assert left() is None


def test_a_system_without_a_way_to_return_memory_is_no_error(monkeypatch):
    monkeypatch.setattr(worker_memory.ctypes, "CDLL", lambda name: object())
    worker_memory.give_back()
