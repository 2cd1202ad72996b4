"""Outputs that talk to a browser: there is none while grading."""

from __future__ import annotations


def clear(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def eval_js(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def register_callback(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def enable_custom_widget_manager(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def disable_custom_widget_manager(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def no_vertical_scroll(*args: object, **kwargs: object) -> None:
    """Do nothing."""
