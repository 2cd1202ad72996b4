"""The notebook of the documentation runs on a gradebook, in a folder as a reader has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "analysis.ipynb"
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120).execute()
nbformat.write(notebook, sys.argv[2])
"""


def test_the_class_is_analysed_by_the_notebook_of_the_documentation(tmp_path, class_of_five, order):
    with Gradebook.open(tmp_path / "reports" / "latest" / GRADEBOOK) as gradebook:
        run = gradebook.start_run("cnn", options={"exercises": ",".join(order)})
        for result in class_of_five:
            gradebook.save(result, run)
    executed = tmp_path / "executed.ipynb"
    # in a process of its own: nbclient leaves the sockets of a kernel open
    subprocess.run(
        [sys.executable, "-c", EXECUTE, NOTEBOOK, executed], cwd=tmp_path, check=True, timeout=300
    )
    notebook = nbformat.read(executed, as_version=4)
    shown = [
        "".join(output["data"].get("text/plain", ""))
        for cell in notebook.cells if cell.cell_type == "code"
        for output in cell.outputs if "data" in output
    ]  # fmt: skip
    assert "김민수" in shown[0]
    assert "corr2d" in shown[3]


def test_the_notebook_is_kept_without_outputs_and_needs_ten_lines():
    cells = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)
    lines = [line for cell in cells for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 12
