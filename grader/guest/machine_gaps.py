"""Stands in for what a usual machine has and a kernel lacks: network, screen, writable folders.

A connection is refused at once and in words, and noted as a missing package is. A file that is
written into a folder that is not there makes the folder; one in a folder of a hosted service lands
below the scratch folder, and is found there again. Any matplotlib backend is accepted, and figures
stay inline.

`install` is called once, in a kernel, before student code. Not here: commands of a notebook
(`notebook_shell.py`), missing packages (`missing_modules.py`), walls (`sandbox/`).
"""

from __future__ import annotations

import builtins
import errno
import functools
import importlib
import io
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import IPython.core.interactiveshell
import matplotlib as mpl
import torch
from matplotlib import pyplot as plt

from grader.guest.missing_modules import NETWORK, NO_NETWORK, note

_WRITING = frozenset("wax")
_HOSTED = ("/content/", "/kaggle/", "/gdrive/", "/drive/")
"""Folders that notebooks of hosted services write to; any other path outside is an error."""
_NOT_THERE = (errno.ENOENT, errno.EACCES, errno.EROFS, errno.EPERM)


class NetworkUnavailable(socket.gaierror):
    """A connection was asked for."""


def install(home: str) -> None:
    """Change this process as the module's docstring says.

    Args:
        home: the folder that may be written to.
    """
    _refuse_connections()
    _accept_backends()
    _make_folders(home)


# ---- the network


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    note(NETWORK)
    raise NetworkUnavailable(socket.EAI_AGAIN, NO_NETWORK)


def _refuse_connections() -> None:
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
        setattr(socket, name, _refuse)


# ---- the screen


def _accept_backends() -> None:
    use, switch = mpl.use, plt.switch_backend

    @functools.wraps(use)
    def use_if_here(backend: str, **kwargs: Any) -> None:
        if _is_here(backend):
            use(backend, **kwargs)

    @functools.wraps(switch)
    def switch_if_here(newbackend: str) -> None:
        if _is_here(newbackend):
            switch(newbackend)

    mpl.use, plt.switch_backend = use_if_here, switch_if_here


def _is_here(backend: object) -> bool:
    """Return whether a backend needs no screen and shows its figures in the notebook."""
    return "inline" in str(backend)


# ---- files


def _make_folders(home: str) -> None:
    opened, save, load = io.open, torch.save, torch.load

    @functools.wraps(opened)
    def open_or_make(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        try:
            return opened(file, mode, *args, **kwargs)
        except OSError as error:
            other = _elsewhere(file, mode, error, home)
            if other is None:
                raise
        return opened(other, mode, *args, **kwargs)

    @functools.wraps(save)
    def save_and_make(obj: object, f: Any, *args: Any, **kwargs: Any) -> None:
        save(obj, _writable(f, home), *args, **kwargs)

    @functools.wraps(load)
    def load_from_below(f: Any, *args: Any, **kwargs: Any) -> Any:
        below = _below(f, home)
        found = below if below and not os.path.exists(f) and os.path.exists(below) else f
        return load(found, *args, **kwargs)

    # of the `open` that cells find
    IPython.core.interactiveshell.io_open = open_or_make  # type: ignore[attr-defined]
    io.open = builtins.open = open_or_make
    torch.save, torch.load = save_and_make, load_from_below
    os.makedirs = _made_below(os.makedirs, home)
    os.mkdir = _made_below(os.mkdir, home)
    os.chdir = _stays(os.chdir, home)  # type: ignore[assignment]


def write_tables_anywhere() -> None:
    """Let pandas write into folders that are not there; it looks for them itself."""
    with suppress(ImportError, AttributeError):
        common: Any = importlib.import_module("pandas.io.common")
        common.check_parent_directory = lambda path: None


def _elsewhere(file: Any, mode: Any, error: OSError, home: str) -> str | None:
    """Return where a file lies, or may lie, that could not be opened; None where it may not."""
    if error.errno not in _NOT_THERE or not isinstance(file, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(file)
    writes = isinstance(mode, str) and bool(_WRITING & set(mode))
    if not writes:
        below = _below(path, home)
        return below if below and os.path.exists(below) else None
    if not path or os.path.isdir(path):
        return None
    return str(_writable(path, home))


def _writable(file: Any, home: str) -> Any:
    """Return a path to write to, with its folder made; anything that is no path as it is."""
    if not isinstance(file, str | os.PathLike):
        return file
    path = os.fspath(file)
    for candidate in (path, _below(path, home)):
        if not candidate:
            continue
        with suppress(OSError):
            folder = os.path.dirname(candidate) or "."
            if os.path.isabs(folder) and not folder.startswith(home):
                continue  # an error there as everywhere
            Path(folder).mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return candidate
    return file


def _below(file: Any, home: str) -> str:
    """Return the place below the scratch folder that stands for a path outside; empty if none."""
    if not isinstance(file, str | os.PathLike):
        return ""
    path = os.fsdecode(os.fspath(file))
    whole = os.path.normpath(path)
    if not whole.startswith(_HOSTED):
        return ""
    return os.path.join(home, whole.lstrip(os.sep))


def _made_below(make: Callable[..., None], home: str) -> Callable[..., None]:
    @functools.wraps(make)
    def made(name: Any, *args: Any, **kwargs: Any) -> None:
        try:
            make(name, *args, **kwargs)
        except OSError as error:
            below = _below(name, home)
            if not below or error.errno not in _NOT_THERE:
                raise
            Path(below).parent.mkdir(parents=True, exist_ok=True)
            make(below, *args, **kwargs)

    return made


def _stays(change: Callable[[Any], None], home: str) -> Callable[[Any], None]:
    """Stay in the scratch folder where another folder is not here: what is beside lies in it."""

    @functools.wraps(change)
    def changed(path: Any) -> None:
        try:
            change(path)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            below = _below(path, home)
            change(below if below and os.path.isdir(below) else home)

    return changed
