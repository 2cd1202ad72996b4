"""A kernel's shell is built before the fork, and is the kernel's own after it."""

from __future__ import annotations

FOLDERS = """
import os
shell = get_ipython()
home = os.getcwd()
folders = [str(_dh[0]), shell.home_dir, shell.starting_dir]
below = [shell.ipython_dir, shell.profile_dir.location]
exists = os.path.isdir(below[1])
mine = shell.parent is shell.kernel and shell.kernel.shell is shell
listed = len(shell.kernel._kernel_modules)
"""
CHANGES = """
import sys, types
shell = get_ipython()
shell.left = "here"
shell.push({"pushed": 1})
shell.register_magic_function(lambda line: 1, "line", "made")
shell.events.register("pre_run_cell", lambda info: None)
shell.input_transformers_cleanup.append(lambda lines: lines)
shell.display_formatter.formatters["text/plain"].for_type(int, print)
shell.kernel.left = sys.modules["left"] = types.ModuleType("left")
type(shell).left_on_the_class = True
"""
LOOKS = """
import sys
shell = get_ipython()
found = [
    hasattr(shell, "left"), "pushed" in globals(), "made" in shell.magics_manager.magics["line"],
    len(shell.events.callbacks["pre_run_cell"]), len(shell.input_transformers_cleanup),
    hasattr(shell.kernel, "left"), "left" in sys.modules,
    str(shell.display_formatter.formatters["text/plain"].type_printers.get(int)),
    hasattr(type(shell), "left_on_the_class"), shell.execution_count,
]
"""


def test_the_folders_of_a_shell_are_those_of_its_kernel(run, values):
    found = values(run(FOLDERS))
    assert found["mine"]
    assert set(found["folders"]) == {found["home"]}
    assert set(found["below"]) == {f"{found['home']}/.ipython"}
    assert found["exists"]


def test_a_kernel_starts_without_a_list_of_all_modules(run, values):
    assert values(run(FOLDERS))["listed"] == 0


def test_what_a_notebook_does_to_its_shell_is_not_there_for_the_next(run, values):
    before = values(run(LOOKS))["found"]
    assert True not in before[:3]
    assert values(run(CHANGES + LOOKS))["found"] != before
    assert values(run(LOOKS))["found"] == before
