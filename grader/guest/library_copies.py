"""Inside the sandbox: notices answers that run a copy of code of the course's library.

A function of the library can be copied: its code object, its source text, its module loaded a
second time, layers out of an object that its class made. A copy may be changed before it runs: its
text or syntax tree edited, a step added, names replaced. Copies answer no exercise. The book's code
typed into a cell equals the library's too, and is right. So the rule is: code that holds most of
the steps of a hidden function answers only if the text of the notebook, of a file handed in with
it, or of an installed package, holds exactly that code.

Here: watching the code that runs during an answer, and marking the layers that a class of the
library registers. Not here: which functions are hidden for which exercise (`library_answers.py`),
comparing two codes (`code_steps.py`).
Not covered: a copy in which half of the steps are replaced by others. One in another process is
ended before it is asked (`OpenNotebook`).
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn
from torch.nn.modules import module as hooks

from grader.guest.code_steps import Form, form_of, forms_in, in_common, names_of, steps_of

_FEWEST_STEPS = 12  # `return self.net(x)` is written alike by everyone
_ALIKE = 0.6  # of the steps of a hidden function, in order, make a code a copy of it
_NAMES_ALIKE = 0.4  # of the names that it uses; few codes are then compared step by step
_MOST_FILES, _MOST_BYTES = 50, 1 << 20
_MARK = "_registered_by_the_library"
_number_of = object.__hash__
"""Returns what `id` returns, as another number, and is no event that wakes an audit hook."""


class CopyOfLibrary(RuntimeError):
    """An answer ran code of the course's library that the notebook's text does not hold."""


class _Escapes:
    """Counts, in this process, what code does to run without a trace; it cannot be taken away."""

    def __init__(self) -> None:
        self.count = 0
        self.of_threads = 0
        """Of other threads: started without `threading`, or with their trace changed."""
        self._thread_now = _thread.get_ident  # names in `threading` can be replaced

        # reading the code of a frame is an event too, at every call of an answer: a function with
        # one test takes a third of the time that a method takes
        def note(event: str, args: tuple[Any, ...]) -> None:
            if event == "sys.settrace":
                self._note_trace(sys._getframe(1).f_code)

        sys.addaudithook(note)

    def _note_trace(self, code: types.CodeType) -> None:
        """Count a trace function that this code has set."""
        if code is _STARTS:  # each thread sets its own as it begins
            return
        if self._thread_now() == _MAIN:
            self.count += 1
        else:
            self.of_threads += 1

    def watch_starts(self) -> None:
        """Count threads that start without `threading`; its own set the trace of each thread."""
        start = _thread.start_new_thread
        if isinstance(start, types.FunctionType):  # done before
            return

        def start_new_thread(*args: Any, **named: Any) -> int:
            self.of_threads += sys._getframe(1).f_code is not threading.Thread.start.__code__
            return start(*args, **named)

        for module, name in ((_thread, "start_new_thread"), (_thread, "start_new"),
                             (threading, "_start_new_thread")):  # fmt: skip
            setattr(module, name, start_new_thread)


@dataclass(frozen=True)
class _Hidden:
    """A code of the library that answers nothing, by the name of its function or class."""

    name: str
    names: frozenset[str]
    steps: tuple[str, ...]

    def is_in(self, code: types.CodeType, names: frozenset[str]) -> bool:
        """Return whether a code holds most of these steps, in order."""
        if len(names & self.names) < _NAMES_ALIKE * len(self.names):
            return False
        return in_common(self.steps, steps_of(code)) >= _ALIKE * len(self.steps)


class LibraryCopies:
    """Watches answers for copies of the functions that are hidden."""

    def __init__(self, classes: Iterable[type], library: Iterable[types.CodeType]) -> None:
        found = [c for c in classes if issubclass(c, nn.Module)]
        # a base class of the library registers the layers of the notebook's own models
        last = [c for c in found if not any(o is not c and issubclass(o, c) for o in found)]
        self._classes = {place: c for c in last if (place := _place_of(c))}
        self._class_names = {c.__name__ for c in self._classes.values()}
        self._codes = list(library)
        self._allowed: set[int] = set()
        """The numbers of the library's code objects that may run."""
        self._hidden: list[_Hidden] = []
        self._made: dict[tuple[str, int], _Hidden] = {}
        self._names: frozenset[str] = frozenset()
        self._compared: dict[int, tuple[types.CodeType, str]] = {}
        """By its number, a code that ran, and what it is a copy of; kept, and so is its number."""
        self._own: dict[int, types.CodeType] = {}
        """By its number, a code that a package or one of these texts holds."""
        self._texts: dict[int, str] = {}
        self._makers: WeakKeyDictionary[type, str] = WeakKeyDictionary()
        self._ran: dict[int, types.CodeType] | None = None
        self._called = self._note  # one object, to be recognised
        self._threads_before = _escapes.of_threads
        if self._codes:  # threads that a cell starts may answer later
            threading.settrace(self._called)
            _escapes.watch_starts()
        here = Path(os.getcwd())
        self._files = _texts_below(here)
        self._packages = _folders_of_packages(here)
        self._of_library = {code.co_filename for code in self._codes}
        self._known: dict[str, frozenset[Form]] = {}
        if self._classes:
            hooks.register_module_module_registration_hook(self._mark)

    def hide(self, functions: Mapping[str, Sequence[types.CodeType]]) -> None:
        """Watch for copies of these codes, by the name of the function or class."""
        self._names = frozenset(functions)
        self._compared = {}
        hidden = {_number_of(code) for codes in functions.values() for code in codes}
        self._allowed = {_number_of(code) for code in self._codes if _number_of(code) not in hidden}
        made = [self._hidden_as(name, code) for name, codes in functions.items() for code in codes]
        self._hidden = [one for one in made if len(one.steps) >= _FEWEST_STEPS]

    def _hidden_as(self, name: str, code: types.CodeType) -> _Hidden:
        """Return a code of the library by the name that it is hidden by; its steps are kept."""
        key = name, _number_of(code)
        if key not in self._made:
            self._made[key] = _Hidden(name, names_of(code), steps_of(code))
        return self._made[key]

    @contextmanager
    def watched(self, texts: Mapping[int, str]) -> Iterator[None]:
        """Run an answer; refuse it where it ran a copy.

        Args:
            texts: the Python of the notebook's cells.

        Raises:
            CopyOfLibrary: a copy ran, layers of the library answered, or the answer turned the
                watch off.
        """
        if not self._names:
            yield
            return
        ran = self._ran = {}
        layers: set[str] = set()

        noting = self._noting_layers(layers) if self._names & self._class_names else nullcontext()
        traced = sys.gettrace()
        sys.settrace(self._called)
        threading.settrace(self._called)
        before_it = _escapes.count
        try:
            with noting:
                yield
        finally:
            watching = sys.gettrace() is self._called and _escapes.count == before_it
            sys.settrace(traced)
            self._ran = None
        copies = [(code, name) for code in list(ran.values()) if (name := self._copied(code))]
        for code, name in copies:
            if not self._is_own(code, texts):
                raise CopyOfLibrary(_said(name))
        if layers:
            raise CopyOfLibrary(_said(min(layers)))
        if not watching:
            raise CopyOfLibrary("this answer calls sys.settrace; leave that to a debugger")
        if _escapes.of_threads > self._threads_before:
            raise CopyOfLibrary("the notebook starts a thread without the module threading")

    @contextmanager
    def _noting_layers(self, layers: set[str]) -> Iterator[None]:
        """Note the hidden classes whose layers run."""

        def before(module: nn.Module, given: object) -> None:
            name = vars(module).get(_MARK)
            if name in self._names:
                layers.add(str(name))

        hook = hooks.register_module_forward_pre_hook(before)
        try:
            yield
        finally:
            hook.remove()

    def _note(self, frame: types.FrameType, event: str, argument: object) -> None:
        """Note a call, of an answer or of a thread beside it."""
        ran = self._ran
        if ran is not None:
            code = frame.f_code
            ran[_number_of(code)] = code

    def _copied(self, code: types.CodeType) -> str:
        """Return the hidden function or class whose steps a code holds; empty for none."""
        if _number_of(code) in self._allowed:
            return ""
        if _number_of(code) not in self._compared:
            names = names_of(code)
            found = (one.name for one in self._hidden if one.is_in(code, names))
            self._compared[_number_of(code)] = code, next(found, "")
        return self._compared[_number_of(code)][1]

    def _is_own(self, code: types.CodeType, texts: Mapping[int, str]) -> bool:
        """Return whether a cell, a file handed in or an installed package holds a code."""
        if texts != self._texts:
            self._texts, self._own = dict(texts), {}
        if _number_of(code) not in self._own:
            form = form_of(code)
            written = sorted((*texts.values(), *self._files), key=lambda t: code.co_name not in t)
            if not any(form in self._forms_of(t) for t in written) and not self._is_installed(code):
                return False
            self._own[_number_of(code)] = code
        return True

    def _forms_of(self, text: str) -> frozenset[Form]:
        """Return the forms of a text, which is compiled for the first question only."""
        if text not in self._known:
            self._known[text] = frozenset(forms_in(text))
        return self._known[text]

    def _is_installed(self, code: types.CodeType) -> bool:
        """Return whether an installed package, other than the library, holds a code in its file."""
        file = Path(code.co_filename)
        if code.co_filename in self._of_library or not self._packages & set(file.parents):
            return False
        return form_of(code) in forms_in(_text_of(file))

    def _mark(self, parent: nn.Module, name: str, child: nn.Module | None) -> None:
        """Mark a layer that a class of the library registers, and the layers in it."""
        kind = type(parent)
        if kind not in self._makers:
            self._makers[kind] = self._maker(kind)
        if self._makers[kind] and isinstance(child, nn.Module):
            for layer in child.modules():
                vars(layer).setdefault(_MARK, self._makers[kind])

    def _maker(self, kind: type) -> str:
        """Return the class of the library that builds objects of this class; empty for none."""
        places = [place for base in kind.__mro__ if (place := _place_of(base))]
        return next((self._classes[p].__name__ for p in places if p in self._classes), "")


