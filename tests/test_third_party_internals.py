"""What we rely on in other packages beyond their public interfaces, said one by one.

An upgrade that takes one away fails here, with a sentence, before anything else fails. The last
tests keep such uses in the modules that are listed.
"""

from __future__ import annotations

import _thread
import ast
import asyncio
import importlib
import importlib.util
import inspect
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from types import FunctionType, SimpleNamespace

import hypothesis
import pytest
import torch
import zmq
from hypothesis import strategies as st
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.shellapp import InteractiveShellApp
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from torch import nn

import grader
from grader.grading import pytest_internals
from grader.kernel.client import SandboxClient
from grader.kernel.jupyter_internals import ManagerWithoutControl, PatientNotebookClient
from grader.sandbox import ipykernel_internals
from grader.wire import torch_internals

ROOT = Path(__file__).resolve().parents[1]
LISTED = (
    "grader/grading/pytest_internals.py",
    "grader/wire/torch_internals.py",
    "grader/kernel/jupyter_internals.py",
    "grader/sandbox/ipykernel_internals.py",
    "grader/guest/stand_in_gpu.py",
    "grader/guest/library_copies.py",
)

# --------------------------------------------------------------------------- pytest

TWICE = """
import pytest

made = []

@pytest.fixture
def fresh():
    made.append(1)
    return len(made)

def test_it(fresh, tmp_path):
    runs.append((fresh, tmp_path))
    assert fresh < 3
"""


class Reports:
    """Keeps what the hooks of a session are called with."""

    def __init__(self) -> None:
        self.errors: list[BaseException | None] = []
        self.logged: list[object] = []

    def pytest_runtest_makereport(self, item, call):
        if call.when == "call":
            self.errors.append(call.excinfo and call.excinfo.value)

    def pytest_runtest_logreport(self, report):
        self.logged.append(report)


def quiet(folder: Path) -> list[str]:
    (folder / "none.ini").write_text("")
    plugins = [f"-pno:{name}" for name in ("terminal", "cacheprovider", "faulthandler")]
    place = ["-c", str(folder / "none.ini"), f"--rootdir={folder}"]
    return ["--disable-plugin-autoload", "--capture=no", *plugins, *place]


def test_an_item_of_pytest_runs_again_with_fresh_fixtures_and_without_a_log(tmp_path):
    path = tmp_path / "test_twice.py"
    path.write_text(f"runs = []\n{TWICE}")
    reports = Reports()
    config = pytest_internals.configure([str(path), *quiet(tmp_path)], [reports])
    try:
        session = pytest.Session.from_config(config)
        config.hook.pytest_sessionstart(session=session)
        (item,) = session.perform_collect()
        for _ in range(3):
            pytest_internals.run_item(item)
        config.hook.pytest_sessionfinish(session=session, exitstatus=0)
    finally:
        pytest_internals.unconfigure(config)
    runs = item.module.runs
    assert [made for made, _ in runs] == [1, 2, 3], "runtestprotocol makes fixtures anew"
    assert len({folder for _, folder in runs}) == 3
    assert [type(error) for error in reports.errors] == [type(None), type(None), AssertionError]
    assert reports.logged == [], "runtestprotocol(log=False) reports nothing"


def test_pytest_cleans_up_when_a_configuration_is_unconfigured(tmp_path):
    config = pytest_internals.configure([str(tmp_path), *quiet(tmp_path)], [])
    done = []
    config.add_cleanup(lambda: done.append(True))
    pytest_internals.unconfigure(config)
    assert done == [True], "Config._ensure_unconfigure runs the cleanups"


# --------------------------------------------------------------------------- Hypothesis


def test_hypothesis_runs_what_stands_as_inner_test_with_the_drawn_arguments():
    @hypothesis.given(n=st.integers(0, 3))
    def claim(fixture, n):
        raise AssertionError("the original body")

    assert claim.is_hypothesis_test
    original, seen = claim.hypothesis.inner_test, []
    assert isinstance(original, FunctionType)
    claim.hypothesis.inner_test = lambda fixture, n: seen.append((fixture, n))
    hypothesis.seed(1)(claim)(fixture="given")
    assert seen
    assert {fixture for fixture, _ in seen} == {"given"}
    first = list(seen)
    seen.clear()
    hypothesis.seed(1)(claim)(fixture="given")
    assert seen == first, "the same seed draws the same examples"
    assert list(inspect.signature(claim).parameters) == ["fixture"]


# --------------------------------------------------------------------------- nbclient


class Channel:
    """A channel of Jupyter's on which nothing comes but the given messages."""

    def __init__(self, *messages: dict[str, object]) -> None:
        self.messages = list(messages)
        self.timeouts: list[float | None] = []

    async def get_msg(self, timeout=None):
        self.timeouts.append(timeout)
        if self.messages:
            return self.messages.pop(0)
        if timeout is None or len(self.timeouts) > 3:
            await asyncio.Event().wait()
        raise Empty


