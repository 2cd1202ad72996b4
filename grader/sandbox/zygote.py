"""The warm parent that kernels are forked from.

It imports what notebooks import, once, and then only forks: 0.1 s a kernel in place of seconds.
It holds no secrets: a clean environment, a `sys.path` without anything of the course, no expected
value in its memory. It runs no torch operation (OpenMP threads do not survive a fork), has one
thread, no ZMQ context, and no socket but the one it takes orders from.

Here: the outer walls, which all kernels share (namespaces, the private file tree), the imports,
and the loop that forks. Not here: what each kernel does after its fork (`kernel_process.py`).
Not covered: see `linux.py`; without namespaces, a kernel's stray processes live on.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from grader.sandbox import deferred_dynamo, linux, messages, policy, walls
from grader.sandbox.policy import Wall

_PACKET = 1 << 18


def main(descriptor: int, *, forked: bool = False) -> NoReturn:
    """Build the warm process and serve fork requests until the grader ends.

    Args:
        descriptor: of the socket that orders come by.
        forked: whether the pristine process is the parent, which has imported most of it. The end
            of the socket is then the only sign that the grader has ended.
    """
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    if not forked:
        linux.die_with_parent()
    started = time.perf_counter()
    packet = control.recv(_PACKET)
    if not packet:  # the grader has ended before it said anything
        os._exit(0)
    settings = messages.decode_start(packet)
    missing: dict[str, str] = {}
    gc.disable()  # imports make half a million objects and leave next to none to collect
    if forked and not _is_open(control):
        os._exit(0)  # its scratch folder is gone too
    try:
        import_ours(settings)
        own_pids = _build_outer_walls(settings, missing) if settings.isolate else False
        _import_libraries(settings)
    except Exception as error:  # of any kind: the grader must get a report
        control.send(messages.encode(messages.Failed(f"{type(error).__name__}: {error}")))
        os._exit(1)
    gc.freeze()  # the collector would write to every page shared with the kernels, and so copy it
    gc.enable()
    linux.set_dumpable(False)
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
    ready = messages.Ready(missing, threads, time.perf_counter() - started)
    with contextlib.suppress(ConnectionError):  # the grader has ended
        control.send(messages.encode(ready))
        _serve(control, settings, missing, own_pids=own_pids)
    os._exit(0)


def start_cold(descriptors: list[int]) -> NoReturn:
    """Run one kernel without a warm parent, where a process with torch cannot be forked."""
    told = messages.decode_cold(sys.stdin.buffer.read())
    folder = f"{told.start.scratch}/{told.order.folder}"
    # files that libraries write during import are removed with the kernel's folder
    own = msgspec.structs.replace(told.start, scratch=f"{folder}/home")
    import_ours(own)
    _import_libraries(own)
    from grader.sandbox import kernel_process  # noqa: PLC0415

    kernel_process.run(told.order, folder, descriptors, {}, told.start)


def _build_outer_walls(settings: messages.Start, missing: dict[str, str]) -> bool:
    """Leave the machine's namespaces and file tree; return whether pids are private now."""
    missing.update(walls.probe(settings.without))
    walls.leave_namespaces(settings.without, missing)
    if Wall.PIDS not in missing:
        # pid 1 of the new pid namespace is our child: when it dies, Linux ends every process of
        # the namespace
        child = os.fork()
        if child:
            _wait_for(child)
        linux.die_with_parent()
    if Wall.MOUNTS in missing:
        missing.setdefault(Wall.ROOT, missing[Wall.MOUNTS])
    if Wall.ROOT not in missing:
        try:
            _private_tree(settings)
        except OSError as error:
            missing[Wall.ROOT] = str(error)
    if Wall.ROOT in missing:  # its mounts would be visible to no process, or to all
        missing.setdefault(Wall.QUOTA, missing[Wall.ROOT])
    if Wall.SWEEP not in missing:
        linux.adopt_orphans()
    return Wall.PIDS not in missing


