"""The course library as the sandbox sees it: on `sys.path`, a small budget, no screen."""

from __future__ import annotations

import atexit
import builtins
import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch

INSIDE = Path(__file__).resolve().parents[2] / "grader" / "inside"
if str(INSIDE) not in sys.path:
    sys.path.insert(0, str(INSIDE))

mpl.use("Agg")


@pytest.fixture(autouse=True)
def budget() -> Iterator[Any]:
    """Six steps a fit, nothing noted yet, one thread; the settings module, to look into."""
    from d2l import _settings

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    _settings.configure(training_s=30.0, training_steps=6)
    yield _settings
    _settings.configure()
    torch.set_num_threads(threads)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What `Tensor.backward` starts from is noted, of cell 0; the module, to look into."""
    from d2l import _losses

    monkeypatch.setattr(torch.Tensor, "backward", torch.Tensor.backward)
    _losses.watch()
    _losses.clear()
    _losses.begin(0)
    yield _losses
    _losses.clear()


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real IPython shell with our commands in it; what it changes outside is put back."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from grader.guest import notebook_shell

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """A kernel has no event loop to switch either."""

    before = builtins.input, getpass.getpass, sys.excepthook, sys.displayhook, dict(os.environ)
    main = sys.modules["__main__"]
    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    made = Shell.instance(config=config)
    notebook_shell.install(made)
    sys.modules["__main__"] = main  # it puts its own there, which no process can be spawned from
    yield made
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    Shell.clear_instance()
    builtins.input, getpass.getpass, sys.excepthook, sys.displayhook = before[:4]
    os.environ.clear()
    os.environ.update(before[4])


@pytest.fixture
def run(shell: Any, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run one cell; returns what it printed, and raises what it raised."""

    def run_cell(source: str) -> str:
        capfd.readouterr()
        result = shell.run_cell(source, store_history=False)
        printed = capfd.readouterr().out
        if (error := result.error_before_exec or result.error_in_exec) is not None:
            raise error
        return printed

    return run_cell
