"""What a worker gives back between two submissions."""

from __future__ import annotations

import gc
import weakref

import pytest

from grader.runs import worker_memory


class Network:
    """An object that refers to itself, as a module and its hooks do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def settled():
    worker_memory.settle()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("settled")
def test_what_a_submission_left_in_circles_is_collected():
    left = weakref.ref(Network())
    worker_memory.give_back()
    assert left() is None


def test_a_system_without_a_way_to_return_memory_is_no_error(monkeypatch):
    monkeypatch.setattr(worker_memory.ctypes, "CDLL", lambda name: object())
    worker_memory.give_back()
