"""The seccomp filter: which system calls are refused, as a table, and how it is installed.

Of the calls up to Linux 5.0, a list says which are refused: torch and its libraries use some
hundred of the others. Refused are those that reach other processes, interfaces of the system that
a notebook has little use for, new namespaces, and memory that the watchdog cannot count.
Of the calls since then, a list says which are allowed. Every other number is answered with ENOSYS,
as a system answers that does not know the call: libraries are prepared for that answer.

Not covered: what an allowed call does with an argument in memory, which a filter cannot read.
Not here: everything else a process is locked up with (`linux.py`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Collection

from grader.sandbox import linux

# name: (number on x86_64, number on aarch64); None where an architecture has no such call
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "fsopen": (430, 430), "fsmount": (432, 432), "move_mount": (429, 429),
    "open_tree": (428, 428), "mount_setattr": (442, 442), "fspick": (433, 433),
    "fsconfig": (431, 431), "open_tree_attr": (467, 467), "statmount": (457, 457),
    "listmount": (458, 458), "listns": (470, 470), "lsm_set_self_attr": (460, 460),
    "unshare": (272, 97), "setns": (308, 268), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "settimeofday": (164, 170), "adjtimex": (159, 171),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "sethostname": (170, 161),
    "setdomainname": (171, 162), "syslog": (103, 116), "vhangup": (153, 58),
    "lookup_dcookie": (212, 18), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "landlock_create_ruleset": (444, 444),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "mbind": (237, 235),
    "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
    "process_mrelease": (448, 448), "file_setattr": (469, 469),
    "fanotify_init": (300, 262), "nfsservctl": (180, 42),
    # of watches on files, each user of the machine has 128 sets
    "inotify_init": (253, None), "inotify_init1": (294, 26),
    # memory outside the resident size of any process, invisible to the watchdog
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # pages that a pipe holds, huge ones among them
    "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77),
    # slots for asynchronous reads and writes, of which the whole machine has 65,536
    "io_setup": (206, 0), "io_submit": (209, 2),
}  # fmt: skip
# Landlock does not cover these. Refusing them breaks shutil.copy and IPython's start, so that
# without a read-only file tree they are answered with success and not done.
_PRETENDED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattrat": (463, 463), "removexattrat": (466, 466),
}  # fmt: skip
# Answered with success and not done, for calls that libraries make without need.
_IGNORED: dict[str, tuple[int, int]] = {
    # one lock on a library's file would be seen by the kernels of others, and millions of locks
    # take memory that no process owns; the files a notebook writes to are its alone
    "flock": (73, 32),
    # writes out the files of the whole machine
    "sync": (162, 81), "syncfs": (306, 267),
    # Linux divides the processors between sessions: each kernel is one, and stays one
    "setsid": (112, 157),
}  # fmt: skip
_NEWER_FROM = 424
"""The first number since Linux 5.1; from here on, all architectures number calls alike."""
_NEWER_ALLOWED = {
    "pidfd_send_signal": 424, "pidfd_open": 434, "close_range": 436, "openat2": 437,
    "faccessat2": 439, "epoll_pwait2": 441, "futex_waitv": 449, "fchmodat2": 452,
    "map_shadow_stack": 453, "futex_wake": 454, "futex_wait": 455, "futex_requeue": 456,
    "mseal": 462, "setxattrat": 463, "getxattrat": 464, "listxattrat": 465, "removexattrat": 466,
}  # fmt: skip
"""Left out: cachestat (which pages of a shared file others have read), the calls on security
modules and on attributes of files, and everything that is not known here."""
_GAP = {"x86_64": range(337, _NEWER_FROM), "aarch64": range(295, _NEWER_FROM)}
"""Numbers between the old calls and the newer ones, unused so far. 335 and 336 return from a probe
that an administrator has set, and end a process that makes them without one."""
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)
_CLONE, _IOCTL = (56, 220), (16, 29)
_SECCOMP = (317, 277)
_FCNTL, _PRCTL = (72, 25), (157, 167)
_LOCKS = (6, 7, 37, 38)  # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW
# F_SETLEASE and F_NOTIFY hold up or watch who else opens a file; F_SETPIPE_SZ makes a pipe hold
# more than 64 KiB, which no process owns
_FILE_ORDERS = (1024, 1026, 1031)
_SWITCHES = (41, 62)  # PR_SET_THP_DISABLE, which would undo it; PR_SCHED_CORE, a core for oneself
_SETSOCKOPT, _SOL_SOCKET = (54, 208), 1
_BUFFER_SIZES = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF, and those that pass the machine's bound
_NAMESPACE_FLAGS = 0x7E02_0080  # every CLONE_NEW... flag
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_ARCHITECTURES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_AF_UNIX = 1


def supported() -> bool:
    """Return whether the filter is known for this machine's architecture."""
    return os.uname().machine in _ARCHITECTURES


