"""The version of the grader, part of every stored result."""

__version__ = "0.1.0"
