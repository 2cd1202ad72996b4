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
