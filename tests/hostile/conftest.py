"""Attacks: a body of code, run as a function in a cell; what it returned or raised, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

_AROUND = """
def attack():
{body}

try:
    outcome = repr(attack())
except BaseException as error:
    outcome = f"refused: {{error!r}}"
"""


@pytest.fixture
def attack(run, values) -> Callable[..., str]:
    """Run an attack, then see that the kernel still answers; returns how the attack ended."""

    def make(body: str, **limits) -> str:
        source = _AROUND.format(body=textwrap.indent(textwrap.dedent(body), "    "))
        notebook = run(source, "stands = 1 + 1", **limits)
        assert [cell.status for cell in notebook.cells] == ["ok", "ok"], notebook.cells
        found = values(notebook)
        assert found["stands"] == 2
        return found["outcome"]

    return make
