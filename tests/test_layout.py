"""The shape of the project: files stay short, the reference stands alone, no text names a machine.

That imports point one way is checked by import-linter (`pyproject.toml`, `make check`).
"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("grader", "reference", "exercises")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("grader", "reference")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "library" not in path.parts  # it stands in for other packages
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from grader import errors` names a module, `from grader.errors import X` does not
            dotted = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in MODULES else node.module for name in dotted)


def ours(module: str) -> set[str]:
    return {name for name in imports(MODULES[module]) if name.split(".")[0] in OURS}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("reference")])
def test_the_reference_knows_torch_only(module):
    used = {name.split(".")[0] for name in imports(MODULES[module])}
    assert used - sys.stdlib_module_names <= {"torch", "reference"}


# a student gets it as one file, which needs no other
ONE_FILE = {"grader.selfcheck.student_file": 500}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_stays_short(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= ONE_FILE.get(module, 400)
    assert ast.get_docstring(ast.parse(text)), "it says what lives in it"


COURSE_WORDS = re.compile(
    r"d2l|fashion|mnist|cifar|lenet|vgg|resnet|clothes|\b(28|96|224)(x\1)?\b", re.IGNORECASE
)


@pytest.mark.parametrize("suffix", [".py", ".html", ".css"])
def test_the_grader_names_nothing_of_a_course(suffix):
    guilty = []
    for path in sorted((ROOT / "grader").rglob(f"*{suffix}")):
        place = path.relative_to(ROOT / "grader")
        # a wheel holds the course in there; numbers of system calls are no sizes of images
        if place.parts[0] == "course" or place == Path("sandbox/syscalls.py"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            # in a style sheet a number is a length
            if (found := COURSE_WORDS.search(line)) and not (suffix != ".py" and found[1]):
                guilty.append(f"{place}:{number}: {line.strip()}")
    assert guilty == []


def test_no_text_names_a_machine_or_a_package_host():
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    names = re.compile(rb"(?<![\w./}-])/(?:work|root)/|py" rb"pi\.org|python" rb"hosted\.org")
    guilty = []
    for name in found.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and names.search(path.read_bytes()):
            guilty.append(name)
    assert guilty == []


def modules_of_exercises() -> list[Path]:
    found = sorted((ROOT / "exercises").rglob("*.py"))
    # what notebooks import runs beside them, and lives on the guest's settings
    return [path for path in found if "environment" not in path.parts]


@pytest.mark.parametrize("path", modules_of_exercises(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_an_exercise_imports_the_grader_by_one_door(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named = {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            named = {node.module or ""}
        else:
            continue
        packages = {name for name in named if name.split(".")[0] in ("grader", "reference")}
        assert packages <= {"grader.checks", "reference"}, f"line {node.lineno}"


def test_the_door_for_authors_lists_what_it_exports_and_documents_it():
    door = importlib.import_module("grader.checks")
    exported = [name for name, value in vars(door).items() if not isinstance(value, ModuleType)]
    assert set(door.__all__) == {name for name in exported if not name.startswith("__")}
    undocumented = [
        name
        for name in door.__all__
        if callable(getattr(door, name)) and not inspect.getdoc(getattr(door, name))
    ]
    assert undocumented == []
    guide = inspect.getdoc(door) or ""
    for name in door.__all__:
        assert re.search(rf"\b{name}\b", guide), f"the guide of grader.checks leaves out {name}"
