"""`python -m grader` is `grader`, where the command is not on the path."""

from grader.cli import run

run()
