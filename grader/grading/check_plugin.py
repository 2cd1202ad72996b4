"""Runs checks inside pytest: the `student` fixture, and checks that end in verdicts.

`CheckSession` (`check_session.py`) grades with it; `pytest --submission` (`pytest_plugin.py`)
debugs with it. Here: hooks and fixtures. Not here: drawing and shrinking (`checks/properties.py`),
points (`check_session.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest

from grader.checks.decorator import check_of
from grader.checks.properties import PROFILE, SHRINK_S, Properties, is_property
from grader.records import DEFAULT_SEED

ERROR = pytest.StashKey[BaseException]()


class CheckPlugin:
    """Runs checks on a student."""

    def __init__(self, seed: int = DEFAULT_SEED, shrink_s: float = SHRINK_S) -> None:
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
        fixtures = {name: pyfuncitem.funcargs[name] for name in fixtures_of(check)}
        if is_property(check):
            self.properties.run(check, fixtures)
        else:
            check(**fixtures)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Keep the exception: verdicts are never derived from printed text."""
        if call.excinfo is not None:
            item.stash[ERROR] = call.excinfo.value


def fixtures_of(check: Callable[..., Any]) -> list[str]:
    """Return the parameters of a test function that pytest fills in, without those of `@given`."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(check).parameters.values()
    return [p.name for p in parameters if p.kind in named and p.default is p.empty]