async def alive() -> bool:
    return True


def running(kind: type[NotebookClient], shell: Channel, **options: object) -> NotebookClient:
    idle = {
        "msg_type": "status",
        "content": {"execution_state": "idle"},
        "parent_header": {"msg_id": "1"},
    }
    notebook = new_notebook(cells=[new_code_cell("1")])
    client = kind(notebook, allow_errors=True, record_timing=False, **options)
    client.reset_execution_trackers()
    client.kc = SimpleNamespace(
        execute=lambda *_, **__: "1", is_alive=alive, shell_channel=shell,
        iopub_channel=Channel(idle),
    )  # fmt: skip
    return client


ODD_REPLY = {"parent_header": {"msg_id": "1"}, "msg_type": "execute_reply", "content": {}}


def test_an_optimiser_works_without_the_compiler_of_torch():
    program = (
        "import sys, torch\nfrom grader.wire import torch_internals\n"
        "torch_internals.leave_compiler_out()\n"
        "torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1)\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_a_change_in_place_gives_a_tensor_another_version():
    x = torch.zeros(3)
    before = torch_internals.version_of(x)
    assert torch_internals.version_of(x) == before
    x[1:].add_(1)
    assert torch_internals.version_of(x) != before


def test_a_loader_makes_its_batches_by_a_function_that_can_be_replaced(monkeypatch):
    fetcher = torch_internals._MapDatasetFetcher
    monkeypatch.setattr(fetcher, "fetch", fetcher.fetch)
    seen = []

    def change(fetch):
        def backwards(it, places):
            seen.append((it.dataset, it.auto_collation, it.collate_fn))
            return fetch(it, places[::-1])

        return backwards

    torch_internals.change_fetch(change)
    (batch,) = torch.utils.data.DataLoader([1, 2, 3], batch_size=3)
    assert batch.tolist() == [3, 2, 1]
    assert seen == [([1, 2, 3], True, torch.utils.data.default_collate)]


def test_torchs_print_options_are_one_table():
    before = dict(torch_internals.print_options())
    torch.set_printoptions(precision=2, sci_mode=True)
    assert torch_internals.print_options()["precision"] == 2
    torch_internals.print_options().update(before)
    assert repr(torch.tensor(0.123456)) == "tensor(0.1235)"


def test_nbclient_looks_into_a_reply_in_check_raise_for_error_only():
    client = running(PatientNotebookClient, Channel(ODD_REPLY))
    asyncio.run(client.async_execute_cell(client.nb.cells[0], 0))
    stock = running(NotebookClient, Channel(ODD_REPLY))
    with pytest.raises(KeyError):  # if it no longer does, the override can go
        asyncio.run(stock.async_execute_cell(stock.nb.cells[0], 0))


def test_nbclient_ends_a_cell_when_its_task_that_waits_for_the_reply_is_cancelled():
    client = running(PatientNotebookClient, Channel())
    client.stop_waiting()  # before any cell, there is nothing to end

    async def ended() -> None:
        waiting = asyncio.ensure_future(client.async_execute_cell(client.nb.cells[0], 0))
        while not client.kc.shell_channel.timeouts:
            await asyncio.sleep(0)
        client.stop_waiting()
        await waiting

    with pytest.raises(DeadKernelError):
        asyncio.run(ended())


# --------------------------------------------------------------------------- jupyter_client


def test_jupyter_connects_its_control_socket_in_one_method_after_the_start():
    connected = []

    class Manager(AsyncKernelManager):
        def _connect_control_socket(self) -> None:
            connected.append(True)

    async def post_launch(**_: object) -> None: ...

    for kind in (Manager, ManagerWithoutControl):
        manager = kind()
        manager.provisioner = SimpleNamespace(post_launch=post_launch)
        asyncio.run(manager.post_start_kernel())
        assert manager._control_socket is None
        manager.provisioner = None
    assert connected == [True]


@pytest.mark.parametrize("name", ["start_kernel", "interrupt_kernel", "is_alive"])
def test_the_public_methods_of_an_async_manager_are_coroutines(name):
    assert inspect.iscoroutinefunction(getattr(AsyncKernelManager, name))


def test_our_address_of_a_channel_is_that_of_jupyter():
    client = SandboxClient(transport="ipc", ip="/tmp/k", iopub_port=2)
    assert client._address("iopub") == AsyncKernelClient._make_url(client, "iopub")


# --------------------------------------------------------------------------- ipykernel


def test_ipykernel_binds_every_socket_by_try_bind_socket():
    done = []
    socket = SimpleNamespace(setsockopt=lambda *args: done.append(args), bind=done.append)
    app = ipykernel_internals.InheritedSocketsApp()
    app.transport, app.ip, app.first_listener = "ipc", "/tmp/k", 5
    assert app._bind_socket(socket, 3) == 3
    assert done == [(zmq.USE_FD, 7), "ipc:///tmp/k-3"]


@pytest.mark.parametrize(
    "name",
    ["init_iopub", "init_control", "init_heartbeat", "init_connection_file",
     "write_connection_file", "cleanup_connection_file", "log_connection_info",
     "parse_command_line", "init_profile_dir", "init_config_files", "load_config_file",
     "init_code", "init_kernel"],
)  # fmt: skip
def test_ipykernels_application_has_the_steps_that_are_replaced(name):
    (base,) = ipykernel_internals.InheritedSocketsApp.__bases__
    assert callable(getattr(base, name))


def test_ipykernel_lists_the_modules_and_takes_a_shell_as_its_kernel_is_made():
    made = IPythonKernel.__init__.__code__
    assert {"sys", "modules", "_kernel_modules", "shell_class", "instance"} <= {*made.co_names}
    assert IPythonKernel.shell_class.default_value is ZMQInteractiveShell


def test_ipython_notes_which_modules_reset_keeps_after_its_startup_files():
    steps = ["_run_startup_files", "_run_exec_lines", "_run_exec_files", "_sys_modules_keys"]
    names = InteractiveShellApp.init_code.__code__.co_names
    assert [name for name in names if name in steps] == steps


def test_ipykernel_opens_its_pipe_for_children_in_one_method(monkeypatch):
    monkeypatch.setattr(IOPubThread, "_setup_pipe_in", IOPubThread._setup_pipe_in)
    ipykernel_internals.keep_output_of_children_local()
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    thread = IOPubThread(socket, pipe=True)
    try:
        assert thread._pipe_flag is False
        assert not hasattr(thread, "_pipe_port"), "a port of TCP was opened"
    finally:
        thread.io_loop.close()
        socket.close(linger=0)
        context.destroy(linger=0)


def test_a_stream_of_ipykernel_keeps_a_copy_of_its_descriptor_under_this_name():
    assert "_original_stdstream_copy" in OutStream.fileno.__code__.co_names


# --------------------------------------------------------------------------- torch


def test_torch_runs_no_code_of_a_subclass_of_tensor_where_that_is_asked_for():
    ran = []

    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args, **kwargs):
            ran.append(args)
            return super().__torch_function__(*args, **kwargs)

    loud = torch.ones(2).as_subclass(Loud)
    ran.clear()
    with torch_internals.without_overloads():
        torch.Tensor.detach(loud)
    assert ran == []
    torch.Tensor.detach(loud)
    assert ran