def _wait_for(child: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.closerange(3, 256)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _private_tree(settings: messages.Start) -> None:
    """Enter a file tree with only the interpreter, the libraries and the scratch folder."""
    linux.make_mounts_private()
    root = f"{settings.scratch}/tree"
    os.makedirs(root, exist_ok=True)
    linux.mount_tmpfs(root, 8 << 20, 20_000, "755")
    for folder in policy.SYSTEM_FOLDERS:
        if os.path.islink(folder):
            os.symlink(os.readlink(folder), root + folder)
    for source in (*settings.read, *policy.SYSTEM_FILES):
        if os.path.exists(source) and not os.path.exists(root + source):
            linux.bind(source, root + source, read_only=True)
    shown = [(path, os.open(path, os.O_PATH)) for path in settings.shown]
    for folder in settings.hidden:
        linux.mount_tmpfs(root + folder, 1 << 20, 1_000, "755")
    for path, place in shown:
        linux.bind(f"/proc/self/fd/{place}", root + path, read_only=True)
        os.close(place)
    gpus = (*policy.GPU_NODES, *settings.gpus) if settings.gpus else ()
    for device in (*policy.DEVICES, *filter(os.path.exists, gpus)):
        linux.bind(device, root + device, read_only=False)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{root}/dev/{name}")
    shared = policy.shared_folders((*settings.read, *settings.shown), layered=False)
    for folder in shared:
        os.makedirs(root + folder, exist_ok=True)
        linux.mount_tmpfs(root + folder, 64 << 20, 10_000, "1777")
    linux.bind(settings.scratch, root + policy.SCRATCH_INSIDE, read_only=False)
    os.makedirs(f"{root}/etc", exist_ok=True)
    Path(f"{root}/etc/passwd").write_text(
        "root:x:0:0:root:/:/bin/false\nstudent:x:65534:65534:student:/tmp:/bin/sh\n",
        encoding="ascii",
    )
    try:
        linux.mount_proc(f"{root}/proc")
    except OSError:  # no private pids, or masked in a container
        if linux.landlock_abi() > 0:  # which closes the entries of other processes
            with contextlib.suppress(OSError):
                linux.bind("/proc", f"{root}/proc", read_only=False)
    linux.pivot_root(root)
    linux.set_read_only("/", devices=True)
    # scratch is written to, and /proc holds the uid map of every kernel
    for path in (policy.SCRATCH_INSIDE, *shared, "/proc"):
        with contextlib.suppress(OSError):
            linux.set_writable(path)


def import_ours(settings: messages.Start) -> None:
    """Import modules of the grader while they can be read: inside, none of its files exist."""
    os.environ.clear()
    os.environ.update(policy.environment(settings.scratch))
    sys.path[:] = settings.path
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # half of a kernel's start-up
    importlib.import_module("grader.sandbox.kernel_process")
    # from here on no module of the grader can be imported, by us or by a student
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "grader" and hasattr(module, "__path__"):
            module.__path__ = []


def import_pristine(settings: messages.Start) -> None:
    """Import those libraries that may be imported before the walls stand, for all workers."""
    names = [n for n in settings.preload if n.partition(".")[0] in policy.PRISTINE]
    _import_all(names, defer=deferred_dynamo.NAME not in settings.preload)
    tempfile.tempdir = None


def _import_libraries(settings: messages.Start) -> None:
    """Import what notebooks import, inside the walls, where the same errors would occur."""
    if not os.path.isdir(settings.scratch):
        os.environ.update(policy.environment(policy.SCRATCH_INSIDE))
    from grader.sandbox import kernel_process  # noqa: PLC0415  (imports torch and ipykernel)

    _import_all(settings.preload, defer=deferred_dynamo.NAME not in settings.preload)
    kernel_process.warm_up(settings.setup)


def _import_all(names: list[str], *, defer: bool) -> None:
    if defer:
        # a library that takes more of it than is substituted is imported again below
        with contextlib.suppress(ImportError), deferred_dynamo.deferred_dynamo():
            _import_all(names, defer=False)
    for name in names:
        importlib.import_module(name)


def _is_open(control: socket.socket) -> bool:
    """Return whether the other end of a socket is open."""
    poll = select.poll()
    poll.register(control, 0)  # a hang-up is always told
    return not poll.poll(0)


def _serve(
    control: socket.socket, settings: messages.Start, missing: dict[str, str], *, own_pids: bool
) -> None:
    """Fork a kernel for every request and report every end, until the grader is gone."""
    pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if own_pids else -1
    kernels: dict[int, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in kernels:
                poll.unregister(descriptor)
                pid, number = kernels.pop(descriptor)
                os.close(descriptor)
                report = _reap(pid, number)
                if settings.isolate and not own_pids and Wall.SWEEP not in missing:
                    walls.sweep({pid for pid, _ in kernels.values()})
                control.send(messages.encode(report))
                continue
            packet, descriptors, _, _ = socket.recv_fds(control, _PACKET, 16)
            if not packet:
                return
            order = messages.decode_fork(packet)
            if own_pids:
                linux.unshare(linux.NEWPID)
            pid = os.fork()
            if pid == 0:
                _become_kernel(control, order, descriptors, missing, settings)
            if own_pids:
                linux.enter_namespace(pids, linux.NEWPID)
            for passed in descriptors:
                os.close(passed)
            watched = os.pidfd_open(pid)
            kernels[watched] = (pid, order.number)
            poll.register(watched, select.POLLIN)
            answer = messages.encode(messages.Forked(order.number))
            socket.send_fds(control, [answer], [watched])


def _reap(pid: int, number: int) -> messages.Exited:
    _, status, used = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return messages.Exited(number, code, used.ru_maxrss << 10, used.ru_utime + used.ru_stime)


def _become_kernel(
    control: socket.socket,
    order: messages.Fork,
    descriptors: list[int],
    missing: dict[str, str],
    settings: messages.Start,
) -> NoReturn:
    from grader.sandbox import kernel_process  # noqa: PLC0415

    try:
        control.close()
        linux.die_with_parent()  # in case there is no pid namespace
        private = settings.isolate and Wall.ROOT not in missing
        scratch = policy.SCRATCH_INSIDE if private else settings.scratch
        folder = f"{scratch}/{order.folder}"
        kernel_process.run(order, folder, descriptors, missing, settings)
    finally:
        os._exit(70)
