"""The Python modules of one course, separate from those of every other course.

Checks import `reference` and helper modules by name, and two courses use the same names. While the
modules of a course are active, those of other courses are out of `sys.modules` and out of the path;
afterwards they are back. Modules are kept for each course, so that no file is imported twice.

Here: `sys.modules` and `sys.path`. Not here: where the folders are (`course.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from grader.course import Course, course_folder

_kept: dict[Path, dict[str, ModuleType]] = {}
"""By course, its modules while it is not active."""
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
        """Activate the modules of this course until the block ends.

        Args:
            environment: whether what notebooks may import can be imported as well.
        """
        path, aside = list(sys.path), _taken()
        # the first time: what the process has imported of this course is not imported twice
        ours = {name: module for name, module in aside.items() if self._holds(module)}
        sys.modules.update(_kept.pop(self._course.folder, ours))
        others = _roots - set(self._roots)
        added = map(str, self._roots)
        sys.path[:] = [*added, *(p for p in path if Path(p).resolve() not in others)]
        if environment and self._course.environment.folder is not None:
            sys.path.append(str(self._course.environment.folder))
        try:
            yield
        finally:
            _kept[self._course.folder] = _taken()
            sys.modules.update(aside)
            sys.path[:] = path

    def _holds(self, module: ModuleType) -> bool:
        """Return whether a module's file lies in this course; a package may have none."""
        file = getattr(module, "__file__", None)
        return bool(file) and any(Path(str(file)).is_relative_to(f) for f in self._folders)


def _taken() -> dict[str, ModuleType]:
    """Remove the modules of courses from `sys.modules` and return them."""
    inside = tuple(f"{name}." for name in _names)
    names = [name for name in sys.modules if name in _names or name.startswith(inside)]
    return {name: sys.modules.pop(name) for name in names}
