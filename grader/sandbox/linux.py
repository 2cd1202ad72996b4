"""The isolation mechanisms of Linux, called through ctypes: one function each.

Covered: files outside the scratch folder (a private file tree, Landlock), the network, other
processes and signals to them (namespaces), rare system calls (seccomp), privileges, CPU seconds,
processes, sizes of files.
Not covered: bugs in the Linux kernel itself; clocks seen from inside; the driver of a GPU, for a
kernel that was given one.
Here: how each mechanism is called; constants are those of the kernel's headers. Not here: what is
allowed (`policy.py`), the order of calls (`zygote.py`, `kernel_process.py`), the seccomp filter
(`syscalls.py`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Iterable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

NEWNS, NEWUTS, NEWIPC, NEWUSER = 0x0002_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000
NEWPID, NEWNET = 0x2000_0000, 0x4000_0000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, BIND, _REC, _PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_PR_SET_CHILD_SUBREAPER, _PR_SET_THP_DISABLE = 36, 41
_LAST_CAPABILITY = 40


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: int | bytes | None, what: str) -> int:
    """Make a system call that has no wrapper."""
    converted = [ctypes.c_void_p(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in args]
    return _check(_LIBC.syscall(ctypes.c_long(number), *converted), what)


def _prctl(option: int, value: int, what: str) -> None:
    _check(_LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3), what)


def die_with_parent() -> None:
    """Ask to be killed when the parent ends. Forks do not inherit this."""
    _prctl(_PR_SET_PDEATHSIG, 9, "set the death signal")


def set_dumpable(yes: bool) -> None:
    """Allow or forbid other processes to trace this one and to read its memory."""
    _prctl(_PR_SET_DUMPABLE, int(yes), "set dumpable")


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "adopt orphans")


def no_new_privileges() -> None:
    """Make set-user-id programs run without their privileges, permanently."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs")


def forgo_huge_pages() -> None:
    """Use small pages only: one byte in use of a huge page keeps 2 MiB."""
    _prctl(_PR_SET_THP_DISABLE, 1, "forgo huge pages")


def drop_capabilities() -> None:
    """Give up every capability, and the means to get one back."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            _prctl(_PR_CAPBSET_DROP, capability, "drop a capability")
        except OSError:
            break  # not held, or unknown to this kernel
    header = struct.pack("Ii", 0x2008_0522, 0)
    _check(_LIBC.capset(ctypes.c_char_p(header), ctypes.c_char_p(bytes(24))), "drop capabilities")


def set_rlimits(limits: dict[str, int]) -> None:
    """Set soft and hard limits by the names of the `resource` module."""
    for name, value in limits.items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (most, most))


# ------------------------------------------------------------------------------ namespaces, mounts


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _check(_LIBC.unshare(ctypes.c_int(flags)), "make namespaces")


def enter_namespace(descriptor: int, kind: int) -> None:
    """Enter the namespace an open descriptor stands for."""
    _check(_LIBC.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "enter a namespace")


def map_user(uid: int, gid: int) -> None:
    """Keep this user and group in the user namespace just made."""
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system."""
    _check(
        _LIBC.mount(
            source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags),
            data.encode() or None,
        ),
        f"mount {target}",
    )  # fmt: skip


def mount_tmpfs(target: str, size_bytes: int, files: int, mode: str, uid: int = -1) -> None:
    """Mount an empty file system in memory, of limited size and number of files."""
    owner = f",uid={uid},gid={uid}" if uid >= 0 else ""
    options = f"size={size_bytes},nr_inodes={files},mode={mode}{owner}"
    mount("tmpfs", target, "tmpfs", _NOSUID | _NODEV, options)


def make_mounts_private() -> None:
    """Keep later mounts inside this mount namespace."""
    mount("none", "/", flags=_REC | _PRIVATE)


