"""One kernel, from its fork to its first cell: builds its walls, then becomes an ipykernel.

Here: the inner walls, which each kernel has for itself (scratch with a quota, user, limits,
Landlock, seccomp), fresh random state, and ipykernel set up to run notebooks unchanged.
Not here: the outer walls (`zygote.py`), what is allowed (`policy.py`).
Not covered: see `linux.py`. The order matters: Landlock and seccomp hold for one thread and those
it starts, so all walls stand before ipykernel starts its threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

import ipykernel.debugger
import IPython.core.completer
import IPython.core.completerlib
import IPython.core.logger
import IPython.core.oinspect
import torch
import tornado.platform.asyncio
from tornado.ioloop import IOLoop
from traitlets.config import Config

from grader.guest import (
    environment,
    large_draws,
    loaders,
    losses,
    machine_gaps,
    notebook_shell,
    progress_bars,
    recorder,
    server,
    serving,
    stand_in_gpu,
    training_settings,
)
from grader.guest.fresh_state import set_seeds
from grader.guest.library_answers import LibraryAnswers
from grader.guest.own_modules import OwnModules
from grader.sandbox import (
    attachments,
    linux,
    memory_reserve,
    messages,
    output,
    policy,
    syscalls,
)
from grader.sandbox.ipykernel_internals import (
    InheritedSocketsApp,
    forget_log,
    keep_output_of_children_local,
)
from grader.sandbox.policy import Wall
from grader.wire.torch_internals import when_cuda_starts

_READY, _QUESTIONS, _FIRST_LISTENER = 3, 4, 5
_PORTS = ("shell", "iopub", "stdin", "hb", "control")
_DESCRIPTORS_KEPT_AT = 200

_guest: server.Guest


def warm_up(setup: str) -> None:
    """Do the work of every kernel once, in the warm parent.

    Args:
        setup: name of the course's setup module, empty for none.
    """
    for module in (
        ipykernel.debugger, IPython.core.logger, IPython.core.oinspect, tornado.platform.asyncio,
    ):  # fmt: skip
        assert module is not None  # imported above for its cost
    import matplotlib.pyplot as plt  # noqa: PLC0415  (not before the environment is set)

    loaders.install()
    large_draws.install()
    losses.watch()
    stand_in_gpu.install()
    progress_bars.silence()
    environment.use(setup).prepare()
    environment.current.library()
    plt.switch_backend("agg")
    figure = plt.figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1])
    figure.savefig(io.BytesIO())  # the font cache
    plt.close(figure)
    # the last: libraries look whether there is a shell
    InheritedSocketsApp.prepared(_settings())


def _settings() -> Config:
    """Return ipykernel's settings: no history, no debugger, short tracebacks, no pictures."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.HistoryManager.hist_file = ":memory:"
    settings.IPKernelApp.parent_handle = 0
    settings.IPKernelApp.log_level = 40
    settings.IPCompleter.use_jedi = False
    # with context lines, a traceback of a thousand frames takes seconds to format
    settings.InteractiveShell.xmode = "Plain"
    settings.BaseIPythonApplication.auto_create = False
    # the picture of a figure takes 50 ms, and no output is read
    settings.InlineBackend.figure_formats = set()
    return settings


def run(
    order: messages.Fork, folder: str, descriptors: list[int],
    missing: dict[str, str], settings: messages.Start,
) -> NoReturn:  # fmt: skip
    """Build the walls and run a kernel until it is killed; `folder` is its scratch folder."""
    ready = _arrange_descriptors(descriptors)
    started = time.perf_counter()
    try:
        beside = attachments.read(folder)
        _enter_scratch(folder, order)
        if settings.isolate:
            _lock_up(order, folder, missing, settings)
        else:
            linux.set_rlimits(policy.rlimits(order.limits, gpu=order.gpu is not None))
        lockdown_s = time.perf_counter() - started
        _reseed(order)
        if order.gpu is not None:
            _cap_gpu_memory(order.limits.gpu_memory_fraction)
        if settings.beside:
            shutil.copytree(settings.beside, ".", dirs_exist_ok=True)
        attachments.lay_out(beside)
        app = _kernel(order, folder)
    except BaseException as error:
        os.write(ready, messages.encode(messages.Locked(f"{type(error).__name__}: {error}")))
        os._exit(71)

    def tell() -> None:
        os.write(ready, messages.encode(messages.Locked(lockdown_s=lockdown_s)))
        os.close(ready)

    # from within the loop, after the kernel's first message: a message sent while a subscription
    # arrives can swallow the notice of it, and then the welcome is never sent
    IOLoop.current().add_callback(tell)
    app.start()
    os._exit(0)


def serve_questions(not_run: dict[int, str]) -> None:
    """Answer the grader's questions in the main thread; called after the last cell.

    `not_run` holds the text of cells that ended an earlier kernel or had no time: of trainings.
    """
    _guest.recorder.note_unrun(not_run)
    serving.serve(_guest, _QUESTIONS)


