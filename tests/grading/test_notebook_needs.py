"""What a notebook asks of a machine, from its text alone."""

import pytest

from grader.course import load_assignment
from grader.grading.notebook_needs import needs_of


@pytest.fixture
def needs(cells, tmp_path, write_course):
    folder = write_course(tmp_path, {"corr2d": "x = 1", "pool": "x = 1"})
    exercises = load_assignment(str(folder)).exercises
    return lambda *sources: needs_of([cells(*sources)], exercises)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c, d", {"a", "d"}), ("from e.f import g", {"e"}),
        ("from . import h", set()),
        ("def f():\n    import i", {"i"}), ("try:\n    import j\nexcept ImportError: pass", {"j"}),
        ("import importlib\nimportlib.import_module('k.l')", {"importlib", "k"}),
        ("!pip install m\nimport n", {"n"}), ("%matplotlib inline\nfrom o import *", {"o"}),
        ("this is no python", set()), ("", set()),
        ("%%writefile p.py\nx = 1\n", set()),
    ],
)  # fmt: skip
def test_imports_are_found_wherever_they_stand(needs, source, expected):
    assert needs(source).imports == expected


def test_a_module_that_the_notebook_writes_is_its_own(needs):
    assert needs("%%writefile helper.py\ny = 1", "import helper").imports == set()


@pytest.mark.parametrize(
    ("source", "devices", "looks"),
    [
        ("net.cuda()", {"cuda"}, False), ("x.to('cuda:0')", {"cuda"}, False),
        ("torch.device('mps')", {"mps"}, False), ("x.to(device='cuda')", {"cuda"}, False),
        ("d = 'cuda' if torch.cuda.is_available() else 'cpu'", {"cuda"}, True),
        ("torch.cuda.is_available()", set(), True), ("x.to('cpu')", set(), False),
        ("print('cuda is fast')", set(), False),
    ],
)  # fmt: skip
def test_devices_are_told_from_words_about_them(needs, source, devices, looks):
    found = needs(source)
    assert (found.devices, found.looks_for_device) == (devices, looks)


@pytest.mark.parametrize(
    ("source", "files", "downloads"),
    [
        ("open('a.txt')", {"a.txt"}, set()), ("open('a.txt', 'w')", set(), set()),
        ("pd.read_csv('d/a.csv')", {"d/a.csv"}, set()),
        ("Image.open(fp='cat.png')", {"cat.png"}, set()),
        ("torch.save(n, 'a.pt')\ntorch.load('a.pt')", set(), set()),
        ("pd.read_csv('https://x.org/a.csv')", set(), {"pd.read_csv(https://x.org/a.csv)"}),
        ("!wget https://x.org/a", set(), {"wget"}), ("!git  clone x", set(), {"git clone"}),
        ("datasets.Pictures('d', download=True)", set(), {"Pictures(download=True)"}),
        ("models.net(pretrained=True)", set(), {"weights of net"}),
        ("models.net(weights=None)", set(), set()),
        ("urllib.request.urlretrieve('u')", set(), {"urllib.request.urlretrieve(u)"}),
        ("open(name)", set(), set()),
    ],
)  # fmt: skip
def test_files_that_are_opened_and_downloads_are_found(needs, source, files, downloads):
    found = needs(source)
    assert (found.files, found.downloads) == (files, downloads)


@pytest.mark.parametrize("source", [
    "import torchvision\ntorchvision.datasets.Pictures('d')",
    "from torchvision.datasets import Pictures\nPictures('d')",
    "from torchvision import datasets\ndatasets.Pictures(root='d')",
])  # fmt: skip
def test_data_sets_are_found_by_where_they_come_from(needs, source):
    assert needs(source).data_sets == {"Pictures"}


def test_an_exercise_hangs_on_what_its_definition_uses_by_way_of_other_functions(needs):
    found = needs(
        "import numpy_ext as ne\nfrom plots import show",
        "def helper(x):\n    return ne.flip(x)",
        "def corr2d(X, K):\n    return helper(X) * K",
        "def pool(X):\n    return X",
        "show(pool(1))",
    )
    assert found.hanging == {"numpy_ext": {"corr2d"}}


def test_a_notebook_of_one_endless_if_and_of_many_names_is_read_in_part(needs):
    branches = "if x == 0: pass\n" + "elif x: pass\n" * 900
    names = "\n".join(f"v{n} = {n}" for n in range(20_000))
    assert needs("import a", branches, names, "import b").imports >= {"a", "b"}
