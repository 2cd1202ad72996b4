"""What code inside the sandbox may read, write, reach and spend, as data.

Here: decisions. Not here: how a wall is built (`linux.py`), or when (`zygote.py`,
`kernel_process.py`).
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from grader.records import Limits

PACKAGE = Path(__file__).resolve().parent.parent
GUEST_LIBRARY = PACKAGE / "guest" / "library"
"""Top-level packages for the notebooks of every course: `google.colab`."""


class Wall(StrEnum):
    """One wall of the sandbox, each probed and built on its own."""

    USER = "own user"
    NETWORK = "network namespace"
    PIDS = "process namespace"
    IPC = "IPC namespace"
    MOUNTS = "mount namespace"
    ROOT = "private file tree"
    QUOTA = "scratch quota"
    LANDLOCK = "Landlock"
    SCOPES = "Landlock scopes"
    SECCOMP = "seccomp"
    LIMITS = "resource limits"
    PRIVILEGES = "no new privileges"
    SWEEP = "sweep of stray processes"


RESERVE_BYTES = 128 << 20
"""Of a kernel's memory, what its cells may not fill (`memory_reserve.py`)."""

PROMISES: dict[str, tuple[frozenset[Wall], ...]] = {
    "files outside the scratch folder": (frozenset({Wall.LANDLOCK}), frozenset({Wall.ROOT})),
    "sockets of this machine's programs": (frozenset({Wall.ROOT}),),
    "the network": (frozenset({Wall.NETWORK}), frozenset({Wall.SECCOMP})),
    "signals to other processes": (frozenset({Wall.PIDS}), frozenset({Wall.SCOPES})),
    "shared memory of other processes": (frozenset({Wall.IPC}), frozenset({Wall.SECCOMP})),
    "the end of every process": (frozenset({Wall.PIDS}), frozenset({Wall.SWEEP})),
    "privileges and rare system calls": (frozenset({Wall.SECCOMP, Wall.PRIVILEGES}),),
    "CPU seconds, file sizes, processes": (frozenset({Wall.LIMITS}),),
}
"""The promises of isolation, each with sets of walls; one full set must stand."""


def broken_promises(missing: Iterable[str]) -> list[str]:
    """Return the promises that fail without some walls."""
    gone = set(missing)
    return [promise for promise, ways in PROMISES.items() if all(way & gone for way in ways)]


