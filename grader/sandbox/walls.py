"""Tests which walls this machine can build: each on its own, in a temporary process.

Walls that cannot be undone (namespaces of the warm parent) are built directly, one after another,
so that a refused one does not affect the others.

Here: probing, the namespaces, the sweep where there is no process namespace. Not here: how a wall
is built (`linux.py`, `syscalls.py`), the private file tree (`zygote.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import warnings
from collections.abc import Callable, Collection
from pathlib import Path

from grader.sandbox import linux, syscalls
from grader.sandbox.policy import Wall

_NAMESPACES = {
    Wall.NETWORK: linux.NEWNET,
    Wall.IPC: linux.NEWIPC,
    Wall.MOUNTS: linux.NEWNS,
    Wall.PIDS: linux.NEWPID,
}
_LEFT_OUT = "left out on purpose"


def probe(without: Collection[str]) -> dict[str, str]:
    """Test the walls that each kernel builds; return the missing ones, with reasons."""
    missing = dict.fromkeys(map(Wall, without), _LEFT_OUT)
    trials: dict[Wall, Callable[[], None]] = {
        Wall.LANDLOCK: lambda: linux.Landlock().enforce(),
        Wall.SCOPES: _need_scopes,
        Wall.SECCOMP: lambda: syscalls.install(pretend_metadata=False),
        Wall.LIMITS: lambda: linux.set_rlimits({"RLIMIT_CORE": 0}),
        Wall.PRIVILEGES: linux.no_new_privileges,
        Wall.SWEEP: _need_children,
    }
    for wall, trial in trials.items():
        reason = _tried(trial)
        if reason and wall not in missing:
            missing[wall] = reason
    if Wall.LANDLOCK in missing:
        missing.setdefault(Wall.SCOPES, missing[Wall.LANDLOCK])
    return {str(wall): reason for wall, reason in missing.items()}


def missing_here() -> list[str]:
    """Return the names of the walls that cannot be built here, tested in a temporary process."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads are no danger: see below
        child = os.fork()
    if child == 0:  # only system calls from here on, and the end
        with contextlib.suppress(BaseException):
            os.close(ours)
            os.write(theirs, "\n".join(sorted(_missing_here())).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        found = pipe.read().decode()
    os.waitpid(child, 0)
    return found.splitlines()


def _missing_here() -> dict[str, str]:
    missing = probe(())
    leave_namespaces((), missing)
    if Wall.MOUNTS in missing:
        missing.setdefault(Wall.ROOT, missing[Wall.MOUNTS])
    else:
        try:
            linux.make_mounts_private()
            linux.mount_tmpfs("/tmp", 1 << 20, 100, "1777")
        except OSError as error:
            missing[Wall.ROOT] = str(error)
    if Wall.ROOT in missing:
        missing.setdefault(Wall.QUOTA, missing[Wall.ROOT])
    return missing


def leave_namespaces(without: Collection[str], missing: dict[str, str]) -> None:
    """Leave the namespaces of the machine, one after another; note the refused ones."""
    uid, gid = os.getuid(), os.getgid()
    reason = ""
    if uid or _tried(lambda: linux.unshare(linux.NEWNET)):
        # an ordinary user, or a root without the capability, needs a user namespace first
        if uid == 0:
            missing.setdefault(Wall.USER, "this root may not make namespaces of its own")
        try:
            linux.unshare(linux.NEWUSER)
            linux.map_user(uid, gid)
        except OSError as error:
            reason = str(error)
            missing.setdefault(Wall.USER, reason)
    with contextlib.suppress(OSError):
        linux.unshare(linux.NEWUTS)
    for wall, flag in _NAMESPACES.items():
        if wall in missing:
            continue
        try:
            linux.unshare(flag)
        except OSError as error:
            missing[wall] = reason or str(error)


def sweep(kernels: Collection[int]) -> None:
    """End every process left behind by a kernel that has ended.

    This process adopts orphans. Each is killed when found, and its children are adopted in turn;
    a kernel's number of processes is limited, so this ends.
    """
    while strays := _children() - set(kernels):
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> set[int]:
    here = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(map(int, here.read_text(encoding="ascii").split()))


def _need_children() -> None:
    linux.adopt_orphans()
    _children()


def _need_scopes() -> None:
    abi = linux.landlock_abi()
    if abi < linux.SCOPES_FROM_ABI:
        raise OSError(f"this kernel has Landlock {abi}, and they came with {linux.SCOPES_FROM_ABI}")


def _tried(trial: Callable[[], None]) -> str:
    """Try something in a child process; return why it failed, or nothing."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            trial()
        except BaseException as error:
            os.write(theirs, (str(error) or type(error).__name__).encode()[:1000])
            os._exit(1)
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return reason if status == 0 or reason else f"it ends the process (status {status})"