def test_torch_counts_the_modes_that_are_active_for_all_its_functions():
    assert not torch_internals.has_modes()
    with torch.device("meta"):
        assert torch_internals.has_modes()
        assert torch.get_default_device().type == "meta"
    assert not torch_internals.has_modes()


def test_a_module_of_torch_has_tables_that_show_what_is_missing_and_what_is_shared():
    layer = nn.Linear(1, 1, bias=False)
    whole = nn.Sequential(layer, layer)
    assert list(torch_internals.parts_of(whole)) == ["0", "1"]
    assert torch_internals.parameters_of(layer)["bias"] is None
    assert list(torch_internals.parameters_of(nn.BatchNorm1d(1, affine=False))) == [
        "weight", "bias",
    ]  # fmt: skip
    assert "running_mean" in torch_internals.buffers_of(nn.BatchNorm1d(1))
    torch_internals.parts_of(whole)["1"] = other = nn.Linear(1, 2)
    assert whole[1] is other, "the table is the module's own"


def test_a_module_of_torch_has_no_tables_before_its_constructor_has_run():
    unmade = nn.Linear.__new__(nn.Linear)
    assert not torch_internals.is_made(unmade)
    nn.Module.__init__(unmade)
    assert torch_internals.is_made(unmade)


def test_torch_calls_what_waits_for_cuda_when_cuda_starts():
    if torch.cuda.is_initialized():
        pytest.skip("CUDA has been started here")
    called = []

    def call() -> None:
        called.append(True)

    torch_internals.when_cuda_starts(call)
    queued = torch.cuda._queued_calls
    assert called == []
    assert queued[-1][0] is call, "torch.cuda._lazy_init goes through this list"
    queued.pop()


def test_torch_knows_its_makers_and_its_scripted_operators_by_their_functions():
    from torch.jit import _builtins
    from torch.utils import _device

    assert torch.zeros in _device._device_constructors()
    assert _builtins._find_builtin(torch.zeros) == "aten::zeros"
    assert list(inspect.signature(_builtins._register_builtin).parameters) == ["fn", "op"]


