"""Commands of a notebook, in a real IPython shell."""

from __future__ import annotations

import getpass
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.guest import notebook_shell


@pytest.mark.parametrize(
    "cell",
    [
        "!pip install d2l==1.0.3",
        "!pip3 -q install d2l > /dev/null",
        "! python -m pip install d2l",
        "!{sys.executable} -m pip install d2l",
        "!sudo apt-get -qq install -y graphviz",
        "!apt install graphviz && pip install graphviz",
        "!conda install -y pytorch",
        "!wget -q http://example.org/a.zip",
        "!curl -LO http://example.org/a.zip",
        "!yes | pip uninstall torch",
        "%pip install d2l",
        "%conda install pytorch",
        "pip install d2l",
        "%%capture shown\n!pip install d2l\nshown2 = 1",
        "def later():\n    !pip install d2l\nlater()",
        "%time !pip install d2l",
    ],
)
def test_installers_and_downloads_do_nothing(run, monkeypatch, shell, cell):
    def started(command):
        raise AssertionError(f"started: {command}")

    if "|" not in cell:  # what pip was to be fed with still runs
        monkeypatch.setattr(shell, "system", started)
    printed = run(cell)
    assert "capture" in cell or "skipped while grading: " in printed or "|" in cell


def test_the_output_of_an_installer_is_an_empty_list(run, shell):
    run("lines = !pip list")
    assert shell.user_ns["lines"] == []
    assert shell.user_ns["lines"].n == ""


def test_other_commands_run_as_before(run, shell, tmp_path):
    shell.user_ns["folder"] = tmp_path
    assert run("!echo pip install") == "pip install\n"
    run("!mkdir -p $folder/a && wget -q http://example.org -O $folder/a/b && touch {folder}/c")
    assert [(tmp_path / name).exists() for name in ("a", "a/b", "c")] == [True, False, True]
    run("names = !ls $folder")
    assert shell.user_ns["names"] == ["a", "c"]


def test_a_command_sees_the_variables_of_its_function(run):
    assert run("def f(word):\n    !echo $word\nf('inner')") == "inner\n"


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("pip install d2l", ":"),
        ("/usr/bin/pip3.11 install d2l", ":"),
        ("cd a && pip install -e . && ls", "cd a && : && ls"),
        ("FOO=1 python3 -u -m pip install x; ls 2>&1", ":; ls 2>&1"),
        ("echo 'a; pip b'", None),
        ("pipx list", None),
        ("ls | grep pip", None),
        ("python -m pipeline", None),
        ("cat wget.log; echo curl", None),
        ("", None),
    ],
)
def test_only_installers_and_downloads_are_taken_out(command, rest):
    assert notebook_shell.without_skipped(command) == rest


@given(st.text("abpi ';\"&|\\\n$>", max_size=30))
def test_taking_apart_and_joining_a_command_loses_nothing(command):
    rest = notebook_shell.without_skipped("pip x;" + command)
    assert rest is not None
    assert rest.startswith(":")
    assert notebook_shell.without_skipped(rest) is None


@pytest.mark.parametrize("backend", ["", "inline", "notebook", "widget", "qt"])
def test_every_backend_is_the_inline_one(run, backend):
    import matplotlib as mpl

    run(f"%matplotlib {backend}")
    assert "inline" in mpl.get_backend()
    mpl.use("Agg")


def test_the_list_of_backends_has_one_entry(run):
    assert run("%matplotlib --list") == "Available matplotlib backends: ['inline']\n"


def test_a_missing_folder_only_prints(run):
    here = os.getcwd()
    assert "No such file" in run("%cd drive/My\\ Drive/homework")
    assert os.getcwd() == here


@pytest.mark.parametrize(
    "cell", ["%load_ext watermark", "%reload_ext nb_black", "%tensorboard --logdir runs", "%wandb"]
)
def test_a_missing_extension_stops_nothing(run, cell):
    assert run(f"{cell}\nprint(1 + 1)").endswith("2\n")


@pytest.mark.parametrize(
    "line", ["selfcheck.py", "-i selfcheck", "./selfcheck.py", '"a b/selfcheck.py"']
)
def test_the_self_check_of_a_handout_is_run_as_one_that_asks_nothing(run, shell, line):
    assert run(f"%run {line}\nprint(check('f'))") == "None\n"


def test_a_file_of_the_student_is_run(run, shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("selfcheck.py", "mine.py", "my_selfcheck.py"):
        (tmp_path / name).write_text(f"found = {name!r}")
        run(f"%run {name}")
        assert shell.user_ns["found"] == name


@pytest.mark.parametrize("cell", ["input('name? ')", "import getpass; getpass.getpass()"])
def test_a_question_is_refused(run, cell):
    with pytest.raises(EOFError, match="gets no answer"):
        run(cell)
    assert getpass.getpass is notebook_shell.refuse_input


def test_a_second_installation_changes_nothing(shell):
    before = list(shell.ast_transformers)
    notebook_shell.install(shell)
    assert shell.ast_transformers == before


def test_the_traceback_of_an_endless_recursion_shows_no_context_of_its_frames(shell):
    assert shell.InteractiveTB.mode == "Plain"


def test_a_kernel_refuses_too_which_puts_its_own_input_in_before_each_cell(shell):
    class Kernel:
        raw_input = getpass = None

    class Shell:
        kernel = Kernel()

    notebook_shell.refuse_input_of(Shell())
    with pytest.raises(EOFError, match="gets no answer"):
        Shell.kernel.raw_input("name? ")
