"""Placeholders for packages that a notebook imports and this machine does not have.

An import that fails in a cell binds a placeholder in place of the package: its attributes, calls,
loops, `with` blocks, decorators and arithmetic do nothing, and the rest of the cell runs. Every use
is recorded with the package's name, so that an answer names the packages it depended on.

Placeholders stay out of `sys.modules`: matplotlib, torch and others look there for packages and
would call them. Here: placeholders, and the notes of their use. Not here: which imports of a cell
may fail (`import_rewriting.py`), what a missing package means for a verdict (trusted side).
"""

from __future__ import annotations

import builtins
import dis
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import nn

NETWORK = "the network"
"""Stands for a network connection among the names of packages."""
NO_NETWORK = "there is no network while a notebook is graded"
_MOST_NOTED = 64
_MOST_NAME = 60
# names of theirs that are not here show something, or belong to a hosted service
PRETENDED = ("google.colab", "IPython.display", "IPython.core.display")
# their calls return what they were given, to be looped over
_PROGRESS = frozenset({"tqdm", "rich", "fastprogress", "alive_progress", "progressbar", "progress"})
_UNPACKED = ("UNPACK_SEQUENCE", "UNPACK_EX")
_noted: dict[str, None] = {}


def note(package: str) -> None:
    """Record the use of a missing package."""
    if len(_noted) < _MOST_NOTED:
        _noted[package[:_MOST_NAME]] = None


def take_notes() -> list[str]:
    """Return the packages that were used since the last call, and forget them."""
    found = list(_noted)
    _noted.clear()
    return found


class Placeholder:
    """Stands for anything of a missing package."""

    _package: str
    _path: str
    _content: Any

    def __init__(self, package: str, path: str, content: object = ()) -> None:
        vars(self).update(_package=package, _path=path, _content=content)

    def __getattr__(self, name: str) -> Any:
        # a protocol that is asked for by name (`__array__`, `_repr_html_`) is not offered
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        package = vars(self).get("_package", "")
        note(package)
        made = Placeholder(package, f"{vars(self).get('_path', '')}.{name}")
        vars(self)[name] = made
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return a placeholder; what it decorates, where it is a decorator."""
        note(self._package)
        # a decorator: `@njit`, `@interact(x=3)`
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType | type):
            return args[0]
        content = args[0] if args and self._package in _PROGRESS else ()
        return Placeholder(self._package, f"{self._path}(...)", content)

    def __iter__(self) -> Iterator[Any]:
        note(self._package)
        wanted = _unpacked_into(sys._getframe(1))
        if wanted:
            return iter([Placeholder(self._package, self._path) for _ in range(wanted)])
        try:
            return iter(self._content)
        except TypeError:
            return iter(())

    def __next__(self) -> Any:
        raise StopIteration

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        note(self._package)
        others = [base for base in bases if isinstance(base, type)]
        first = next(base for base in bases if isinstance(base, Placeholder))
        if first is not self or any(issubclass(base, nn.Module) for base in others):
            return ()
        return (_base_class(self._package, self._path),)

    def __enter__(self) -> Any:
        note(self._package)
        return self

    def __exit__(self, *error: object) -> None: ...

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None: ...

    def __await__(self) -> Any:
        note(self._package)
        yield from ()
        return self

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration

    def __getitem__(self, key: object) -> Any:
        note(self._package)
        return Placeholder(self._package, f"{self._path}[...]")

    def __setitem__(self, key: object, value: object) -> None: ...

    def __delitem__(self, key: object) -> None: ...

    def __contains__(self, item: object) -> bool:
        return False

    def __len__(self) -> int:
        note(self._package)
        return 0

    def __bool__(self) -> bool:
        note(self._package)
        return False

    def __int__(self) -> int:
        note(self._package)
        return 0

    __index__ = __int__

    def __float__(self) -> float:
        note(self._package)
        return 0.0

    def __format__(self, form: str) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"<{self._path}: {self._package} is not installed here>"

    def __instancecheck__(self, value: object) -> bool:
        return False

    def __subclasscheck__(self, kind: type) -> bool:
        return False

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __copy__(self) -> Any:
        return self

    @classmethod
    def __torch_function__(
        cls, function: Any, kinds: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Return a placeholder from any function of torch that is given one."""
        found = _first_in([*args, *(kwargs or {}).values()])
        return NotImplemented if found is None else found._after()

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return self._after()

    def _after(self, *args: Any) -> Any:
        """Return what arithmetic with it gives: another one."""
        note(self._package)
        return Placeholder(self._package, self._path)


_ARITHMETIC = """
add sub mul truediv floordiv mod pow matmul and or xor lshift rshift divmod radd rsub rmul rtruediv
rfloordiv rmod rpow rmatmul rand ror rxor neg pos abs invert round lt le gt ge
"""
for _name in _ARITHMETIC.split():
    setattr(Placeholder, f"__{_name}__", Placeholder._after)


class MissingModule(Placeholder, types.ModuleType):
    """A module of a package that is not here."""

    def __init__(self, package: str, path: str) -> None:
        types.ModuleType.__init__(self, path)
        Placeholder.__init__(self, package, path)
        vars(self).update(__file__=None, __version__="0.0", __path__=[])