def test_the_module_of_torch_that_takes_longest_to_import_is_there():
    assert importlib.util.find_spec("torch._dynamo"), "the warm parent imports it for all kernels"


# --------------------------------------------------------------------------- where they stand


def private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def scanned() -> dict[Path, ast.Module]:
    paths = [path for folder in ("grader", "exercises") for path in (ROOT / folder).rglob("*.py")]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(paths)}


def is_listed(path: Path) -> bool:
    return path.as_posix().endswith(LISTED)


def names_bound_by(tree: ast.Module) -> Iterator[str]:
    """The names that a module makes itself, on its own objects included."""
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(value=ast.Name(id=owner), ctx=ast.Store()) if (
                owner in {"self", "cls"} | functions
            ):
                yield node.attr


def foreign_names(tree: ast.Module, own: set[str], packages: set[str]) -> Iterator[tuple[int, str]]:
    """Lines and private names of other packages that a module uses."""
    for node in ast.walk(tree):
        named: list[str | None] = []
        match node:
            case ast.Import():
                named = [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                named = [f"{module}.{alias.name}" for alias in node.names]
            case ast.Attribute(value=ast.Name(id=owner)) if owner in sys.stdlib_module_names:
                continue  # Python's own, documented: os._exit, sys._getframe
            case (
                ast.Attribute(attr=name)
                | ast.Call(
                    func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                    args=[_, ast.Constant(value=name), *_],
                )
            ) if private(name) and name not in own:
                yield node.lineno, str(name)
        for dotted in filter(None, named):
            if dotted.split(".")[0] not in packages and any(map(private, dotted.split("."))):
                yield node.lineno, dotted


def test_private_names_of_other_packages_stand_in_the_listed_modules_only():
    trees = scanned()
    own = {name for path, tree in trees.items() if not is_listed(path)
           for name in names_bound_by(tree)}  # fmt: skip
    own |= {"_value_"}  # documented: how an enum with more than a value is made
    packages = {"grader", "reference", "exercises"}
    packages |= {path.parent.name for path in trees if path.name == "__init__.py"}
    guilty = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path, tree in trees.items()
        if not is_listed(path)
        for line, name in foreign_names(tree, own, packages)
    ]
    assert guilty == [], "use the public interface, or a listed module with a test in this file"


@pytest.mark.parametrize(
    "source",
    ["import _pytest.config", "from torch.utils import _device", "item._initrequest()",
     "torch.cuda._lazy_call(cap)", "Thread._setup_pipe_in = made", "self._make_url('shell')",
     "getattr(stream, '_original_stdstream_copy', None)"],
)  # fmt: skip
def test_the_scan_finds_a_private_name(source):
    tree = ast.parse(source)
    assert list(foreign_names(tree, set(names_bound_by(tree)), {"grader"}))


def test_private_methods_of_other_packages_are_replaced_in_the_listed_modules_only():
    guilty = []
    for found in pkgutil.walk_packages(grader.__path__, "grader."):
        if ".inside" in found.name or found.name.endswith(("__main__", ".boot")):
            continue
        module = importlib.import_module(found.name)
        if is_listed(Path(str(module.__file__))):
            continue
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == found.name:
                guilty += [f"{found.name}.{kind.__name__}.{name}" for name in replaced_by(kind)]
    assert guilty == []


def replaced_by(kind: type) -> Iterator[str]:
    """The private methods of a class that stand in the place of another package's."""
    known = {"grader", "builtins"} | sys.stdlib_module_names
    theirs = [base for base in kind.__mro__ if base.__module__.split(".")[0] not in known]
    for name, value in vars(kind).items():
        method = private(name) and isinstance(value, FunctionType | property)
        if method and any(name in vars(base) for base in theirs):
            yield name


# --------------------------------------------------------------------------- threading


def test_a_thread_starts_in_the_function_that_copies_of_the_library_are_watched_from():
    began = []

    def note() -> None:
        frame = sys._getframe()
        while frame is not None:
            began.append(frame.f_code)
            frame = frame.f_back

    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    assert threading.Thread._bootstrap_inner.__code__ in began
    assert threading._start_new_thread is _thread.start_new_thread


# --------------------------------------------------------------------------- a person's own pytest


def test_what_a_person_wants_of_their_pytest_decides_no_grade(tmp_path, monkeypatch):
    (tmp_path / "test_one.py").write_text("def test_it(): pass\ndef test_other(): pass\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-vv -rf --durations=25 -k other")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    config = pytest_internals.configure([str(tmp_path), "-c", "/dev/null"], [])
    try:
        assert not config.getoption("keyword")
        assert config.getoption("verbose") == 0
    finally:
        pytest_internals.unconfigure(config)
    assert os.environ["PYTEST_ADDOPTS"] == "-vv -rf --durations=25 -k other"
