"""The reference stands alone: it imports torch and itself, and exports what it says."""

import ast
from pathlib import Path

import reference

FOLDER = Path(reference.__file__).parent


def test_the_reference_knows_torch_only():
    allowed = {"__future__", "collections", "copy", "dataclasses", "math", "typing"}
    for path in FOLDER.glob("*.py"):
        assert _imports(path) <= allowed | {"torch", "reference"}, path.name


def _imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


def test_every_exported_name_exists_and_is_listed_once():
    assert len(reference.__all__) == len(set(reference.__all__))
    assert all(hasattr(reference, name) for name in reference.__all__)