def use_parts(sources: dict[str, str]) -> None:
    """Let right definitions stand in for the notebook's own; called before the first cell."""
    _guest.recorder.use_parts(sources)


def _arrange_descriptors(descriptors: list[int]) -> int:
    """Keep a log on 1 and 2, the ready pipe, the questions, Jupyter's sockets; close all else.

    A cold kernel also holds the end of a pipe, by which the grader notices its exit.
    """
    os.setsid()
    log, *kept = descriptors
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    high = [
        os.dup2(source, _DESCRIPTORS_KEPT_AT + i, inheritable=False)
        for i, source in enumerate(kept)
    ]
    os.closerange(_READY, _DESCRIPTORS_KEPT_AT)
    for place, source in enumerate(high, start=_READY):
        os.dup2(source, place, inheritable=False)
    os.closerange(_READY + len(high), 1024)
    return _READY


def _enter_scratch(folder: str, order: messages.Fork) -> None:
    os.umask(0o077)
    os.chdir(f"{folder}/home")
    os.environ.update(policy.environment(f"{folder}/home"))
    if order.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = order.gpu.visible
    tempfile.tempdir = None


def _lock_up(
    order: messages.Fork, folder: str, missing: dict[str, str], settings: messages.Start
) -> None:
    """Build the inner walls in order: each needs the ones before it."""
    shared = _take_scratch(order, folder, missing, settings)
    limits = policy.rlimits(order.limits, gpu=order.gpu is not None)
    if _become_user(order, missing):
        limits["RLIMIT_NPROC"] = order.limits.processes
    if Wall.PIDS in missing and Wall.SWEEP not in missing:
        linux.adopt_orphans()  # for the watchdog: orphans stay children of this kernel
    if Wall.LIMITS not in missing:
        linux.set_rlimits(limits)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        linux.forgo_huge_pages()
    if Wall.LANDLOCK not in missing:
        _close_files(order, settings, [f"{folder}/home", *shared])
    linux.drop_capabilities()
    if Wall.PRIVILEGES not in missing:
        linux.no_new_privileges()
    if order.gpu is not None:
        # an ordinary user's watchdog needs this to see files in memory; code inside cannot trace
        linux.set_dumpable(True)
    if Wall.SECCOMP not in missing:
        allowed = policy.GPU_SYSTEM_CALLS if order.gpu is not None else ()
        syscalls.install(pretend_metadata=Wall.ROOT in missing, allowed=allowed)


def _take_scratch(
    order: messages.Fork, folder: str, missing: dict[str, str], settings: messages.Start
) -> tuple[str, ...]:
    """Mount the scratch folder with its quota; return the shared folders this kernel may write."""
    shared: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    if Wall.ROOT not in missing:
        paths = (*settings.read, *settings.shown)
        shared = policy.shared_folders(paths, layered=Wall.QUOTA not in missing)
    if Wall.QUOTA not in missing:
        linux.unshare(linux.NEWNS)
        linux.make_mounts_private()
        _mount_scratch(order, folder, shared, paths)
        with contextlib.suppress(OSError):
            linux.mount_proc()
        for node in settings.gpus:
            if order.gpu is None or node != order.gpu.node:
                linux.unmount(node)
        os.chdir(f"{folder}/home")
    return shared


def _become_user(order: messages.Fork, missing: dict[str, str]) -> bool:
    """Become the kernel's own user; return whether a limit on processes counts only its own."""
    if order.uid >= 0:
        os.setgroups([])
        os.setresgid(order.uid, order.uid, order.uid)
        os.setresuid(order.uid, order.uid, order.uid)
        return True
    if Wall.USER in missing or not os.path.exists("/proc/self/uid_map"):
        return False
    # in a user namespace of its own, RLIMIT_NPROC counts the processes of this kernel alone
    uid, gid = os.getuid(), os.getgid()
    linux.set_dumpable(True)
    linux.unshare(linux.NEWUSER)
    linux.map_user(uid, gid)
    # it stays dumpable for the watchdog of an ordinary user; code inside may not trace another
    # process or open its memory
    return True


def _close_files(order: messages.Fork, settings: messages.Start, writable: list[str]) -> None:
    """Enforce Landlock: every file that is not listed here is closed."""
    rules = linux.Landlock()
    rules.allow_reading([*_readable(settings), *policy.SYSTEM_FILES, *policy.PROC_FILES])
    rules.allow_reading([path for path in policy.DEVICES if path != "/dev/null"])
    rules.allow_writing(writable)
    rules.allow_files(["/dev/null", "/dev/zero", "/dev/full"])
    if order.gpu is not None:
        rules.allow_devices([*policy.GPU_NODES, order.gpu.node])
        rules.allow_reading(policy.GPU_FILES)
        rules.allow_files_below(policy.GPU_THREADS)
    rules.enforce()


