"""One attack on each wall, by a cell of a notebook, in a real kernel."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

import grader
from grader.course import load_course
from grader.grading.sheet_files import SheetFiles
from grader.kernel.process_tree import tree_of
from grader.sandbox import policy

CHECKOUT = Path(grader.__file__).resolve().parent.parent
LIBRARIES = [policy.GUEST_LIBRARY, *map(Path, policy.libraries().read)]
LIBRARIES += filter(None, [load_course().environment.folder])
SCRATCH = [".", *policy.SHARED_FOLDERS]


# ------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/hostname",
        "/etc/ssl/openssl.cnf",
        "/proc/1/environ",
        "/proc/self/mem",
        "/proc/self/maps",
        "/proc/self/status",
        "/proc/kcore",
        "/sys/kernel/notes",
        str(CHECKOUT / "pyproject.toml"),
        str(CHECKOUT / "grader/grading/grader.py"),
        str(CHECKOUT / "grader/sandbox/boot.py"),
        str(CHECKOUT / "reference/__init__.py"),
        str(CHECKOUT / "exercises/cnn/assignment.toml"),
    ],
)
def test_a_file_that_is_none_of_a_notebooks_business_cannot_be_read(attack, path):
    assert attack(f"return open({path!r}, 'rb').read(100)").startswith("refused")


def test_right_answers_that_earlier_runs_have_kept_cannot_be_read(attack, tmp_path):
    files = SheetFiles(tmp_path / "cache")
    files.write("cnn", "corr2d", "k", b"answers")
    (entry,) = files.entries()
    assert attack(f"return open({str(entry.path)!r}, 'rb').read()").startswith("refused")


def test_the_list_of_accounts_is_not_this_machines(attack):
    seen = attack("return open('/etc/passwd').read()")
    assert seen.startswith("refused") or seen == repr(
        "root:x:0:0:root:/:/bin/false\nstudent:x:65534:65534:student:/tmp:/bin/sh\n"
    )


@pytest.mark.parametrize("folder", ["/", "/home", "/root", "/proc", "/scratch"])
def test_a_folder_outside_cannot_be_listed(attack, folder):
    assert attack(f"import os; return os.listdir({folder!r})").startswith("refused")


def test_of_the_checkout_at_most_the_way_to_the_libraries_is_seen(attack):
    seen = attack(f"import os; return os.listdir({str(CHECKOUT)!r})")
    way = {path.relative_to(CHECKOUT).parts[0] for path in LIBRARIES if CHECKOUT in path.parents}
    assert seen.startswith("refused") or set(eval(seen)) <= way


def test_a_file_of_the_grader_is_not_even_there(attack):
    path = str(CHECKOUT / "grader/grading/grader.py")
    assert "FileNotFoundError" in attack(f"import os; return os.stat({path!r})")


@pytest.mark.parametrize(
    "module",
    ["reference", "exercises", "grader.checks", "grader.grading.grader", "hypothesis_of_ours"],
)
def test_neither_reference_nor_checks_can_be_imported(attack, module):
    # an import would bind a placeholder, as for any package that is not installed
    found = attack(f"from importlib.util import find_spec; return find_spec({module!r})")
    assert found == "None" or "ModuleNotFoundError" in found


def test_what_was_loaded_beside_a_notebook_is_our_guest_and_nothing_else(attack):
    found = eval(attack("import sys; return [m for m in sys.modules if m.startswith('grader')]"))
    trusted = (
        *("client", "connection", "execution", "handle", "process_tree", "processes"),
        *("provisioner", "student", "watchdog"),
    )
    assert not set(found) & {f"grader.kernel.{name}" for name in trusted}
    rooms = {".".join(name.split(".")[1:2]) for name in found}
    assert rooms <= {"", "guest", "wire", "sandbox", "errors", "records", "text", "verdict"}


@pytest.mark.parametrize(
    "body",
    [
        "return open({0!r}, 'w')",
        "return open({0!r}, 'a')",
        "import os; os.unlink({0!r})",
        "import os; os.truncate({0!r}, 0)",
        "import os; os.rename({0!r}, {0!r} + 'x')",
        "import os; os.link({0!r}, 'link')",
        "import os; os.symlink({0!r}, 'link'); return open('link').read()",
        "import os; os.mkfifo({0!r} + 'x')",
        "import os; os.chmod({0!r}, 0o777); assert os.stat({0!r}).st_mode & 0o777 == 0o777",
        "import os; os.utime({0!r}, (1, 1))",
    ],
)
def test_a_file_outside_cannot_be_changed(attack, tmp_path, body):
    victim = tmp_path / "victim"
    victim.write_text("whole")
    for path in (victim, tmp_path):
        path.chmod(0o666 if path == victim else 0o777)
    before = victim.stat()
    assert attack(body.format(str(victim))).startswith("refused")
    assert victim.read_text() == "whole"
    assert (victim.stat().st_mode, victim.stat().st_mtime) == (before.st_mode, before.st_mtime)
    assert [path.name for path in tmp_path.iterdir()] == ["victim"]


def test_the_libraries_cannot_be_changed(attack):
    assert attack("import torch; open(torch.__file__, 'a').write('x = 1')").startswith("refused")
    assert attack("import torch, os; os.chmod(torch.__file__, 0o777)").startswith("refused")
    assert attack("import d2l.torch as t; open(t.__file__, 'a').write('x')").startswith("refused")


def test_nothing_of_one_kernel_is_seen_by_the_next(attack):
    write = f"for folder in {SCRATCH}: open(f'{{folder}}/left', 'w').write('x')"
    assert attack(write) == "None"
    look = f"import os; return [f for f in {SCRATCH} if os.path.exists(f'{{f}}/left')]"
    assert attack(look) == "[]"


# ------------------------------------------------------------------------------------- network


def test_no_server_of_this_machine_can_be_reached(attack):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert attack(
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
        ).startswith("refused")


@pytest.mark.parametrize(
    "kind",
    [
        "AF_INET, socket.SOCK_DGRAM",
        "AF_INET6, socket.SOCK_STREAM",
        "AF_NETLINK, socket.SOCK_RAW",
        "AF_PACKET, socket.SOCK_RAW",
        "AF_INET, socket.SOCK_RAW, 1",
        "AF_VSOCK, socket.SOCK_STREAM",
    ],
)
def test_no_socket_but_a_local_one_can_be_made(attack, kind):
    assert attack(f"import socket; return socket.socket(socket.{kind})").startswith("refused")


def test_an_abstract_socket_outside_cannot_be_reached(attack):
    name = f"\0grader-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        reach = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"
        assert attack(reach).startswith("refused")


def test_a_socket_with_a_path_outside_cannot_be_reached(attack, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        for place in (tmp_path, Path(path)):
            place.chmod(0o777)
        reach = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
        assert attack(reach).startswith("refused")


# ------------------------------------------------------------------------------------- processes


@pytest.mark.parametrize(
    "body",
    [
        "os.kill(os.getppid() or 1, signal.SIGKILL)",
        "os.kill(-1, signal.SIGKILL)",
        "os.kill(1, signal.SIGSTOP)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "os.killpg(0, signal.SIGTERM)",
    ],
)
def test_signals_reach_nobody(attack, run, warm, body):
    other = run("x = 1")
    attack(f"import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {body}")
    assert warm.is_alive()
    assert other._kernel._provisioner.process.signal(0) is None
    assert Path(f"/proc/{other._kernel._provisioner.process.pid}").exists()


def test_the_pids_of_others_mean_nothing_inside(attack):
    assert attack(f"import os; os.kill({os.getpid()}, 0)").startswith("refused")


def test_a_kernel_sees_no_process_but_itself(attack):
    body = """
    from os.path import exists
    return [p for p in range(1, 4_000) if exists(f"/proc/{p}") != exists(f"/proc/self/task/{p}")]
    """
    assert attack(body) == "[]"


CALL = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall({number}, {arguments}) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (101, "16, 1, 0, 0"),  # ptrace
        (272, "0x10000000"),  # unshare a user namespace
        (272, "0x00020000"),  # unshare the mounts
        (308, "3, 0"),  # setns
        (165, "b'tmpfs', b'/tmp', b'tmpfs', 0, None"),  # mount
        (155, "b'.', b'.'"),  # pivot_root
        (161, "b'/tmp'"),  # chroot
        (321, "0, None, 0"),  # bpf
        (425, "1, None"),  # io_uring_setup
        (298, "None, 0, -1, -1, 0"),  # perf_event_open
        (323, "0"),  # userfaultfd
        (250, "0, 0, 0"),  # keyctl
        (310, "1, None, 0, None, 0, 0"),  # process_vm_readv
        (304, "0, None, 0"),  # open_by_handle_at
        (434 + 4, "0, 0, 0"),  # pidfd_getfd
        (56, "0x10000000 | 17, None, None, None, 0"),  # clone a user namespace
        (435, "None, 0"),  # clone3
        (246, "0, 0, None, 0"),  # kexec_load
        (105, "0"),  # setuid to root
        (319, "b'x', 0"),  # memfd_create
        (29, "0, 4096, 0o1600"),  # shmget
    ],
)
def test_a_system_call_that_no_notebook_needs_is_refused(attack, number, arguments):
    found = attack(CALL.format(number=number, arguments=arguments))
    # not permitted, not there, or no such user inside
    assert found.startswith(
        ("refused: PermissionError", "refused: OSError(38", "refused: OSError(22")
    )


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
def test_calls_that_hide_memory_or_are_new_are_refused(attack):
    numbers = {
        "vmsplice": 278, "splice": 275, "tee": 276, "io_setup": 206, "io_submit": 209,
        "mq_open": 240, "quotactl_fd": 443, "migrate_pages": 256, "process_mrelease": 448,
        "set_mempolicy_home_node": 450, "statmount": 457, "listmount": 458,
        "lsm_set_self_attr": 460, "open_tree_attr": 467, "file_setattr": 469, "listns": 470,
        "fsconfig": 431, "inotify_init": 253, "inotify_init1": 294,
    }  # fmt: skip
    body = f"""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def errno_of(number):
        return ctypes.get_errno() if libc.syscall(number, 0, 0, 0, 0, 0, 0) < 0 else 0
    numbers = {numbers!r}
    return [name for name, number in numbers.items() if errno_of(number) != 1]
    """
    assert attack(body) == "[]"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
def test_a_call_that_is_newer_than_the_list_does_not_exist(attack):
    body = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def errno_of(number):
        return ctypes.get_errno() if libc.syscall(number, 0, 0, 0, 0, 0, 0) < 0 else 0
    numbers = [*range(337, 424), 435, 451, 459, 461, 468, *range(471, 700), 5_000, 2**29]
    return [number for number in numbers if errno_of(number) != 38]
    """
    assert attack(body) == "[]"


