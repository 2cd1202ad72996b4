"""The pytest plugin: the `student` fixture, and checks that end in verdicts.

It serves two masters. `CheckSession` (`session.py`) grades with it. And an instructor debugs with
it: `pytest exercises/cnn/corr2d --submission hw2.ipynb` runs the checks of an exercise on one
notebook, with everything pytest offers.

Here: hooks and fixtures. Not here: drawing and shrinking (`properties.py`), points (`session.py`).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from grader.checks.marks import check_of
from grader.checks.properties import PROFILE, Properties, is_property
from grader.errors import GraderError
from grader.plan import DEFAULT_SEED

ERROR = pytest.StashKey[BaseException]()


class CheckPlugin:
    """Runs checks on whatever student it is given."""

    def __init__(self, seed: int = DEFAULT_SEED, shrink_s: float = 10.0) -> None:
        self.current: Any = None
        self.properties = Properties(seed, shrink_s=shrink_s)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Fix how Hypothesis draws, before any check module is imported."""
        before = hypothesis.settings.get_current_profile_name()
        hypothesis.settings.load_profile(PROFILE)
        config.add_cleanup(lambda: hypothesis.settings.load_profile(before))

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        """Return the notebook that is being graded."""
        if self.current is None:
            pytest.skip("no notebook is being graded: give one with --submission hw2.ipynb")
        return self.current

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a check; a property is replayed rather than drawn anew."""
        check = pyfuncitem.obj
        if check_of(check) is None:
            return None
        names = pyfuncitem._fixtureinfo.argnames
        fixtures = {name: pyfuncitem.funcargs[name] for name in names}
        if is_property(check):
            self.properties.run(check, fixtures)
        else:
            check(**fixtures)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Keep the error itself: a verdict is never read from printed text."""
        if call.excinfo is not None:
            item.stash[ERROR] = call.excinfo.value


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--submission`, for people who debug checks."""
    parser.addoption("--submission", type=Path, help="a notebook to run the checks on")


def pytest_configure(config: pytest.Config) -> None:
    """Grade the notebook that was given with `--submission`."""
    path = config.getoption("--submission", None)
    plugin = _OneSubmission(path) if path else CheckPlugin()
    config.pluginmanager.register(plugin, "grader-checks")


class _OneSubmission(CheckPlugin):
    """The checks of one run of pytest, all on one notebook."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._open = ExitStack()
        self._notebook: Any = None

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        """Return the student, with the candidate for the exercise of this test."""
        if self._notebook is None:
            self._notebook = self._run_once()
        return self._notebook.student_for(request.path.parent)

    def pytest_unconfigure(self) -> None:
        """End the notebook's kernel."""
        self._open.close()

    def _run_once(self) -> Any:
        """Run the notebook, in the sandbox, and keep its kernel for all checks."""
        from grader.grading import opened_for_debugging  # noqa: PLC0415  (only then torch is paid)

        try:
            return self._open.enter_context(opened_for_debugging(self._path))
        except GraderError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