def _first_in(values: Any) -> Placeholder | None:
    for value in values:
        if isinstance(value, Placeholder):
            return value
        if isinstance(value, list | tuple) and (found := _first_in(value)) is not None:
            return found
    return None


def _unpacked_into(frame: types.FrameType) -> int:
    """Return how many names a frame is about to bind: `a, b = placeholder`; else 0."""
    code, at = frame.f_code.co_code, frame.f_lasti
    if not 0 <= at < len(code) - 1 or dis.opname[code[at]] not in _UNPACKED:
        return 0
    return code[at + 1]


def _base_class(package: str, path: str) -> type:
    """Return a class to inherit from in the place of a missing one; a module takes layers."""

    def new(kind: Any, *args: Any, **kwargs: Any) -> Any:
        note(package)
        made = object.__new__(kind)
        nn.Module.__init__(made)  # a class of its own need not call the one above
        return made

    def init(self: Any, *args: Any, **kwargs: Any) -> None: ...

    def unknown(self: Any, name: str) -> Any:
        try:
            return nn.Module.__getattr__(self, name)
        except AttributeError:
            if name.startswith("_") or "_modules" not in vars(self):
                raise
        note(package)  # a method of the missing class: `self.log(...)`
        return Placeholder(package, f"{path}.{name}")

    name = path.rsplit(".", 1)[-1]
    return type(name, (nn.Module,), {"__new__": new, "__init__": init, "__getattr__": unknown})


# ---- asked by rewritten imports


class MissingPackages:
    """The packages that a notebook's imports did not find."""

    def __init__(self) -> None:
        self.first_seen: dict[str, tuple[int, str]] = {}
        """By package: the cell of the first import that failed, and its error."""
        self.cell = -1
        self.adapters: dict[str, Callable[[], None]] = {}
        """Called after an installed package was imported."""
        self.rewrite: Callable[[Any], Any] = lambda source: source
        """Rewrites the imports of text that is about to be executed."""
        self._modules: dict[str, MissingModule] = {}
        self._starred: list[str] = []

    def is_missing(self, module: str) -> bool:
        """Return whether the ImportError that is being handled is about a missing package.

        Args:
            module: what was imported, dotted.
        """
        error = sys.exc_info()[1]
        package = _missing_package(module, error)
        if not package:
            return False
        if len(self.first_seen) < _MOST_NOTED:
            told = f"{type(error).__name__}: {error}"[:200]
            self.first_seen.setdefault(package[:_MOST_NAME], (self.cell, told))
        note(package)
        self._modules.setdefault(module, MissingModule(package, module))
        return True

    def module(self, path: str) -> Any:
        """Return what `import path` binds after it was found to be missing: its first part."""
        package = self._modules[path]._package
        root, *below = path.split(".")
        value = sys.modules.get(root) or self._modules.setdefault(root, _new(package, root))
        for number, part in enumerate(below, start=1):
            here = ".".join([root, *below[:number]])
            if here in sys.modules:
                value = sys.modules[here]
                continue
            made = self._modules.setdefault(here, _new(package, here))
            vars(value)[part] = made
            value = made
        return sys.modules.get(root) or self._modules[root]

    def part(self, path: str, name: str = "") -> Any:
        """Return what `from path import name` or `import path as name` binds."""
        module = self._modules[path]
        return getattr(module, name) if name else module

    def fallback(self, path: str, names: Sequence[str]) -> None:
        """Bind names that are missing because a `try` caught the ImportError."""
        for name in names:
            if not hasattr(builtins, name):
                setattr(builtins, name, self._modules[path])

    def imported(self, root: str) -> None:
        """Adapt a package that has just been imported."""
        if adapt := self.adapters.pop(root, None):
            adapt()

    def star(self, path: str) -> None:
        """Note that any name may be one of a missing package: `from path import *`."""
        self._starred.append(path)

    def bind_unknown(self, names: Sequence[str]) -> None:
        """Bind names that a cell uses without definition, if they may belong to a package."""
        if self._starred:
            module = self._modules[self._starred[-1]]
            for name in names:
                if not hasattr(builtins, name):
                    setattr(builtins, name, getattr(module, name))

    def importing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `__import__` or `import_module` that answers for missing packages too."""

        def imported(name: str, *args: Any, **kwargs: Any) -> Any:
            try:
                return function(name, *args, **kwargs)
            except ImportError:
                if not self.is_missing(name):
                    raise
                return self.part(name)

        return imported


def _new(package: str, path: str) -> MissingModule:
    return MissingModule(package, path)


def _missing_package(module: str, error: BaseException | None) -> str:
    """Return the name of the missing package that made an import fail; empty for other errors."""
    for name in PRETENDED:
        if module == name or module.startswith(f"{name}."):
            return name
    named = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    root = named.split(".")[0]
    if not root:
        return ""
    if not _is_here(root):
        # a package that is here and needs one that is not; `_tkinter` is a part of `tkinter`
        first = module.partition(".")[0]
        return first if root == f"_{first}" else root
    # `google.generativeai`, of which another part is here
    folder = getattr(sys.modules.get(root), "__file__", "")
    return named if folder is None and "." in named else ""


def _is_here(root: str) -> bool:
    try:
        return importlib.util.find_spec(root) is not None
    except (ImportError, ValueError, AttributeError):
        return root in sys.modules