def _place_of(kind: type) -> tuple[str, int] | None:
    """Return file and line of a class's constructor: a module loaded again has the same."""
    init = vars(kind).get("__init__")
    if not isinstance(init, types.FunctionType):
        return None
    return init.__code__.co_filename, init.__code__.co_firstlineno


def _texts_below(folder: Path) -> list[str]:
    """Return the Python files of a folder as they are now."""
    return [_text_of(file) for file in sorted(folder.glob("*.py"))[:_MOST_FILES]]


def _text_of(file: Path) -> str:
    """Return the text of a file; empty for one that is too large or is not there."""
    if not file.is_file() or file.stat().st_size > _MOST_BYTES:
        return ""
    return file.read_text(encoding="utf-8", errors="replace")


def _folders_of_packages(here: Path) -> set[Path]:
    """Return the folders of the search path in which a notebook cannot write."""
    folders = {Path(place) for place in sys.path if os.path.isabs(place)}
    folders.add(Path(__file__).parents[1])
    return {folder for folder in folders if folder != here and here not in folder.parents}


def _said(name: str) -> str:
    return (
        f"this answer runs the course library's own {name}; write yours in a cell of the notebook"
    )


_MAIN = threading.main_thread().ident
_STARTS = threading.Thread._bootstrap_inner.__code__  # type: ignore[attr-defined]
_escapes = _Escapes()
