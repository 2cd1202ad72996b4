"""The notebook handed out and the class of invented students that the project is shown with."""

import json
from pathlib import Path

import nbformat
import pytest

from grader.course import load_assignment
from grader.reading.submissions import find_submissions
from grader.reading.written_answers import collect_answers

ASSIGNMENT = load_assignment("cnn")
CLASS = ASSIGNMENT.course.root / "submissions" / "cnn"
BLANK = {"hugo-v", "inga-l"}  # two bytes; JSON that is no notebook
HANDED_IN = sorted(CLASS.glob("*/hw2.ipynb"))
NOTEBOOKS = [path for path in HANDED_IN if path.parent.name not in BLANK]


def code(path: Path) -> str:
    cells = nbformat.read(path, nbformat.NO_CONVERT).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name)
def test_a_notebook_is_valid_and_carries_no_grader_metadata(path):
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert not any("nbgrader" in cell.metadata for cell in notebook.cells)
    assert "d2l" in code(path)


def test_the_class_holds_what_a_grader_has_to_cope_with():
    assert len(HANDED_IN) >= 12
    assert {path.parent.name for path in HANDED_IN} >= BLANK
    assert (CLASS / "hugo-v" / "hw2.ipynb").stat().st_size == 2
    assert "cells" not in json.loads((CLASS / "inga-l" / "hw2.ipynb").read_text())
    sources = "\n".join(code(path) for path in NOTEBOOKS)
    for oddity in ("%pip", "!pip", "google.colab", "while ", "d2l.Trainer"):
        assert oddity in sources, oddity


def test_the_notebook_handed_out_names_every_function_and_solves_none():
    path = ASSIGNMENT.folder / "cnn.ipynb"
    nbformat.validate(nbformat.read(path, 4))
    source = code(path)
    functions = [e for e in ASSIGNMENT.exercises if e.kind not in ("values", "answers")]
    for exercise in functions:
        assert f"def {exercise.names[0]}(" in source or f"class {exercise.names[0]}(" in source
    # Conv2D and Residual have two methods
    assert source.count("raise NotImplementedError") == len(functions) + 2


def test_the_notebook_handed_out_asks_for_text_in_every_section():
    path = ASSIGNMENT.folder / "cnn.ipynb"
    (found,) = find_submissions([path], assignment="cnn")
    asked = collect_answers(found.cells)
    assert {answer.section for answer in asked} == {"7.2", "7.3", "7.4", "7.5", "7.6", "8.2", "8.6"}
    assert {answer.state for answer in asked} == {"empty"}
