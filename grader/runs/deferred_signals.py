"""Ctrl-C and SIGTERM: the first one ends a command, later ones are ignored.

The first raises `KeyboardInterrupt` at once. Libraries may swallow that (an import hook, a
finalizer, a plugin), so it is recorded too, and loops call `raise_if_asked`. After that the command
only cleans up, and a second Ctrl-C must not interrupt the cleaning.

Here: the signals of the main process. Not here: ending worker processes (`scheduling.py`).
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
    """Raise `KeyboardInterrupt` if a signal arrived and its exception was swallowed."""
    if _Stop.asked:
        raise KeyboardInterrupt


def was_asked() -> bool:
    """Return whether a signal has arrived that ends the command."""
    return _Stop.asked


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block, in the main thread."""

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
        if not _Stop.asked:  # otherwise signals stay ignored until the process ends
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer signals until the block is complete.

    A process started inside inherits both signals blocked; see `leave_to_parent`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _HAS_MASK else set()
    _Stop.held_back = True  # in addition: another thread may take the signal
    try:
        yield
    finally:
        _Stop.held_back = False
        if _HAS_MASK:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise_if_asked()


def leave_to_parent() -> None:
    """Set a worker's signals: ignore Ctrl-C, which the main process handles; end on SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _HAS_MASK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
