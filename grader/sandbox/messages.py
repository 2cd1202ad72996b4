"""The messages between the grader and its warm process, one packet each.

Both ends are trusted: no student code runs on either. Descriptors travel beside a packet.
"""

from __future__ import annotations

import msgspec

from grader.records import Limits


class Start(msgspec.Struct, frozen=True):
    """The first packet: how to build the warm process."""

    scratch: str
    """Folder for the kernels' scratch folders."""
    read: list[str]
    hidden: list[str]
    shown: list[str]
    """What stays visible below a hidden folder: the guest library, the course's environment."""
    path: list[str]
    preload: list[str]
    isolate: bool
    """False for `--isolation process`: fork warm kernels, build no walls."""
    gpus: list[str] = []
    """Nodes of the GPUs kernels may be given, one at a time; empty on a CPU."""
    without: list[str] = []
    """Walls to leave out as if this machine lacked them: to test the other walls."""
    setup: str = ""
    """Name of the module through which the course prepares a kernel (`guest/environment.py`)."""
    beside: str = ""
    """Folder whose files lie beside every notebook; empty for none."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The warm process has imported everything."""

    missing: dict[str, str]
    """Walls that cannot be built here, and why."""
    threads: int
    seconds: float


class GivenGpu(msgspec.Struct, frozen=True):
    """The GPU a kernel may use."""

    node: str
    visible: str
    """What `CUDA_VISIBLE_DEVICES` says inside."""


class Fork(msgspec.Struct, frozen=True):
    """Start a kernel. Descriptors: log, ready pipe, socket for questions, Jupyter's sockets."""

    number: int
    folder: str
    """Name of the kernel's folder below the scratch folder."""
    uid: int
    """User to become; -1 to stay the same."""
    key: str
    seed: int
    limits: Limits
    data: str
    """Folder with the course's data sets; empty for the drawn stand-in."""
    gpu: GivenGpu | None = None


class Forked(msgspec.Struct, frozen=True, tag="forked"):
    """A kernel was forked. Descriptor: its pidfd."""

    number: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """A kernel has ended."""

    number: int
    code: int
    """Exit code; the negated signal number where a signal ended it."""
    memory_bytes: int
    cpu_s: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The warm process could not be built."""

    reason: str


Answer = Ready | Forked | Exited | Failed

BESIDE = "beside"
"""Folder in a kernel's own that holds the files to be laid out where the notebook runs."""

encode = msgspec.msgpack.Encoder().encode
decode_start = msgspec.msgpack.Decoder(Start).decode
decode_fork = msgspec.msgpack.Decoder(Fork).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode


class Cold(msgspec.Struct, frozen=True):
    """The start message of a kernel without a warm parent."""

    start: Start
    order: Fork


decode_cold = msgspec.msgpack.Decoder(Cold).decode


class Locked(msgspec.Struct, frozen=True):
    """The message of a kernel on its ready pipe."""

    error: str = ""
    """Why its walls could not be built; empty when they stand and it runs."""
    lockdown_s: float = 0.0


decode_locked = msgspec.msgpack.Decoder(Locked).decode