SCRATCH_INSIDE = "/scratch"
"""Where the scratch folders lie in the private file tree."""
SHARED_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp")
"""Folders that every user may write to by convention; each kernel gets empty ones of its own."""
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
SYSTEM_FILES = (
    "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types", "/etc/alternatives",
    "/sys/devices/system/cpu", "/sys/devices/system/node",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
PROC_FILES = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems")

# What a kernel that was given a GPU has beside the GPU's own node, and no other kernel has. CUDA
# does not start (error 304) without the nodes, the files of the driver, threads it can name through
# /proc (from driver 570 on) and memfd_create.
GPU_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
GPU_FILES = (
    "/proc/driver/nvidia", "/proc/driver/nvidia-uvm", "/proc/devices", "/proc/modules",
    "/proc/self/maps", "/proc/self/status",
)  # fmt: skip
GPU_THREADS = "/proc/self/task"
"""Read and written: it holds the names of the process's own threads. Forked children have another
such folder, and cannot start CUDA."""
GPU_SYSTEM_CALLS = frozenset({"memfd_create"})
"""Refused without a GPU, because no process owns the memory; with one, the watchdog counts it."""
GPU_DATA_BYTES = 64 << 30
"""Private address space the driver may reserve beyond what it uses; the watchdog counts what is
used."""
GPU_ENVIRONMENT = ("LD_LIBRARY_PATH",)
"""Taken from the grader's environment with a GPU: some machines find the driver by it."""

PRELOADED = (
    "numpy", "torch", "torch.nn.functional", "torch.utils.data", "torch._dynamo",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib_inline.backend_inline",
    "PIL.Image", "google.colab.drive",
)  # fmt: skip
"""Modules that notebooks of any course import, loaded once in the warm parent. `torch._dynamo`
alone takes 1.9 s on the first `torch.optim` object of a process. A course adds more."""

PRISTINE = frozenset({"numpy", "torch", "torchvision", "PIL"})
"""Packages that are imported once for all workers, before the walls of any stand. What they keep of
the file tree outside is the home folder of then, to which they would download; a kernel has no such
folder. pyplot and the course's own library are imported inside, by each warm parent."""


@dataclass(frozen=True)
class Libraries:
    """Folders that student code may read, and hidden parts of them."""

    read: tuple[str, ...]
    hidden: tuple[str, ...]
    path: tuple[str, ...]
    """`sys.path` inside."""


def libraries(course: Iterable[Path] = ()) -> Libraries:
    """Return the interpreter's folders and the installed libraries, without the grader.

    Installed from a wheel, the grader lies among the libraries and is hidden there, except for
    the guest library. In a checkout it lies elsewhere and is not listed.

    Args:
        course: folders of the course, which are hidden from student code.
    """
    folders = {sys.prefix, sys.base_prefix, *SYSTEM_FOLDERS}
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        folders.add(sysconfig.get_path(name))
    # libraries of another environment that a .pth file adds; never a working directory
    folders.update(p for p in sys.path if p.endswith(("site-packages", "dist-packages")))
    found = sorted({str(Path(f).resolve()) for f in folders if Path(f).is_dir()})
    read = [f for f in found if not any(f != g and Path(f).is_relative_to(g) for g in found)]
    ours = [PACKAGE, *course]
    hidden = [str(p) for p in ours if p.is_dir() and any(p.is_relative_to(f) for f in read)]
    hidden = [f for f in hidden if not any(f != g and Path(f).is_relative_to(g) for g in hidden)]
    # real paths: symbolic links in a path would not exist in the private file tree
    installed = dict.fromkeys(Path(p).resolve() for p in sys.path if p)
    kept = [
        str(p)
        for p in installed
        if any(p.is_relative_to(f) for f in read)
        and (p != PACKAGE.parent or p.name == "site-packages")
    ]
    return Libraries(tuple(read), tuple(hidden), (*kept, str(GUEST_LIBRARY)))


def shared_folders(paths: Iterable[str], *, layered: bool) -> tuple[str, ...]:
    """Return the shared folders of which a kernel gets its own.

    Args:
        paths: what it may read.
        layered: whether what lies in such a folder (a virtual environment below `/tmp`) can be
            shown again in the kernel's own; otherwise that folder stays as it is, read-only.
    """
    in_the_way = {
        folder
        for folder in SHARED_FOLDERS
        for path in map(Path, paths)
        if path.is_relative_to(folder) and (path == Path(folder) or not layered)
    }
    return tuple(folder for folder in SHARED_FOLDERS if folder not in in_the_way)


def environment(scratch: str) -> dict[str, str]:
    """Return the whole environment of student code; nothing is inherited from the grader."""
    return {
        "HOME": scratch,
        "TMPDIR": scratch,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": f"{scratch}/.matplotlib",
        "IPYTHONDIR": f"{scratch}/.ipython",
        # one thread: the grader runs one kernel per core, and OpenMP does not survive a fork
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # no GPU, unless a kernel gets one
        "CUDA_VISIBLE_DEVICES": "",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_CACHE_DISABLE": "1",
        "TORCHDYNAMO_DISABLE": "1",
        # a progress bar would write a line for every batch, without a reader
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def rlimits(limits: Limits, *, gpu: bool = False) -> dict[str, int]:
    """Return the resource limits of a kernel, by the names of the `resource` module."""
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": limits.cpu_s + 5,  # the watchdog ends the tree first, with a reason
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        # private memory of one process; the watchdog adds up the tree and shared memory
        "RLIMIT_DATA": limits.memory_bytes + RESERVE_BYTES + (GPU_DATA_BYTES if gpu else 1 << 30),
    }