def bind(source: str, target: str, *, read_only: bool, devices: bool = False) -> None:
    """Show a file or folder at a second place, creating that place."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            Path(target).touch()
    mount(source, target, flags=BIND | _REC)
    if read_only:
        set_read_only(target, devices=devices)


def set_read_only(target: str, *, devices: bool = False) -> None:
    """Make a mount and every mount below it read-only, without set-user-id programs."""
    _change_mount(target, added=_RDONLY | _NOSUID | (0 if devices else _NODEV), removed=0)


def set_writable(target: str) -> None:
    """Undo the read-only flag of a mount and every mount below it."""
    _change_mount(target, added=0, removed=_RDONLY)


def _change_mount(target: str, *, added: int, removed: int) -> None:
    settings = struct.pack("QQQQ", added, removed, 0, 0)
    number, at_cwd, recursive = 442, (1 << 32) - 100, 0x8000  # mount_setattr
    syscall(number, at_cwd, target.encode(), recursive, settings, len(settings), what="remount")


def pivot_root(new_root: str) -> None:
    """Make a folder the root of the file tree and unmount the old one."""
    os.chdir(new_root)
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    syscall(number, b".", b".", what="change the root")
    _check(_LIBC.umount2(b".", ctypes.c_int(_DETACH)), "unmount the old root")
    os.chdir("/")


def unmount(target: str) -> None:
    """Remove a mount from this mount namespace; what it covered is visible again."""
    _check(_LIBC.umount2(target.encode(), ctypes.c_int(_DETACH)), f"unmount {target}")


def mount_proc(target: str = "/proc") -> None:
    """Show the processes of this pid namespace, and no others."""
    os.makedirs(target, exist_ok=True)
    mount("proc", target, "proc", _NOSUID | _NODEV | _NOEXEC)


# ------------------------------------------------------------------------------ Landlock

SCOPES_FROM_ABI = 6
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RIGHTS = (
    "execute", "write_file", "read_file", "read_dir", "remove_dir", "remove_file", "make_char",
    "make_dir", "make_reg", "make_sock", "make_fifo", "make_block", "make_sym", "refer",
    "truncate", "ioctl_dev",
)  # fmt: skip
_RIGHT = {name: 1 << bit for bit, name in enumerate(_RIGHTS)}
_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # from ABI 5 on all sixteen
_READ = _RIGHT["read_file"] | _RIGHT["read_dir"] | _RIGHT["execute"]
_ON_FILES = _READ & ~_RIGHT["read_dir"] | _RIGHT["write_file"] | _RIGHT["truncate"]
_ON_FILES |= _RIGHT["ioctl_dev"]


def landlock_abi() -> int:
    """Return the version of Landlock this kernel has; 0 where it has none."""
    try:
        return syscall(_CREATE_RULESET, None, 0, 1, what="ask for Landlock")
    except OSError:
        return 0


class Landlock:
    """A set of rules: what is not listed cannot be opened, made or removed.

    Not covered by Landlock: `stat`, `chmod`, connecting to a socket by its path. The private file
    tree covers those.

    Raises:
        OSError: this kernel has no Landlock.
    """

    def __init__(self) -> None:
        abi = landlock_abi()
        if abi < 1:
            raise OSError(errno.ENOSYS, "this kernel has no Landlock")
        self._handled = (1 << _RIGHTS_OF_ABI.get(abi, 16)) - 1
        # TCP bind and connect from ABI 4 on; abstract sockets and signals stay inside from 6 on
        scopes = abi >= SCOPES_FROM_ABI
        network, scoped = (3 if abi >= 4 else 0), (3 if scopes else 0)
        settings = struct.pack("QQQ", self._handled, network, scoped)
        settings = settings[: 8 if abi < 4 else 24 if scopes else 16]
        self._rules = syscall(_CREATE_RULESET, settings, len(settings), 0, what="begin Landlock")

    def allow_reading(self, paths: Iterable[str]) -> None:
        """Let files below these paths be read and run; paths that do not exist are left out."""
        self._add(paths, _READ)

    def allow_writing(self, folders: Iterable[str]) -> None:
        """Let anything be made, changed and removed below these folders, devices excepted."""
        devices = _RIGHT["make_char"] | _RIGHT["make_block"] | _RIGHT["ioctl_dev"]
        self._add(folders, self._handled & ~devices)

    def allow_files(self, paths: Iterable[str]) -> None:
        """Let these existing files be read and written."""
        self._add(paths, _RIGHT["read_file"] | _RIGHT["write_file"])

    def allow_devices(self, nodes: Iterable[str]) -> None:
        """Let these devices be read, written and given orders."""
        rights = _RIGHT["read_file"] | _RIGHT["write_file"] | _RIGHT["ioctl_dev"]
        self._add(nodes, rights)

    def allow_files_below(self, folder: str) -> None:
        """Let the files of a folder be read and written, and neither made nor removed."""
        self._add([folder], _RIGHT["read_file"] | _RIGHT["write_file"])

    def enforce(self) -> None:
        """Restrict this thread and everything it starts, permanently."""
        no_new_privileges()
        syscall(_RESTRICT_SELF, self._rules, 0, what="enforce Landlock")
        os.close(self._rules)

    def _add(self, paths: Iterable[str], rights: int) -> None:
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                allowed = rights if os.path.isdir(path) else rights & _ON_FILES
                rule = struct.pack("=Qi", allowed & self._handled, place)
                syscall(_ADD_RULE, self._rules, 1, rule, 0, what=f"allow {path}")
            finally:
                os.close(place)