def install(*, pretend_metadata: bool, allowed: Collection[str] = ()) -> None:
    """Install the filter on this thread and everything it starts, permanently.

    Args:
        pretend_metadata: answer `chmod` and its like with success without doing them; needed
            where files outside the scratch folder are not mounted read-only.
        allowed: names of refused calls that this kernel may make all the same.

    Raises:
        OSError: the kernel refuses the filter.
    """
    program = _program(pretend_metadata, allowed)
    code = ctypes.create_string_buffer(program)
    description = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    which, _ = _ARCHITECTURES[os.uname().machine]
    linux.no_new_privileges()
    linux.syscall(_SECCOMP[which], 1, 0, description, what="install the seccomp filter")


def _program(pretend_metadata: bool, allowed: Collection[str] = ()) -> bytes:
    which, architecture = _ARCHITECTURES[os.uname().machine]
    code = [
        _step(_LOAD, _ARCH_AT), _jump(_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip
    if which == 0:  # the x32 variant of every call
        code += [_jump(_AT_LEAST, 0x4000_0000, 0, 1), _step(_RETURN, _KILL)]
    for name, numbers in _REFUSED.items():
        if name not in allowed:
            code += _answer(numbers[which], errno.EPERM)
    for ignored in _IGNORED.values():
        code += _answer(ignored[which], 0)
    if pretend_metadata:
        for numbers in _PRETENDED.values():
            code += _answer(numbers[which], 0)
    code += _refuse_unknown(_GAP[os.uname().machine])
    for numbers in (_SOCKET, _SOCKETPAIR):
        code += _unless_argument(numbers[which], 0, _AF_UNIX, errno.EAFNOSUPPORT)
    code += [
        _jump(_EQUAL, _CLONE[which], 0, 4), _step(_LOAD, _ARGUMENT_AT),
        _jump(_ANY_BIT, _NAMESPACE_FLAGS, 0, 1), _step(_RETURN, _ERROR | errno.EPERM),
        _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip
    code += _keep_buffer_sizes(_SETSOCKOPT[which])
    code += _by_argument(
        _FCNTL[which], 1, dict.fromkeys(_LOCKS, 0) | dict.fromkeys(_FILE_ORDERS, errno.EPERM)
    )
    code += _by_argument(_PRCTL[which], 0, dict.fromkeys(_SWITCHES, errno.EPERM))
    code += _by_argument(_IOCTL[which], 1, dict.fromkeys((_TIOCSTI, _TIOCLINUX), errno.EPERM))
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _answer(number: int | None, error: int) -> list[bytes]:
    if number is None:
        return []
    return [_jump(_EQUAL, number, 0, 1), _step(_RETURN, _ERROR | error)]


def _unless_argument(number: int, argument: int, allowed: int, error: int) -> list[bytes]:
    return [
        _jump(_EQUAL, number, 0, 4), _step(_LOAD, _ARGUMENT_AT + 8 * argument),
        _jump(_EQUAL, allowed, 1, 0), _step(_RETURN, _ERROR | error), _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip


def _refuse_unknown(gap: range) -> list[bytes]:
    """Answer the newer calls with ENOSYS, except the allowed ones.

    Among them is clone3: glibc falls back to clone, whose flags a filter can read.
    """
    unknown = _step(_RETURN, _ERROR | errno.ENOSYS)
    code = [_jump(_AT_LEAST, gap.start, 0, 2), _jump(_AT_LEAST, gap.stop, 1, 0), unknown]
    allowed = sorted(_NEWER_ALLOWED.values())
    # each jump passes the tests that follow it and the refusal
    tests = [_jump(_EQUAL, number, len(allowed) - i, 0) for i, number in enumerate(allowed)]
    return [*code, _jump(_AT_LEAST, _NEWER_FROM, 0, len(tests) + 1), *tests, unknown]


def _by_argument(number: int, argument: int, answers: dict[int, int]) -> list[bytes]:
    """Answer a call by one of its arguments, with an error or, for 0, with success."""
    tests = [
        step
        for value, error in answers.items()
        for step in (_jump(_EQUAL, value, 0, 1), _step(_RETURN, _ERROR | error))
    ]
    return [
        _jump(_EQUAL, number, 0, 2 + len(tests)), _step(_LOAD, _ARGUMENT_AT + 8 * argument),
        *tests, _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip


def _keep_buffer_sizes(number: int) -> list[bytes]:
    """Answer a change of a socket's buffer size with success, without making it.

    No process owns the contents of a full socket; at default sizes, the limit on open files
    bounds them.
    """
    options = [_jump(_EQUAL, option, 0, 1) for option in _BUFFER_SIZES]
    checks = [step for option in options for step in (option, _step(_RETURN, _ERROR))]
    return [
        _jump(_EQUAL, number, 0, 4 + len(checks)),
        _step(_LOAD, _ARGUMENT_AT + 8), _jump(_EQUAL, _SOL_SOCKET, 0, 1 + len(checks)),
        _step(_LOAD, _ARGUMENT_AT + 16), *checks, _step(_LOAD, _NUMBER_AT),
    ]  # fmt: skip
