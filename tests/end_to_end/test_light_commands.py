"""What a command loads before, and beside, its workers."""

import subprocess
import sys

import pytest

COMMANDS = {
    "grade": "delivery frames run_output writers",
    "preflight": "preflight_view",
    "report": "comparison delivery feedback_zip frames writers",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_main_process_of_a_command_does_without_torch(command):
    """Torch costs it a second and 300 MB, at the time when its workers load torch too."""
    modules = [f"grader.report.{name}" for name in COMMANDS[command].split()]
    modules += ["grader.cli", "grader.runs.pipeline", "grader.runs.preflight"]
    modules += ["grader.selfcheck.folder"]  # with which `handout` refuses a folder
    code = f"import sys, {', '.join(modules)}; print({{'torch'}} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_what_writes_reports_is_loaded_beside_the_workers_and_not_before_them():
    code = (
        "import sys\n"
        "import grader.cli, grader.report.delivery, grader.report.preflight_view\n"
        "import grader.runs.pipeline, grader.runs.preflight, grader.runs.progress\n"
        "from grader.report.loading import load_in_the_background\n"
        "def loaded(): return sorted({'pandas', 'jinja2', 'xlsxwriter'} & sys.modules.keys())\n"
        "print(loaded())\n"
        "load_in_the_background().join()\n"
        "print(loaded(), load_in_the_background().is_alive())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["[]", "['jinja2', 'pandas', 'xlsxwriter'] False"]
