"""Imports a student's own files: modules and notebooks that lie where the notebook runs.

Their imports are rewritten as those of cells are, and what they define is listed, so that it counts
as the student's own. Here: the finder and its loaders. Not here: which files lie there
(`sandbox/kernel_process.py`), which definition is judged (trusted side).
"""

from __future__ import annotations

import ast
import json
import os
import sys
import types
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

from IPython.core import interactiveshell

from grader.guest import magics
from grader.guest.import_rewriting import ImportRewriter

_MOST_MODULES = 200
_MOST_BYTES = 16 << 20


class OwnModules(MetaPathFinder):
    """Finds modules below a folder; `loaded` lists them in the order of their imports."""

    def __init__(self, home: str) -> None:
        self._home = os.path.realpath(home)
        self.loaded: list[types.ModuleType] = []

    def install(self) -> None:
        """Insert the finder before Python's own, and load files that `%run` executes."""
        place = next((i for i, f in enumerate(sys.meta_path) if f is PathFinder), 0)
        sys.meta_path.insert(place, self)
        # its `%run` compiles files with the builtin, looked up as a name of the module
        interactiveshell.compile = _compile_file  # type: ignore[attr-defined]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module of the student's own; None for all others."""
        name = fullname.rpartition(".")[2]
        for folder in sys.path if path is None else path:
            # libraries lie elsewhere: to resolve each path would cost every import of theirs
            if os.path.isabs(folder) and not folder.startswith(self._home):
                continue
            where = os.path.realpath(folder or ".")
            if where != self._home and not where.startswith(f"{self._home}{os.sep}"):
                continue
            # asked of the folder: Python's finder keeps a list, which a file just written is not in
            for file in (f"{name}/__init__.py", f"{name}.py", f"{name}.ipynb"):
                here = os.path.join(where, file)
                if os.path.isfile(here):
                    return self._spec(fullname, here)
        return None

    def _spec(self, fullname: str, file: str) -> ModuleSpec | None:
        if file.endswith(".ipynb"):
            return spec_from_file_location(fullname, file, loader=_NotebookLoader(self, file))
        places = [os.path.dirname(file)] if file.endswith("__init__.py") else None
        loader = _FileLoader(self, fullname, file)
        return spec_from_file_location(
            fullname, file, loader=loader, submodule_search_locations=places
        )

    def add(self, module: types.ModuleType) -> None:
        """List a module that is about to be loaded."""
        if len(self.loaded) < _MOST_MODULES:
            self.loaded.append(module)

    def definitions(self) -> Iterator[tuple[str, Any]]:
        """Yield the functions and classes of all loaded modules, by name."""
        for module in list(self.loaded):
            for name, value in list(vars(module).items()):
                kinds = types.FunctionType | type
                if isinstance(value, kinds) and value.__module__ == module.__name__:
                    yield name, value


class _FileLoader(SourceFileLoader):
    def __init__(self, own: OwnModules, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._own = own

    def get_code(self, fullname: str) -> types.CodeType:
        return _compiled(self.get_data(self.path), self.path)

    def exec_module(self, module: types.ModuleType) -> None:
        self._own.add(module)
        super().exec_module(module)


class _NotebookLoader(Loader):
    def __init__(self, own: OwnModules, path: str) -> None:
        self._own, self._path = own, path

    def create_module(self, spec: ModuleSpec) -> None: ...

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the cells of a notebook, each past the errors of those before it."""
        self._own.add(module)
        for number, source in enumerate(_cells(self._path)):
            python = magics.transformer().transform_cell(source)
            try:
                exec(_compiled(python, f"{self._path}, cell {number}"), vars(module))
            except Exception as error:
                print(f"{Path(self._path).name}, cell {number}: {type(error).__name__}: {error}")


def _cells(path: str) -> list[str]:
    if os.path.getsize(path) > _MOST_BYTES:
        raise ImportError(f"{Path(path).name} is too large to be imported")
    cells = json.loads(Path(path).read_text(encoding="utf-8")).get("cells", [])
    return ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]


def _compiled(source: bytes | str, path: str) -> types.CodeType:
    tree: Any = ImportRewriter().visit(ast.parse(source, path))
    code: types.CodeType = compile(tree, path, "exec", dont_inherit=True)
    return code


def _compile_file(source: Any, path: Any, mode: str, *args: Any, **kwargs: Any) -> Any:
    """Compile as the builtin does, with the imports of a whole file rewritten."""
    if mode == "exec" and isinstance(source, bytes):
        return _compiled(source, str(path))
    return compile(source, path, mode, *args, **kwargs)
