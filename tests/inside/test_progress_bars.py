"""Progress bars that show nothing, where the real package is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

OURS = Path(__file__).resolve().parents[2] / "grader" / "inside" / "tqdm"


@pytest.fixture
def bars(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location(
        "tqdm", OURS / "__init__.py", submodule_search_locations=[str(OURS)]
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tqdm", module)
    spec.loader.exec_module(module)
    yield module
    for name in [n for n in sys.modules if n.split(".")[0] == "tqdm"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["auto", "notebook", "autonotebook", "std"])
def test_a_loop_over_a_bar_is_the_loop(bars, name):
    module = importlib.import_module(f"tqdm.{name}")
    bar = module.tqdm([3, 4], desc="epoch", leave=False)
    assert (list(bar), bar.n, len(bar)) == ([3, 4], 2, 2)
    assert list(module.trange(2, desc="x")) == [0, 1]


def test_a_bar_that_is_moved_by_hand_counts(bars, capsys):
    with bars.tqdm(total=5, unit="img") as bar:
        bar.update(2)
        bar.set_description("train")
        bar.set_postfix(loss=0.1)
        bars.tqdm.write("a line")
    assert (bar.n, bar.total, bar.desc) == (2, 5, "train")
    assert capsys.readouterr() == ("a line\n", "")
    assert bars.tqdm(), "a bar of unknown length is true, as the real one"