def _mount_scratch(
    order: messages.Fork, folder: str, shared: tuple[str, ...], paths: tuple[str, ...]
) -> None:
    """Mount one small file system, and bind parts of it at each writable place.

    All places share one quota. Readable folders below such a place are bound into it again.
    """
    linux.mount_tmpfs(folder, order.limits.scratch_bytes, order.limits.scratch_files, "711")
    home = f"{folder}/home"
    os.mkdir(home, 0o700)
    if order.uid >= 0:
        os.chown(home, order.uid, order.uid)
    for place in shared:
        part = f"{folder}/{place.strip('/').replace('/', '-')}"
        os.mkdir(part)
        os.chmod(part, 0o1777)
        covered = [path for path in paths if Path(path).is_relative_to(place)]
        held = [(path, os.open(path, os.O_PATH)) for path in covered if os.path.exists(path)]
        linux.mount(part, place, flags=linux.BIND)
        mask = os.umask(0o022)  # parent folders are readable by all users
        for path, descriptor in held:
            linux.bind(f"/proc/self/fd/{descriptor}", path, read_only=True)
            os.close(descriptor)
        os.umask(mask)


def _readable(settings: messages.Start) -> list[str]:
    """Return the library folders, one by one where hidden folders lie among them."""
    found = list(settings.shown)
    for folder in settings.read:
        inside = [path for path in settings.hidden if path.startswith(f"{folder}/")]
        if not inside:
            found.append(folder)
            continue
        # Landlock can only add: list what lies beside the hidden folders instead of their parents
        pending = [folder]
        while pending:
            parent = pending.pop()
            for name in os.listdir(parent):
                path = f"{parent}/{name}"
                if any(hidden.startswith(f"{path}/") for hidden in inside):
                    pending.append(path)
                elif path not in inside:
                    found.append(path)
    return found


def _reseed(order: messages.Fork) -> None:
    set_seeds(order.seed)
    if order.gpu is not None:
        torch.manual_seed(order.seed)  # which seeds CUDA as soon as it starts
    torch.set_num_threads(1)


def _cap_gpu_memory(fraction: float) -> None:
    """Cap the share of the GPU's memory that torch takes, once it starts CUDA.

    Not earlier: a context costs seconds and hundreds of MB, and most notebooks need none. Student
    code can lift the cap; that affects only other programs on the GPU that it holds.
    """

    def cap() -> None:
        torch.cuda.set_per_process_memory_fraction(min(1.0, fraction), 0)

    when_cuda_starts(cap)


def _kernel(order: messages.Fork, folder: str) -> Any:
    """Set up ipykernel over `ipc://`, without files, a debugger, history or a TCP socket."""
    # output of forked children goes to descriptors 1 and 2, which are captured as well
    keep_output_of_children_local()
    os.register_at_fork(after_in_child=_print_to_descriptors)
    app = InheritedSocketsApp.instance()
    app.profile_folder = f"{folder}/home/.ipython"
    app.first_listener = _FIRST_LISTENER
    # a name only: the address of the folder itself may be too long for a socket
    app.transport, app.ip = "ipc", "/sockets/k"
    for i, name in enumerate(_PORTS):
        setattr(app, f"{name}_port", i + 1)
    app.session.key = order.key.encode()
    app.initialize([])  # type: ignore[no-untyped-call]
    bound = output.OutputBound(app.session, app.iopub_socket, order.limits.output_bytes)
    bound.install()
    app.shell.events.register("pre_execute", bound.renew)  # type: ignore[union-attr]
    # without this, the event loop of a cell that awaits would miss interrupts
    asyncio.get_event_loop().add_signal_handler(signal.SIGUSR2, lambda: None)
    _prepare_shell(app.shell, order)
    forget_log()
    return app


def _prepare_shell(shell: Any, order: messages.Fork) -> None:
    global _guest  # noqa: PLW0603  (one kernel a process)
    training_settings.configure(
        training_s=order.limits.training_s, training_steps=order.limits.training_steps,
        data_dir=order.data or None, seed=order.seed,
        training_most_s=order.limits.training_most_s,
    )  # fmt: skip
    environment.current.configure()
    notebook_shell.install(shell)
    home = os.getcwd()
    machine_gaps.install(home)
    sys.path.insert(0, "")  # a cell may write a module and import it; `python -P` leaves this out
    # pyplot was imported before there was a shell: without this figures stay open
    shell.enable_matplotlib("inline")
    captured = recorder.Recorder(shell.user_ns)
    recorder.attach(shell, captured)
    captured.own = OwnModules(home)
    captured.own.install()
    captured.packages.adapters["pandas"] = machine_gaps.write_tables_anywhere
    memory_reserve.keep(shell)
    _guest = server.Guest(captured, LibraryAnswers(environment.current.library()))


def _print_to_descriptors() -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = io.FileIO(number, "w", closefd=False)
        setattr(sys, name, io.TextIOWrapper(raw, line_buffering=True, write_through=True))
