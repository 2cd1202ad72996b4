"""Which GPUs this machine has, which device a run uses, and which process holds a GPU.

Nothing here imports torch or starts CUDA: a CUDA context does not survive a fork, and kernels are
forked. The driver's own files say what there is. CUDA is tried out where students' code will use
it, in a locked kernel (`kernel/gpu_trial.py`).

A lease holds a GPU from before a notebook's first cell until the last question about it, fresh
kernels in between included. Not for training checks alone: a notebook's own cells use a GPU as
soon as they see one (`try_gpu`), so every kernel that sees a GPU must hold it. Two notebooks on a
GPU would share its memory, and one could cause the other's out-of-memory. The price: a GPU grades
one notebook at a time, where the CPU grades one a core.

A lease is a lock on a file, so the system ends it with the process that holds it, however that
ends. Waiting runs queue at a second lock: a run of a hundred notebooks cannot take a GPU again and
again while another run waits.

Not covered: other users' graders, which keep other files (the cap on memory,
`Limits.gpu_memory_fraction`, leaves them room), other programs, MIG slices, GPUs of
other makers. Here: finding, choosing, leasing. Not here: what the sandbox opens of a GPU
(`sandbox/policy.py`).
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.errors import GpuUnavailable, UsageError

try:
    import fcntl
except ImportError:  # Windows, where no GPU is found: it has no /dev
    fcntl = None  # type: ignore[assignment]

DEVICES = ("auto", "cpu", "cuda")
_NEEDED = ("dev/nvidiactl", "dev/nvidia-uvm")
_LOOK_S = 0.05
_UUID = re.compile(r"GPU-[0-9a-f-]+")


@dataclass(frozen=True)
class Gpu:
    """One GPU of this machine."""

    number: int
    """Of its node, `/dev/nvidia3`."""
    name: str
    node: str
    uuid: str = ""
    """Empty where the driver does not report it."""

    def visible(self, *, alone: bool) -> str:
        """Return the `CUDA_VISIBLE_DEVICES` that shows this GPU and no other.

        Args:
            alone: whether the process can open no other GPU, which then is no part of the count.
        """
        return self.uuid or ("0" if alone else str(self.number))


@dataclass(frozen=True)
class Found:
    """The GPUs that can be used here; or none, and why."""

    gpus: tuple[Gpu, ...] = ()
    missing: str = ""


def look(
    root: Path = Path("/"), visible: str | None = None, torch_cuda: str | None = None
) -> Found:
    """Find the GPUs that torch could use.

    Args:
        root: the file tree to look at.
        visible: what `CUDA_VISIBLE_DEVICES` says, that of the environment without.
        torch_cuda: the CUDA version torch was built for, that of the installed torch without.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
    there = _all(root)
    if not there:
        return Found(
            missing="this machine shows no NVIDIA GPU, there is no /dev/nvidia0. Install its "
            "driver, or give the container its GPU"
        )
    gpus = _selected(there, visible)
    if not gpus:
        return Found(
            missing=f"CUDA_VISIBLE_DEVICES={visible} hides every GPU. Unset it, or name one"
        )
    for path in (*_NEEDED, *(gpu.node.lstrip("/") for gpu in gpus)):
        if not (root / path).exists():
            return Found(
                missing=f"/{path} does not exist. Run `nvidia-modprobe -u -c=0` or `nvidia-smi` "
                "once as root"
            )
        if not _is_open_to_kernels(root / path):
            return Found(
                missing=f"/{path} cannot be read and written by everyone. Run `chmod a+rw /{path}`"
            )
    if not (torch_cuda if torch_cuda is not None else torch_cuda_version()):
        return Found(missing="the installed torch computes on the CPU alone. Install a CUDA build")
    return Found(gpus)


def choose(wanted: str, found: Found) -> tuple[Gpu, ...]:
    """Return the GPUs a run uses; none means the CPU.

    Raises:
        UsageError: there is no such device, or a GPU is wanted and there is none.
    """
    if wanted not in DEVICES:
        raise UsageError(f"--device is {', '.join(DEVICES[:-1])} or cuda, not {wanted!r}.")
    if wanted == "cuda" and not found.gpus:
        raise UsageError(f"--device cuda: {found.missing}, or give --device cpu.")
    return () if wanted == "cpu" else found.gpus


