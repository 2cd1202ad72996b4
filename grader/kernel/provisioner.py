"""How Jupyter starts a kernel in the sandbox: a `KernelProvisioner` over warm or cold processes.

Here: the scratch folder of a kernel, its pipes, its start, its end. Not here: the walls
(`sandbox/`), the processes themselves (`processes.py`).
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from grader.course import BARE, Environment
from grader.errors import KernelLost
from grader.kernel.cgroups import KernelGroup, make_group
from grader.kernel.deadlines import Spent, TreeClock
from grader.kernel.gpus import Gpu
from grader.kernel.memory_use import TreeMemory
from grader.kernel.process_tree import end_descendants, has_descendants
from grader.kernel.processes import ColdProcess, KernelProcess, WarmParent
from grader.kernel.relay import Relay
from grader.kernel.scratch import remove_folder
from grader.kernel.watchdog import Watchdog
from grader.records import Limits
from grader.sandbox import messages
from grader.sandbox.policy import Wall

SPEC = KernelSpec(
    argv=["grader"], display_name="sandbox", language="python", interrupt_mode="signal"
)
"""The only kernelspec; the one that a notebook names is ignored."""
_PORTS = ("shell", "iopub", "stdin", "hb", "control")
_USED = ("shell", "iopub")
_START_S = 60.0
_MOST_PATH = 90  # macOS allows 104 bytes, and `/k-5` follows
_MOST_WORKERS = 128  # pools of workers, one for each core and more
_MOST_DESCENDANTS = 8  # an interrupted cell or call may leave so many, to be ended one by one


class SandboxProvisioner(KernelProvisionerBase):
    """One kernel: its folder, its process, its watchdog, its relay, its socket for questions."""

    def __init__(
        self, warm: WarmParent | None, limits: Limits, seed: int, *, data: Path | None = None,
        gpu: Gpu | None = None, environment: Environment = BARE,
        files: Mapping[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(kernel_id="kernel", kernel_spec=SPEC)
        self._warm = warm
        self._limits = limits
        self._seed = seed
        self._data = str(data.resolve()) if data else ""
        self._gpu = gpu
        self._environment = environment
        self._files = files or {}
        self.process: KernelProcess | None = None
        self.watchdog: Watchdog | None = None
        self._clock: TreeClock | None = None
        self._group: KernelGroup | None = None
        self._since = time.monotonic()
        self._relay: Relay | None = None
        self._overflow = False
        self.questions: socket.socket | None = None
        self.lockdown_s = 0.0
        self._folder: Path | None = None
        self._descriptor = -1
        self._log = -1

    # ---------------------------------------------------------------- asked by jupyter_client

    @property
    def has_process(self) -> bool:
        """Whether a kernel has been started and not yet ended."""
        return self.process is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make the scratch folder; the kernel's sockets lie in it."""
        kwargs.pop("extra_arguments", None)
        root = self._warm.scratch if self._warm else None
        self._folder = Path(tempfile.mkdtemp(prefix="k", dir=root))
        self._folder.chmod(0o755)
        uid = self._uid = self._warm.new_uid() if self._warm else -1
        home = self._folder / "home"
        home.mkdir(mode=0o700)
        if uid >= 0:
            os.chown(home, uid, uid)
        self._lay_beside(self._folder / messages.BESIDE)
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel and wait until its walls stand.

        Raises:
            KernelLost: it could not be started; the message says why.
        """
        assert self._folder is not None
        assert self.parent is not None
        folder = self._short_folder()
        address, beyond = f"{folder}/r", f"{folder}/k"  # the relay's sockets, and the kernel's
        self.parent.ip = address
        ports = {f"{name}_port": i + 1 for i, name in enumerate(_PORTS)}
        for name, port in ports.items():
            setattr(self.parent, name, port)
        key = self.parent.session.key.decode()
        if self._warm is not None and self._warm.isolate:
            self._group = make_group(self._limits)
        self._log = os.open(self._folder / "log", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        self.questions, theirs = socket.socketpair()
        ready, ready_end = os.pipe()
        listeners = [_listener(f"{beyond}-{port}") for port in ports.values()]
        try:
            passed = [theirs, *listeners]
            descriptors = [self._log, ready_end, *(end.fileno() for end in passed)]
            self.process = self._start(key, descriptors)
            if self._group is not None:
                self._group.begin_to_add(self.process.pid)
        finally:
            os.close(ready_end)
            for end in (theirs, *listeners):
                end.close()
        await self._locked(ready)
        if self._group is not None:
            self._group.wait()
        used = (ports[f"{name}_port"] for name in _USED)
        routes = {f"{address}-{port}": f"{beyond}-{port}" for port in used}
        self._relay = Relay(routes, self._end_for_overflow)
        self._relay.start()
        if os.path.isdir("/proc/self"):
            quota = self._warm is not None and Wall.QUOTA in self._warm.standing
            home = None if quota else self._folder / "home"
            counted = self._group.processor_s if self._group else None
            self._clock = TreeClock(self.process.pid, counted)
            network = self._warm is not None and Wall.NETWORK in self._warm.standing
            memory = TreeMemory(
                self.process.pid, memory_files=self._gpu is not None, own_network=network
            )
            self.watchdog = Watchdog(
                self.process, self._clock, memory, self._limits, home, self._group
            )
            self.watchdog.start()
        info: dict[str, Any] = {
            "ip": address, "transport": "ipc", "key": self.parent.session.key,
            "signature_scheme": "hmac-sha256", **ports,
        }  # fmt: skip
        self.connection_info = cast(KernelConnectionInfo, info)
        return self.connection_info

    async def poll(self) -> int | None:
        """Return None while the kernel lives, then its exit code."""
        if self.process is None:
            return 0
        if not select.select([self.process.alive], [], [], 0)[0]:
            return None
        return self.process.exit_code() or 0

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        process = self.process
        if process is None:
            return 0
        await _readable(process.alive)
        code = process.exit_code()
        self._end()
        return code

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel."""
        if self.process is not None:
            self.process.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything it started."""
        self._end()

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel and everything it started."""
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what is left of the kernel."""
        self.close()

    # ---------------------------------------------------------------- ours

    @property
    def pidfd(self) -> int:
        """A descriptor that becomes readable when the kernel has died."""
        return self.process.alive if self.process else self._log

    @property
    def out_of_memory(self) -> int:
        """The memory limit in bytes if the kernel was ended for passing it, else 0."""
        if self.watchdog is None:
            return 0
        self.watchdog.ask_group()
        return self.watchdog.out_of_memory

    @property
    def out_of_time(self) -> int:
        """The limit in seconds of the processor if it was ended for passing it, else 0."""
        return self.watchdog.out_of_time if self.watchdog else 0

    @property
    def ended_for(self) -> str:
        """What the kernel was ended for by us, in words; empty if it was not."""
        if self._overflow:
            return "sent the grader a message without end, and was ended"
        if self.watchdog is None:
            return ""
        self.watchdog.ask_group()
        return self.watchdog.ended_for

    def _end_for_overflow(self) -> None:
        self._overflow = True
        self.kill_now()

    def spent(self) -> Spent:
        """Return what the kernel and all it started have spent up to now."""
        return self._clock.look() if self._clock else Spent(time.monotonic() - self._since)

    def lately_spent(self) -> Spent:
        """Return the same as of the watchdog's last look, which costs nothing."""
        return self._clock.latest if self._clock else self.spent()

    def signal(self, number: int) -> None:
        """Send a signal to the kernel, at once."""
        if self.process is not None:
            self.process.signal(number)

    def end_descendants(self) -> bool:
        """End what the kernel has started; False where that is much, or has no end."""
        return self.process is None or end_descendants(self.process.pid, _MOST_DESCENDANTS)

    def end_workers(self) -> bool:
        """End what cells and earlier answers have left running; False where that has no end.

        The kernel stands still meanwhile: a pool of workers would start them again.
        """
        if self.process is None or not has_descendants(self.process.pid):
            return True
        self.signal(signal.SIGSTOP)
        try:
            return end_descendants(self.process.pid, _MOST_WORKERS)
        finally:
            self.signal(signal.SIGCONT)

    def kill_now(self) -> None:
        """End the kernel's processes; its folder stays until `close`."""
        self.signal(signal.SIGKILL)

    def close(self) -> None:
        """End the kernel and remove its folder; may be called again."""
        self._end()
        if self.questions is not None:
            self.questions.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._folder is not None:
            remove_folder(self._folder)

    def _short_folder(self) -> str:
        """Return a path of the kernel's folder that leaves room for the names of sockets.

        A Unix socket's path has 108 bytes at most. Below a longer one, the folder is reached by
        way of an open descriptor.
        """
        folder = str(self._folder)
        if len(os.fsencode(folder)) > _MOST_PATH and os.path.isdir("/proc/self/fd"):
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            return f"/proc/self/fd/{self._descriptor}"
        return folder

    def _lay_beside(self, folder: Path) -> None:
        """Write the files that the kernel is to find where the notebook runs."""
        for name, data in self._files.items():
            path = folder.joinpath(*PurePosixPath(name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _end(self) -> None:
        if self.watchdog is not None:
            self.watchdog.stop()
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self.process is not None:
            self.process.close()
            self.process = None
        if self._group is not None:
            if self.watchdog is not None:
                self.watchdog.ask_group()
            self._group.remove()
            self._group = None

    def _start(self, key: str, descriptors: list[int]) -> KernelProcess:
        assert self._folder is not None
        if self._warm is not None:
            return self._warm.fork(
                folder=self._folder.name, uid=self._uid, key=key, seed=self._seed,
                limits=self._limits, descriptors=descriptors, gpu=self._gpu,
            )  # fmt: skip
        order = messages.Fork(0, self._folder.name, -1, key, self._seed, self._limits, self._data)
        return ColdProcess(self._folder.parent, order, descriptors, self._environment)

    async def _locked(self, ready: int) -> None:
        try:
            await asyncio.wait_for(_readable(ready), _START_S)
            packet = os.read(ready, 1 << 16)
        except TimeoutError:
            raise KernelLost(f"the kernel was not ready in {_START_S:g} s") from None
        finally:
            os.close(ready)
        if not packet:
            raise KernelLost(f"the kernel died while it started: {self._last_words()}")
        locked = messages.decode_locked(packet)
        if locked.error:
            raise KernelLost(
                f"the kernel could not be locked up: {locked.error} {self._last_words()}"
            )
        self.lockdown_s = locked.lockdown_s

    def _last_words(self) -> str:
        return os.pread(self._log, 4_000, 0).decode(errors="replace").strip()[-1_500:]


def _listener(path: str) -> socket.socket:
    """Make the socket on which a kernel answers; a kernel cannot create one in this folder."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    made.listen(8)
    return made


async def _readable(descriptor: int) -> None:
    """Wait until a descriptor can be read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, note)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
