"""How other autograders are set up for the six questions, started, and read.

Here: their environments, their files, the tests they run. Not here: measuring (`others.py`).
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from _measure import Spent, measured
from _notebooks import ANSWERS, IMPORTS, SIX, answers_of, failing

NBGRADER, OTTER = "nbgrader==0.9.6", "otter-grader==7.0.0"

_CALLS = {
    "corr2d": ("F.conv2d(X[None, None], K[None, None])[0, 0]", "(h + 2, w + 1)", "(h, w)"),
    "corr2d_multi_in": ("F.conv2d(X[None], K[None])[0, 0]", "(c, h + 2, w + 1)", "(c, h, w)"),
    "corr2d_multi_in_out": ("F.conv2d(X[None], K)[0]", "(c, h + 2, w + 1)", "(2, c, h, w)"),
    "corr2d_multi_in_out_1x1": ("F.conv2d(X[None], K)[0]", "(c, h + 2, w + 1)", "(2, c, 1, 1)"),
}
_DRAWN = """import torch
from torch.nn import functional as F
torch.manual_seed(0)
for c, h, w in ((1, 1, 1), (2, 1, 2), (2, 2, 2), (3, 2, 3), (3, 3, 2)):
"""


def activated(python: Path) -> dict[str, str]:
    """Return the variables with which programs of an environment find each other."""
    return {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def test_of(name: str) -> str:
    """Return the test of a question: five examples, compared with torch's own function."""
    if name in _CALLS:
        due, x, k = _CALLS[name]
        body = (
            f"X = torch.randint(-5, 6, {x}).float()",
            f"K = torch.randint(-5, 6, {k}).float()",
            f"assert torch.allclose({name}(X, K), {due})",
        )
    elif name == "pool2d":
        body = (
            "X = torch.randint(-5, 6, (h + 2, w + 1)).float()",
            "due = F.max_pool2d(X[None], (h, w), stride=1)[0]",
            "assert torch.allclose(pool2d(X, (h, w)), due)",
            "due = F.avg_pool2d(X[None], (h, w), stride=1)[0]",
            "assert torch.allclose(pool2d(X, (h, w), 'avg'), due, atol=1e-6)",
        )
    else:
        body = (
            "layer = torch.nn.Conv2d(1, 1, (h, w), padding=c)",
            "X = torch.randn(h + 2, w + 1)",
            "assert torch.allclose(comp_conv2d(layer, X), layer(X[None, None])[0, 0])",
        )
    return _DRAWN + "".join(f"    {line}\n" for line in body)


def environment(folder: Path, requirement: str) -> Path:
    """Return the Python of an environment with a tool; made on first use, torch taken from ours."""
    home = folder / requirement.replace("==", "-")
    python = home / "bin" / "python"
    ours = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages" / "ours.pth"
    if not ours.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, requirement, "ipykernel"], check=True)
        # last, so that pip takes nothing of ours for its own; what the tool brings goes first
        ours.write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return python


@dataclass(frozen=True)
class Tool:
    """Another autograder with a class to grade."""

    name: str
    run: Callable[[], Spent]
    found: Callable[[], list[int]]
    """How many questions each student answered right, after a run."""

    def compare(self) -> None:
        """Raise where it found anything but what is right."""
        found = self.found()
        due = [6 - failing(n) if n % 2 else 6 for n in range(len(found))]
        assert found, f"{self.name} graded nothing"
        assert found == due, f"{self.name}: {found}, not {due}"


def nbgrader_class(home: Path, count: int, python: Path) -> Tool:
    """Return nbgrader with its class; the version of the instructor is generated here."""
    home.mkdir()
    (home / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "course"\n', encoding="utf-8"
    )
    _write(home / "source" / "hw2" / "hw2.ipynb", _nbgrader_cells(ANSWERS))
    tool = [str(python), "-m", "nbgrader"]
    env = activated(python)

    def prepare(*words: str) -> None:
        subprocess.run(
            [*tool, *words], cwd=home, env=os.environ | env, check=True, capture_output=True
        )

    prepare("generate_assignment", "hw2")
    for number in range(count):
        cells = _nbgrader_cells(answers_of(number, wrong=number % 2 == 1))
        _write(home / "submitted" / _student(number) / "hw2" / "hw2.ipynb", cells)
    fresh = home.with_name("nbgrader-fresh")
    shutil.copytree(home, fresh)

    def run() -> Spent:
        shutil.rmtree(home)
        shutil.copytree(fresh, home)
        return measured([*tool, "autograde", "hw2"], cwd=home, env=env)

    def found() -> list[int]:
        prepare("export")
        with (home / "grades.csv").open(encoding="utf-8") as rows:
            scores = {row["student_id"]: row["score"] for row in csv.DictReader(rows)}
        return [round(float(scores[_student(number)] or -1)) for number in range(count)]

    return Tool(f"nbgrader {_version(NBGRADER)}", run, found)