def describe(gpus: Sequence[Gpu]) -> str:
    """Return the device class of a run: `cpu`, or `cuda: NVIDIA H200`."""
    return f"cuda: {', '.join(sorted({gpu.name for gpu in gpus}))}" if gpus else "cpu"


@contextmanager
def leased(gpus: Sequence[Gpu], folder: Path | None = None) -> Iterator[Gpu | None]:
    """Hold one of these GPUs, waiting until one is free; None, at once, where there are none.

    Args:
        gpus: any of these will do.
        folder: where the locks lie; the same for every grader of this user, unless given.

    Raises:
        GpuUnavailable: there is no folder for the locks.
    """
    if not gpus:
        yield None
        return
    place = folder or lease_folder()
    with ExitStack() as held:
        with _locked(place / ("queue-" + "-".join(str(gpu.number) for gpu in gpus))):
            gpu = next(_taken(gpus, place, held))
        yield gpu


def is_free(gpu: Gpu, folder: Path | None = None) -> bool:
    """Return whether no process holds a GPU now."""
    with ExitStack() as held:
        return _take(gpu, folder or lease_folder(), held)


def lease_folder() -> Path:
    """Return the folder of this user's leases, made where it is missing.

    Raises:
        GpuUnavailable: it cannot be made, or belongs to another user.
    """
    folder = Path(tempfile.gettempdir()) / f"notebook-grader-gpus-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    except OSError as error:
        raise GpuUnavailable(f"{folder}: {error.strerror}. Set TMPDIR.") from None
    if not ours:
        raise GpuUnavailable(f"{folder} belongs to another user. Remove it, or set TMPDIR.")
    return folder


def torch_cuda_version() -> str:
    """Return the CUDA version the installed torch was built for; empty for a CPU build."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return ""
    said = re.search(r"^cuda\b[^=\n]*=\s*['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return said[1] if said else ""


def _all(root: Path) -> tuple[Gpu, ...]:
    """Return every GPU that has a node, in the order of the bus, which is CUDA's by default."""
    told = {}
    for path in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        facts = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        if facts.get("Device Minor", "").isdigit():
            told[int(facts["Device Minor"])] = facts
    nodes = {
        int(path.name.removeprefix("nvidia")): f"/dev/{path.name}"
        for path in (root / "dev").glob("nvidia[0-9]*")
        if path.name.removeprefix("nvidia").isdigit()
    }
    order = [*(n for n in told if n in nodes), *sorted(nodes.keys() - told.keys())]
    return tuple(_gpu(number, nodes[number], told.get(number, {})) for number in order)


def _gpu(number: int, node: str, facts: dict[str, str]) -> Gpu:
    # the driver writes question marks in place of what it does not know yet
    uuid = facts.get("GPU UUID", "")
    name = facts.get("Model", "").replace("Unknown", "") or "NVIDIA GPU"
    return Gpu(number, name, node, uuid if _UUID.fullmatch(uuid) else "")


def _selected(gpus: tuple[Gpu, ...], setting: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs that `CUDA_VISIBLE_DEVICES` names, up to the first name of none."""
    if setting is None:
        return gpus
    kept: list[Gpu] = []
    for word in map(str.strip, setting.split(",")):
        if word.isdecimal():
            matching = list(gpus[int(word) :][:1])
        else:
            matching = [g for g in gpus if word.startswith("GPU-") and g.uuid.startswith(word)]
        if len(matching) != 1:
            break
        kept += [gpu for gpu in matching if gpu not in kept]
    return tuple(kept)


def _is_open_to_kernels(node: Path) -> bool:
    """Return whether a kernel can open a node; kernels of root run as users without groups."""
    everyone = node.stat().st_mode & 0o006 == 0o006
    return everyone or (os.geteuid() != 0 and os.access(node, os.R_OK | os.W_OK))


def _taken(gpus: Sequence[Gpu], folder: Path, held: ExitStack) -> Iterator[Gpu]:
    while True:
        for gpu in gpus:
            if _take(gpu, folder, held):
                yield gpu
        time.sleep(_LOOK_S)


def _take(gpu: Gpu, folder: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(_locked(folder / f"gpu-{gpu.number}", wait=False))
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file, waiting for it if asked to."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
