"""What a notebook used that this machine does not have, and who pays for it."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.grading.missing_packages import Blame
from grader.grading.plan import Plan
from grader.kernel.observations import Lacking
from grader.reading.submissions import find_submissions
from grader.records import Cell, CellRun, CheckResult
from grader.runs import pipeline
from grader.verdict import Status, Verdict

RIGHT = "def double(x): return 2 * x"
OTHERS = "def quadruple(x): return 4 * x\nimport torch\ndef ones(n): return torch.ones(n)"


def verdicts(result, exercise="double"):
    (found,) = (e for e in result.exercises if e.exercise == exercise)
    return {check.verdict for check in found.checks}, " ".join(c.message for c in found.checks)


@pytest.mark.parametrize(
    "cell",
    [
        "import seaborn as sns, cv2\nsns.set_theme()\ncv2.imshow('x')",
        "from sklearn.metrics import confusion_matrix as c\na, b = c(1)\nfor x in a: pass",
        "from torchsummary import summary\nsummary(1, (1, 28, 28))",
        "from google.colab import auth, userdata\nauth.authenticate_user()\nuserdata.get(1)",
        "import google.generativeai as genai\ngenai.configure(x=1)",
        "from ipywidgets import interact, widgets\n@interact(x=(0, 3))\ndef shown(x): pass",
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
        "plt.switch_backend('Qt5Agg')\nplt.plot([1])\nplt.show()",
        "from IPython.display import set_matplotlib_formats\nset_matplotlib_formats('svg')",
        "from IPython.display import HTML, Video, YouTubeVideo, clear_output\nclear_output()\n"
        "HTML('<b>'), YouTubeVideo('x')",
        "%load_ext tensorboard\n%tensorboard --logdir runs",
        "import wandb\nwandb.init(project='x')\nwandb.log({'loss': 1.0})\nwandb.finish()",
        "from torch.utils.tensorboard import SummaryWriter\nSummaryWriter('r').add_scalar('a', 1)",
        "import numba\n@numba.njit\ndef helper(x): return x",
        "open('out/deep/a.txt', 'w').write('x')\nassert open('out/deep/a.txt').read() == 'x'",
        "import torch, numpy as np\ntorch.save([1], 'm/n/a.pt')\ntorch.load('m/n/a.pt')\n"
        "np.save('arrays/a.npy', np.ones(2))",
        "from matplotlib import pyplot as plt\nplt.plot([1])\nplt.savefig('figures/a.png')\n"
        "plt.savefig('/content/drive/MyDrive/a.pdf')",
        "import torch\ntorch.save([1], '/content/drive/MyDrive/hw/a.pt')\n"
        "assert torch.load('/content/drive/MyDrive/hw/a.pt') == [1]",
        "import os, sys\nos.makedirs('/content/drive/MyDrive/hw', exist_ok=True)\n"
        "os.chdir('/content/drive/MyDrive/hw')\nsys.path.append('/content/drive/MyDrive')",
        "import pandas as pd\npd.DataFrame({'a': [1]}).to_csv('tables/a.csv')",
    ],
)
def test_a_cell_ends_for_nothing_that_a_usual_machine_has(grade, cell):
    result = grade(f"{cell}\nafter = 1\n{RIGHT}", OTHERS)
    assert [(run.status, run.error) for run in result.cells] == [("ok", "")] * 2
    assert result.status is Status.GRADED
    assert verdicts(result) == ({Verdict.PASSED}, "   ")


def test_a_plot_of_a_missing_package_beside_right_code_costs_nothing(grade):
    result = grade(
        "import seaborn as sns\ndef double(x):\n    sns.heatmap(x)\n    return 2 * x", OTHERS
    )
    assert verdicts(result)[0] == {Verdict.PASSED}
    assert result.cells[0].note == "not installed here: seaborn"
    assert result.missing_packages == {"seaborn": 0}


@pytest.mark.parametrize(
    ("cells", "command"),
    [
        (["import cv2\ndef double(x): return cv2.add(x, x)"], "opencv-python-headless"),
        (["from skimage import util as u", "def double(x): return u.twice(x)"], "scikit-image"),
        (["import scipy.signal as s", "two = s.two()", "def double(x): return two * x"], "scipy"),
        (["def double(x):\n    import jax.numpy as jnp\n    return jnp.add(x, x)"], "jax"),
        (["from tensorflow.keras import *", "def double(x): return Twice()(x)"], "tensorflow"),
        (["import scipy", "double = scipy.twice"], "scipy"),
    ],
)
def test_an_answer_by_way_of_a_widely_used_package_is_broken(grade, cells, command):
    result = grade(*cells, OTHERS)
    found, message = verdicts(result)
    assert found == {Verdict.BROKEN}
    assert f"pip install {command}" in message
    assert result.status is Status.BROKEN
    assert set(result.missing_packages.values()) == {Fraction(7)}


def test_an_answer_by_way_of_any_other_name_is_the_students(grade):
    result = grade("import my_own_lib as m", "def double(x): return m.twice(x)", OTHERS)
    found, message = verdicts(result)
    assert found == {Verdict.RAISED}
    assert "my_own_lib" in message
    assert "cell 0: ModuleNotFoundError: No module named 'my_own_lib'" in message
    assert result.missing_packages == {"my_own_lib": 0}


def test_a_package_that_the_course_lists_is_ours():
    check = CheckResult("e", "c", "", Verdict.FAILED, Fraction(0), Fraction(2))
    used = frozenset({"our_lab"})
    assert Blame(Lacking({}, {}))(check, used).verdict is Verdict.RAISED
    assert Blame(Lacking({}, {}), ["our_lab"])(check, used).verdict is Verdict.BROKEN
    passed = replace(check, verdict=Verdict.PASSED)
    assert Blame(Lacking({}, {}), ["our_lab"])(passed, used) is passed


@pytest.mark.parametrize(
    "cell",
    [
        "import urllib.request\nurllib.request.urlopen('http://example.org/x')",
        "import torch\ntorch.hub.load_state_dict_from_url('https://example.org/x-12345678.pth')",
        "from torchvision.models import resnet18\nresnet18(weights='DEFAULT')",
        "from torchvision.datasets import CIFAR100\nCIFAR100('data', download=True)",
        "import socket\nsocket.create_connection(('example.org', 80))",
    ],
)
def test_a_connection_is_refused_in_words_and_makes_nothing_partial(grade, cell):
    result = grade(cell, RIGHT, OTHERS)
    assert "there is no network while a notebook is graded" in result.cells[0].error
    assert result.cells[0].excused
    assert result.status is Status.GRADED


def test_points_that_hang_on_the_network_stay_open(grade):
    result = grade(
        "import urllib.request\ndef double(x):\n    urllib.request.urlopen('http://example.org')",
        OTHERS,
    )
    found, message = verdicts(result)
    assert found == {Verdict.BROKEN}
    assert "there is no network while a notebook is graded" in message


def test_a_class_that_a_cell_could_not_define_for_want_of_the_network_is_broken(grade):
    cell = "from urllib.request import urlopen\ntext = urlopen('http://example.org').read()\n"
    result = grade(f"{cell}double = eval(text)", OTHERS)
    found, message = verdicts(result)
    assert found == {Verdict.BROKEN}
    assert "cell 0, which raised" in message


def test_a_name_that_a_failed_cell_defines_is_told_with_the_cell_and_its_error(grade):
    result = grade("1 / 0\ndef double(x): return 2 * x", OTHERS)
    found, message = verdicts(result)
    assert found == {Verdict.MISSING}
    assert message.startswith(
        "double is defined in cell 0, which raised ZeroDivisionError: division by zero (line 1)."
    )


@pytest.mark.parametrize("cell", ["open('data.csv')", "import pandas as pd\npd.read_csv('a.csv')"])
def test_a_file_that_was_not_handed_in_makes_nothing_partial(grade, cell):
    result = grade(cell, RIGHT, OTHERS)
    assert result.cells[0].status == "raised"
    assert result.status is Status.GRADED


def test_the_course_may_excuse_lines_whose_errors_say_nothing_of_the_student():
    cells = (Cell(0, "code", "a = 1\nassert float(d.sum()) < 1e-6"), Cell(1, "code", "assert a"))
    runs = (CellRun(0, "raised", error="AssertionError: ", line=2), CellRun(1, "raised", error="x"))
    blame = Blame(Lacking({}, {}), excused=[r"assert .* < 1e-6"])
    assert [run.excused for run in blame.noted(runs, cells)] == [True, False]


# ---- files beside the notebook


HELPER = "import seaborn\ndef double(x): return 2 * x\n"


@pytest.mark.parametrize(
    ("file", "cells"),
    [
        ("helper.py", ["from helper import double"]),
        ("helper.py", ["from helper import *"]),
        ("helper.py", ["import helper", "def twice(x): return helper.double(x)"]),
        ("helper.py", ["import helper"]),
        ("helper.py", ["%run helper.py"]),
        ("helper.py", ["exec(open('helper.py').read())"]),
        ("lib/helper.py", ["import sys\nsys.path.append('lib')\nfrom helper import double"]),
        ("lib/helper.py", ["from lib.helper import double"]),
        ("helper.py", ["import sys\nsys.path.append('/content/hw')\nfrom helper import double"]),
        ("other.py", ["%%writefile helper.py\nimport seaborn\ndef double(x): return 2 * x",
                      "from helper import double"]),
    ],
)  # fmt: skip
def test_a_module_beside_the_notebook_is_the_students_own(
    grader, tmp_path, write_notebook, file, cells
):
    path = write_notebook(tmp_path / "kim.ipynb", *cells, OTHERS)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("" if file == "other.py" else HELPER)
    (found,) = find_submissions([path], assignment="small")
    result = grader.grade(found)
    assert [run.error for run in result.cells if run.error] == []
    assert verdicts(result)[0] == {Verdict.PASSED}
    assert result.missing_packages == {"seaborn": 0}


@pytest.mark.parametrize("cell", ["%run other.ipynb", "from other import double", "import other"])
def test_a_notebook_beside_the_notebook_is_the_students_own(grader, tmp_path, write_notebook, cell):
    write_notebook(tmp_path / "other.ipynb", "import seaborn", "%time 1", RIGHT)
    path = write_notebook(tmp_path / "kim.ipynb", cell, OTHERS)
    (found,) = find_submissions([path], assignment="small")
    assert verdicts(grader.grade(found))[0] == {Verdict.PASSED}


def test_another_helper_is_another_submission(tmp_path, write_notebook):
    path = write_notebook(tmp_path / "kim.ipynb", "from helper import double")
    digests = set()
    for text in ("x = 1", "x = 2"):
        (tmp_path / "helper.py").write_text(text)
        digests.add(find_submissions([path], assignment="small")[0].digest)
    assert len(digests) == 2


# ---- installing what was missing


def test_what_has_been_installed_since_is_graded_again_and_nothing_else(
    small_course: Path, tmp_path, write_notebook, monkeypatch
):
    write_notebook(tmp_path / "kim.ipynb", "import seaborn", RIGHT, OTHERS)
    write_notebook(tmp_path / "lee.ipynb", RIGHT, OTHERS)
    plan = Plan(str(small_course), only=("double",))
    found = pipeline.collect([tmp_path], plan).submissions

    def times():
        run = pipeline.grade_and_store(plan, found, tmp_path / "out", jobs=1)
        return [result.seconds for result in run.results]

    first = times()
    assert times() == first
    monkeypatch.setitem(sys.modules, "seaborn", sys)
    monkeypatch.setattr(sys, "__spec__", object())
    again = times()
    assert again[0] != first[0]
    assert again[1] == first[1]


# ---- a helper that the notebook lacks

PARTS = "def double(x):\n    return 2 * x\n"
DOUBLES = """
@check(points=2)
def test_twice(student):
    "Every number is doubled twice."
    assert_equal(student.quadruple(torch.ones(1)), 4 * torch.ones(1), call="quadruple([1])")
