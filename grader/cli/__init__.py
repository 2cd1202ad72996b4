"""The commands: parse, call one function, print, choose an exit code. Nothing is decided here."""

from grader.cli import grading, handing_out, machine, results
from grader.cli.app import app, main, run

__all__ = ["app", "grading", "handing_out", "machine", "main", "results", "run"]
