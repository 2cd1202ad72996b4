"""Lets people run the checks of an exercise with pytest: see `grader/pytest_plugin.py`."""

pytest_plugins = ["grader.pytest_plugin"]
