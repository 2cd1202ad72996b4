"""The Python modules of one course, kept apart from those of every other.

Checks import `reference` and helper modules by name, and two courses use the same names. While the
modules of a course are active, those of other courses are out of `sys.modules` and out of the path;
afterwards they are back. Modules are kept for each course, so that no file is imported twice.

Here: `sys.modules` and `sys.path`. Not here: where the folders are (`course.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from grader.course import Course, course_folder

_kept: dict[Path, dict[str, ModuleType]] = {}
"""By course, its modules that stand aside for another course."""
_names: set[str] = set()
"""Names of the packages and modules at the top of any course so far."""
_roots: set[Path] = set()
"""Folders from which any course so far is imported."""


class CourseModules:
    """The modules of one course, active in a `with` block as often as asked."""

    def __init__(self, course: Course) -> None:
        self._course = course
        environment = course.environment.folder
        places = (course.folder, course.reference, environment)
        self._folders = tuple(place for place in places if place is not None)
        self._roots = [course.root]
        if course.reference is not None and course.reference.parent == course.folder:
            self._roots.insert(0, course.folder)
        _roots.update((*self._roots, course_folder().parent.resolve()))
        _names.update(place.name for place in self._folders)
        if environment is not None:
            _roots.add(environment)
            _names.update(path.stem for path in environment.iterdir())

    @contextmanager
    def active(self, *, environment: bool = False) -> Iterator[None]:
        """Hold the modules of this course in place until the block ends.

        Args:
            environment: whether what notebooks may import can be imported as well.
        """
        path = list(sys.path)
        aside = self._take(lambda module: not self._is_ours(module))
        sys.modules.update(_kept.pop(self._course.folder, {}))
        added = [str(root) for root in self._roots]
        others = _roots - set(self._roots)
        sys.path[:] = [*added, *(p for p in path if Path(p).resolve() not in others)]
        if environment and self._course.environment.folder is not None:
            sys.path.append(str(self._course.environment.folder))
        try:
            yield
        finally:
            sys.path[:] = path
            if aside:
                _kept[self._course.folder] = self._take(self._is_ours)
                self._take(lambda module: True)
                sys.modules.update(aside)

    def _is_ours(self, module: ModuleType) -> bool:
        """Say whether a module lies in this course; a package without a file, by its folders."""
        file = getattr(module, "__file__", None)
        try:
            places = [file] if file else list(module.__path__)
        except (AttributeError, KeyError):  # it asks its parent, which may stand aside already
            return False
        return any(Path(p).is_relative_to(folder) for p in places for folder in self._folders)

    @staticmethod
    def _take(wanted: Callable[[ModuleType], bool]) -> dict[str, ModuleType]:
        """Take modules of courses out of `sys.modules`."""
        found = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in _names and wanted(module)
        }
        for name in found:
            del sys.modules[name]
        return found