def otter_class(home: Path, count: int, python: Path) -> Tool:
    """Return otter with its class and its archive of tests."""
    for number in range(count):
        answers = answers_of(number, wrong=number % 2 == 1)
        _write(home / _student(number) / "hw2.ipynb", _plain_cells(answers, tests=False))
    archive = home / "autograder.zip"
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("otter_config.json", json.dumps({"lang": "python", "pdf": False}))
        files.writestr("requirements.txt", "")
        for name in SIX:
            files.writestr(f"tests/{name}.py", _otter_test(name))
    command = "for one in */; do otter run -a autograder.zip -o $one --no-logo $one/hw2.ipynb; done"
    command = command.replace("otter run", f"{python} -m otter run")

    def run() -> Spent:
        return measured(["sh", "-e", "-c", command], cwd=home, env=activated(python))

    def found() -> list[int]:
        results = [home / _student(number) / "results.json" for number in range(count)]
        read = [json.loads(path.read_text(encoding="utf-8")) for path in results]
        return [round(sum(test.get("score", 0) for test in one["tests"])) for one in read]

    return Tool(f"otter-grader {_version(OTTER)}", run, found)


def nbclient_class(home: Path, count: int, python: Path) -> Tool:
    """Return plain nbclient: one process runs every notebook with the tests at its end."""
    for number in range(count):
        answers = answers_of(number, wrong=number % 2 == 1)
        _write(home / f"{_student(number)}.ipynb", _plain_cells(answers, tests=True))
    program = home / "run.py"
    program.write_text(_NBCLIENT, encoding="utf-8")

    def run() -> Spent:
        return measured([str(python), str(program)], cwd=home)

    def found() -> list[int]:
        return list(json.loads((home / "found.json").read_text(encoding="utf-8")))

    return Tool("nbclient, nothing else", run, found)


_NBCLIENT = """import json
from pathlib import Path
import nbformat
from nbclient import NotebookClient
found = []
for path in sorted(Path().glob("*.ipynb")):
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, allow_errors=True, timeout=120, kernel_name="python3").execute()
    errors = [o for c in notebook.cells for o in c.outputs if o.output_type == "error"]
    found.append(6 - len(errors))
Path("found.json").write_text(json.dumps(found))
"""


def _otter_test(name: str) -> str:
    """Return a test file: a function that takes the names it needs from the notebook."""
    body = "".join(f"    {line}\n" for line in test_of(name).splitlines())
    return (
        "from otter.test_files import test_case\n"
        f"OK_FORMAT = False\nname = {name!r}\npoints = 1\n"
        f"@test_case(points=1, hidden=False)\ndef test_examples({name}):\n{body}"
    )


def _nbgrader_cells(answers: dict[str, str]) -> list[nbformat.NotebookNode]:
    cells = [nbformat.v4.new_code_cell(IMPORTS)]
    for name, answer in answers.items():
        for source, grade in ((answer, False), (test_of(name), True)):
            about = {
                "schema_version": 3, "grade": grade, "solution": not grade, "locked": grade,
                "task": False, "grade_id": f"{name}-test" if grade else name,
                **({"points": 1} if grade else {}),
            }  # fmt: skip
            text = source if grade else f"### BEGIN SOLUTION\n{source}### END SOLUTION\n"
            cells.append(nbformat.v4.new_code_cell(text, metadata={"nbgrader": about}))
    return cells


def _plain_cells(answers: dict[str, str], *, tests: bool) -> list[nbformat.NotebookNode]:
    sources = [IMPORTS, *answers.values(), *(map(test_of, SIX) if tests else ())]
    return [nbformat.v4.new_code_cell(source) for source in sources]


def _write(path: Path, cells: list[nbformat.NotebookNode]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    nbformat.write(notebook, path)


def _student(number: int) -> str:
    return f"student-{number:04}"


def _version(requirement: str) -> str:
    return requirement.rpartition("=")[2]