"""


@pytest.fixture(scope="module")
def grader_of_two(tmp_path_factory, write_course):
    """A grader of two exercises, where one builds on the other."""
    text = DOUBLES.replace("quadruple", "double").replace("4 *", "2 *")
    built = (DOUBLES, 'builds_on = ["double"]')
    folder = write_course(tmp_path_factory.mktemp("two"), {"double": text, "quadruple": built})
    (folder / "parts.py").write_text(PARTS)
    with Grader(Plan(str(folder))) as grader:
        yield grader


@pytest.mark.parametrize(
    ("cells", "earned"),
    [
        (["def quadruple(x): return double(double(x))"], [0, 2]),
        (["def quadruple(x): return double(x)"], [0, 0]),
        (["def double(x): return x", "def quadruple(x): return double(double(x))"], [0, 2]),
        (["def double(x): return x", "def quadruple(x): return double(x)"], [0, 0]),
        (["def double(x): return x", "def quadruple(x, f=double): return f(f(x))"], [0, 2]),
        (["def quadruple(x): return 4 * x\nassert 'double' not in globals()"], [0, 2]),
    ],
)
def test_a_helper_that_is_wrong_or_missing_is_charged_once(
    grader_of_two, tmp_path, write_notebook, cells, earned
):
    path = write_notebook(tmp_path / "kim.ipynb", *cells)
    (found,) = find_submissions([path], assignment="small")
    result = grader_of_two.grade(found)
    assert [exercise.points for exercise in result.exercises] == earned
    assert all(run.status == "ok" for run in result.cells)


def test_points_of_a_class_that_could_not_be_defined_hang_on_its_package(grade):
    result = grade("import cv2\ndouble = float('x' + str(cv2.version))", OTHERS)
    found, message = verdicts(result)
    assert found == {Verdict.BROKEN}
    assert "double is defined in cell 0, which raised ValueError" in message
    assert result.missing_packages == {"cv2": Fraction(7)}
