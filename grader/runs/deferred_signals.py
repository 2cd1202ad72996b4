"""Ctrl-C and SIGTERM: the first one ends a command, those that follow it are too late to matter.

The first raises `KeyboardInterrupt` wherever the command is. Libraries may swallow that (an import
hook, a finalizer, a plugin), so it is noted as well, and loops ask `raise_if_asked`. From then on
the command only tidies up, and a second Ctrl-C must not break that off.

Here: the signals of the main process. Not here: which process is told to end (`scheduling.py`).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HAS_MASK = hasattr(signal, "pthread_sigmask")  # not on Windows


class _Stop:
    asked = False
    held_back = False


def raise_if_asked() -> None:
    """Raise `KeyboardInterrupt` where a signal asked for the end and the exception was lost."""
    if _Stop.asked:
        raise KeyboardInterrupt


def was_asked() -> bool:
    """Return whether a signal has asked for the end."""
    return _Stop.asked


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what is done inside, in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        if _Stop.asked:
            return
        _Stop.asked = True
        if not _Stop.held_back:
            raise KeyboardInterrupt

    _Stop.asked = False
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        if not _Stop.asked:  # otherwise nothing may disturb the end of the process either
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def not_now() -> Iterator[None]:
    """Hold the end back for a moment: what is done inside is done whole.

    A process started inside is born with both signals blocked; see `leave_to_parent`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _HAS_MASK else set()
    _Stop.held_back = True  # as well: another thread may take the signal
    try:
        yield
    finally:
        _Stop.held_back = False
        if _HAS_MASK:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise_if_asked()


def leave_to_parent() -> None:
    """Be a worker: Ctrl-C is the main process's to handle, SIGTERM ends this one at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _HAS_MASK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