def test_the_newer_calls_that_libraries_make_are_answered(attack):
    body = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    def errno_of(number, *arguments):
        return ctypes.get_errno() if libc.syscall(number, *arguments) < 0 else 0
    os.close(os.pidfd_open(os.getpid()))
    return {
        "close_range": errno_of(436, 900, 901, 0),
        "faccessat2": errno_of(439, -100, b".", 4, 0),
        "fchmodat2": errno_of(452, -100, b".", 0o700, 0),
    }
    """
    assert attack(body) == "{'close_range': 0, 'faccessat2': 0, 'fchmodat2': 0}"


@pytest.mark.parametrize("order", ["LOCK_EX", "LOCK_SH", "lockf", "open file description"])
def test_a_lock_on_a_shared_file_reaches_no_other_kernel(attack, order):
    # if the lock were taken, the second kernel could not take it, and both would have a channel
    take = {
        "LOCK_EX": "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "LOCK_SH": "fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "lockf": "fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "open file description": "fcntl.fcntl(f, 37, struct.pack('hhqqi4x', 0, 0, 0, 0, 0))",
    }[order]
    assert (
        attack(f"""
    import fcntl, os, struct
    with open(os.__file__) as f:
        {take}
    """)
        == "None"
    )
    with open(os.__file__) as library:
        held = """
        import fcntl, os
        global f
        f = open(os.__file__)
        fcntl.flock(f, fcntl.LOCK_EX)
        """
        assert attack(held) == "None"
        fcntl.flock(library, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_millions_of_locks_are_no_way_to_take_memory(attack):
    body = """
    import fcntl, os
    with open("x", "w") as f:
        for at in range(0, 2_000, 2):
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
        if os.fork() == 0:
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
            os._exit(7)
        return os.waitstatus_to_exitcode(os.wait()[1])
    """
    assert attack(body) == "7"  # a second process takes the same lock: there is none


@pytest.mark.parametrize(
    "order",
    [
        "fcntl.fcntl(open(os.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
        "fcntl.fcntl(open('x', 'w'), fcntl.F_SETLEASE, fcntl.F_WRLCK)",
        "fcntl.fcntl(os.open('/usr', os.O_RDONLY), fcntl.F_NOTIFY, 1)",
        "fcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",  # F_SETPIPE_SZ
    ],
)
def test_an_order_that_reaches_others_by_a_file_is_refused(attack, order):
    assert attack(f"import fcntl, os; {order}").startswith("refused: PermissionError")


def test_a_kernel_and_its_children_stay_one_session(attack):
    body = """
    import os, subprocess
    sessions = [os.getsid(0)]
    for detach in (os.setsid, os.setpgrp):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            detach()
            os.write(theirs, str(os.getsid(0)).encode())
            os._exit(0)
        sessions.append(int(os.read(ours, 100)))
    done = subprocess.run(["echo", "hello"], start_new_session=True, capture_output=True)
    return sessions, done.stdout
    """
    # Linux divides the processors between sessions: who makes many would get many shares
    assert attack(body) == "([1, 1, 1], b'hello\\n')"


@pytest.mark.parametrize("number", [41, 62])  # PR_SET_THP_DISABLE, PR_SCHED_CORE
def test_a_setting_that_the_sandbox_relies_on_cannot_be_undone(attack, number):
    body = f"""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl({number}, 0, 0, 0, 0) < 0 and libc.prctl({number}, 1, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    """
    assert attack(body).startswith("refused: PermissionError")


def test_a_socket_holds_no_more_than_usual(attack):
    body = """
    import socket
    one, other = socket.socketpair()
    usual = [one.getsockopt(socket.SOL_SOCKET, o) for o in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33):
        one.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    kept = [one.getsockopt(socket.SOL_SOCKET, o) for o in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
    return kept == usual, one.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)
    """
    assert attack(body) == "(True, 1)"


def test_copies_and_pipes_work_without_splice(attack):
    body = """
    import os, shutil, subprocess
    with open("a", "wb") as file:
        file.write(bytes(300_000))
    shutil.copyfile("a", "b")
    shutil.copytree(".", "../home/copy", ignore=shutil.ignore_patterns("copy", ".*"))
    with open("a", "rb") as source, open("c", "wb") as target:
        os.sendfile(target.fileno(), source.fileno(), 0, 300_000)
    piped = subprocess.run("cat a | cat | wc -c", shell=True, capture_output=True).stdout
    sizes = [os.path.getsize(name) for name in ("b", "c", "copy/a")]
    return sizes, piped.strip()
    """
    assert attack(body, cell_s=10.0) == "([300000, 300000, 300000], b'300000')"


def test_a_kernel_uses_no_huge_pages(attack):
    body = """
    import ctypes
    return ctypes.CDLL(None).prctl(42, 0, 0, 0, 0)  # PR_GET_THP_DISABLE
    """
    assert attack(body) == "1"


def test_libraries_still_find_the_calls_they_need(attack):
    body = """
    import ctypes, multiprocessing, shutil, subprocess, tempfile, torch
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: n + 1)(2) == 3
    with tempfile.TemporaryDirectory() as folder:
        torch.save(torch.ones(2), f"{folder}/x.pt")
        shutil.copy(f"{folder}/x.pt", f"{folder}/y.pt")
        assert torch.load(f"{folder}/y.pt").sum() == 2
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    return subprocess.run(["echo", "hello"], capture_output=True).stdout
    """
    assert attack(body, cell_s=10.0) == repr(b"hello\n")


def test_programs_that_change_the_user_have_no_power(attack):
    body = """
    import ctypes, os, subprocess
    no_new_privileges = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)
    done = subprocess.run(["su", "-c", "id"], input=b"", capture_output=True)
    return no_new_privileges, done.returncode != 0
    """
    assert attack(body) == "(1, True)"


def test_no_capability_is_held(attack):
    body = """
    import ctypes, struct
    held = ctypes.create_string_buffer(24)
    ctypes.CDLL(None).capget(struct.pack("Ii", 0x20080522, 0), held)
    return held.raw == bytes(24)
    """
    assert attack(body) == "True"


# ------------------------------------------------------------------------------------- spending


def test_a_fork_bomb_ends_at_its_limit_and_is_cleared_away(run, values):
    notebook = run(
        """
        import os, time
        pids = []
        try:
            while len(pids) < 300:
                pid = os.fork()
                if pid == 0:
                    time.sleep(100)
                    os._exit(0)
                pids.append(pid)
        except OSError:
            pass
        n = len(pids)
        """,
    )
    assert 0 < values(notebook)["n"] < 24
    tree = tree_of(notebook._kernel._provisioner.process.pid)
    notebook.close()
    assert not [pid for pid in tree if Path(f"/proc/{pid}").exists()]


def test_a_thread_bomb_ends_at_its_limit(attack):
    body = """
    import threading
    wait = threading.Event()
    threads = [threading.Thread(target=wait.wait, daemon=True) for _ in range(400)]
    try:
        for thread in threads:
            thread.start()
    finally:
        wait.set()
    """
    assert "can't start new thread" in attack(body)


def test_a_daemon_that_hides_is_dead_after_the_kernel(run):
    notebook = run(
        """
        import os, signal, time
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            if os.fork() == 0:
                time.sleep(100)
            os._exit(0)
        time.sleep(0.2)
        """
    )
    tree = tree_of(notebook._kernel._provisioner.process.pid)
    assert len(tree) >= 2
    notebook.close()
    assert not [pid for pid in tree if Path(f"/proc/{pid}").exists()]


MEMORY_BOMBS = {
    "one process": "held = bytearray(1 << 31)",
    "a tensor": "import torch\nheld = torch.ones(1 << 29)",
    "shared memory": (
        "import mmap\nheld = mmap.mmap(-1, 8 << 30)\n"
        "for i in range(8 << 10): held.write(bytes(1 << 20))"
    ),
    "many processes": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        held = b'x' * (300 << 20)\n        time.sleep(30)\n        os._exit(0)\n"
        "time.sleep(30)"
    ),
}


@pytest.mark.parametrize("bomb", MEMORY_BOMBS)
def test_a_memory_bomb_costs_itself_only(run, values, bomb):
    notebook = run("x = 1", MEMORY_BOMBS[bomb], "y = x + 1", cell_s=20.0)
    assert notebook.cells[1].status in ("died", "raised")
    words = ("needed more than 1024 MiB of memory", "MemoryError", "can't allocate memory")
    assert any(text in notebook.cells[1].error for text in words)
    assert values(notebook)["y"] == 2


@pytest.mark.parametrize("folder", SCRATCH)
def test_scratch_folders_hold_so_much_and_no_more(attack, folder):
    body = f"""
    for i in range(20):
        with open({folder!r} + f"/{{i}}", "wb") as file:
            file.write(bytes(8 << 20))
    """
    assert "No space left" in attack(body)


def test_scratch_folders_hold_so_many_files_and_no_more(attack):
    body = "for i in range(5_000): open(str(i), 'w').close()"
    assert "No space left" in attack(body)


def test_one_file_grows_to_its_limit_and_no_further(attack):
    body = "with open('large', 'wb') as file: file.write(bytes(24 << 20))"
    assert "File too large" in attack(body)


def test_so_many_files_can_be_open_and_no_more(attack):
    assert "Too many open files" in attack("files = [open('/dev/null') for _ in range(2_000)]")


# ------------------------------------------------------------------------------------- what is seen


def test_the_environment_holds_nothing_of_ours(attack, monkeypatch):
    seen = eval(attack("import os; return dict(os.environ)"))
    own = {*policy.environment(""), "JPY_PARENT_PID", "PYTHONUNBUFFERED", "TERM", "CLICOLOR"}
    own |= {"PIP_RETRIES", "PAGER", "GIT_PAGER", "FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"}
    own |= {name for name in seen if name.startswith(("KMP_", "TORCH", "TRITON", "PYDEVD"))}
    assert set(seen) <= own, set(seen) - own
    assert str(Path.home()) not in seen["HOME"]


def test_no_descriptor_of_the_grader_or_the_warm_parent_is_open(attack):
    body = """
    import os, socket, stat
    odd = []
    for number in range(3, 1024):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            odd.append((number, "a folder"))
        if stat.S_ISSOCK(mode):
            with socket.socket(fileno=os.dup(number)) as found:
                if found.type == socket.SOCK_SEQPACKET:
                    odd.append((number, "the control socket"))
    return odd
    """
    assert attack(body) == "[]"


def test_nothing_of_ours_lies_in_the_memory_of_a_kernel(attack):
    body = """
    import gc
    owners = {getattr(o, "__module__", None) for o in gc.get_objects() if callable(o)}
    bad = ("reference", "exercises", "grader.checks", "grader.grading.grader", "hypothesis")
    return sorted(str(o) for o in owners if str(o).startswith(bad))
    """
    assert attack(body, cell_s=10.0) == "[]"
