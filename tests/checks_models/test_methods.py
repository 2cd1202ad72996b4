"""`layer_summary` is found in whatever way a notebook adds it, and only if the notebook does."""

import ast
import sys

import pytest

from grader.course import load_assignment, load_course
from grader.grading.candidates import candidates_for, own_definitions
from grader.guest import environment
from grader.guest.recorder import HOOK, Recorder, StatementReporter
from grader.guest.server import Guest
from grader.kernel.connection import LocalConnection
from grader.kernel.student import Student
from grader.records import Cell

INSIDE = str(load_course().environment.folder)
IMPORTS = "import torch\nfrom torch import nn\nfrom d2l import torch as d2l"
BODY = """layer_summary(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, 'output shape:\\t', X.shape)
"""
WAYS = {
    "the decorator": f"@d2l.add_to_class(d2l.Classifier)\ndef {BODY}",
    "an assignment": f"def {BODY}\nd2l.Classifier.layer_summary = layer_summary",
    "setattr": f"def helper_{BODY}\nsetattr(d2l.Classifier, 'layer_summary', helper_layer_summary)",
    "a plain function": f"def {BODY}",
    "a class of its own": "class Net(d2l.Classifier):\n    def "
    + BODY.replace("\n    ", "\n        "),
    "a lambda": "d2l.Classifier.layer_summary = lambda self, s: print(s)",
}
NOT_WRITTEN = {
    "the library's": "model = d2l.LeNet()\nmodel.layer_summary((1, 1, 28, 28))",
    "another method": "@d2l.add_to_class(d2l.Classifier)\ndef other(self):\n    return 1",
    "a private one": "@d2l.add_to_class(d2l.Classifier)\ndef _layer_summary(self):\n    return 1",
}


@pytest.fixture
def library(monkeypatch):
    """The course library on the path, and its classifier as it was afterwards."""
    monkeypatch.setattr(sys, "path", [INSIDE, *sys.path])
    from d2l import torch as d2l

    monkeypatch.setattr(environment, "current", environment.use("course_setup"))
    before = dict(vars(d2l.Classifier))
    yield
    for name in set(vars(d2l.Classifier)) - set(before):
        delattr(d2l.Classifier, name)
    d2l.Classifier.layer_summary = before["layer_summary"]


def candidates(*cells):
    recorder = Recorder({})
    recorder.namespace[HOOK] = recorder.statement_done
    for number, source in enumerate(cells):
        recorder.begin(number, source)
        tree = StatementReporter().visit(ast.parse(source))
        exec(compile(tree, f"<cell {number}>", "exec"), recorder.namespace)
        recorder.end()
    catalog = Student(LocalConnection(Guest(recorder)), {}).catalog()
    own = own_definitions(catalog, [Cell(i, "code", s) for i, s in enumerate(cells)])
    (exercise,) = load_assignment("cnn").only(["layer_summary"]).exercises
    return candidates_for(exercise, own)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("source", WAYS.values(), ids=WAYS)
def test_a_method_of_the_notebook_is_found_with_its_cell(source):
    assert {(c.name, c.cell) for c in candidates(IMPORTS, source)} == {("layer_summary", 1)}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("source", NOT_WRITTEN.values(), ids=NOT_WRITTEN)
def test_what_the_notebook_did_not_write_is_not_found(source):
    assert candidates(IMPORTS, source) == []
