"""Lets people run the checks of an exercise with pytest: see `grader/checks/plugin.py`."""

pytest_plugins = ["grader.checks.plugin"]
