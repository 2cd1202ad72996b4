"""Uses of pytest beyond its public interface.

`pytest.main` collects anew for every run, which costs more than the checks themselves; here a
session is opened once, and its items are run as often as there are notebooks. Covered by
`tests/test_third_party_internals.py`. Not here: what is collected, and what a run means
(`check_session.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from _pytest.config import _prepareconfig
from _pytest.runner import runtestprotocol

_OF_A_PERSON = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def configure(arguments: Sequence[str], plugins: Sequence[object]) -> pytest.Config:
    """Return the configuration of a command line, with plugins registered and configured.

    Call `unconfigure` when it is done with.
    """
    # what a person wants of their own pytest decides no grade
    with _without(*_OF_A_PERSON):
        # xdist configures the sessions of its workers this way too
        config = _prepareconfig(list(arguments), list(plugins))
    config._do_configure()
    # a verdict is told by its error: pytest's own view of a traceback takes 30 ms for each
    config.option.tbstyle = "native"
    return config


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Take variables out of the environment, and put them back."""
    held = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)


def unconfigure(config: pytest.Config) -> None:
    """Unconfigure all plugins of a configuration."""
    config._ensure_unconfigure()


def run_item(item: pytest.Function) -> None:
    """Run one collected test: set up its fixtures, call it, tear them down.

    A second run of the same item begins with fresh fixtures. Hooks get the reports made, as in any
    run. Unlike `pytest_runtest_protocol`, the public hook, it logs nothing and computes no
    explanation of what an `assert` compared, which can take seconds for long values.
    """
    runtestprotocol(item, nextitem=None, log=False)
    # pytest keeps the last error for a debugger, and with it all that the test's frames hold
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)
