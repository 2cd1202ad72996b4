"""Scratch folders of graders: made and locked, swept when their grader was killed, removed.

Here: folders on the trusted side. Not here: the quota inside a kernel (`sandbox/`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where no kernel is forked
    fcntl = None  # type: ignore[assignment]

_PREFIX, _CLAIM = "grader-", "claim"
_NEW = "new-grader-"
_MOST_MAKING_S = 3_600.0  # a folder is made in a millisecond


def claimed_folder() -> tuple[Path, int]:
    """Make a scratch folder, and lock a file in it for as long as this process lives.

    It has another name until it is locked, so that other runs do not take it for abandoned.
    """
    new = Path(tempfile.mkdtemp(prefix=_NEW))
    new.chmod(0o711)
    claim = os.open(new / _CLAIM, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(claim, fcntl.LOCK_EX)
    return new.rename(new.with_name(new.name.replace(_NEW, _PREFIX, 1))), claim


def remove_abandoned() -> None:
    """Remove scratch folders of killed graders, whose locks the system has released."""
    if fcntl is None:
        return
    try:
        place = Path(tempfile.gettempdir())
        found = [*place.glob(f"{_PREFIX}*"), *filter(_is_old, place.glob(f"{_NEW}*"))]
    except OSError:
        return  # a disk so full that no folder will do; whoever needs one says so
    for folder in found:
        try:
            claim = os.open(folder / _CLAIM, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # another user's, or not yet claimed
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_folder(folder)
        except OSError:
            continue
        finally:
            os.close(claim)


def _is_old(folder: Path) -> bool:
    """Return whether a folder was begun so long ago that its maker must be gone."""
    try:
        return time.time() - folder.stat().st_mtime > _MOST_MAKING_S
    except OSError:
        return False


def remove_folder(folder: Path) -> None:
    """Remove a folder, read-only contents included; a missing folder is no error."""

    def unlock(function: Callable[..., object], path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            if path != str(folder):  # what it lies in is not ours to change
                os.chmod(os.path.dirname(path), 0o700)
            if function in (os.unlink, os.rmdir):
                function(path)
            elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                os.chmod(path, 0o700)
                remove_folder(Path(path))

    shutil.rmtree(str(folder), onerror=unlock)  # `unlock` gets the path as given here
