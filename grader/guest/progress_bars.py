"""Inside the sandbox: progress bars of the real `tqdm`, with their output off.

`TQDM_DISABLE` (`sandbox/policy.py`) silences the bars of a terminal. The bars of a notebook ignore
it, need widgets, and send a message for each update; here they become bars of a terminal.
Without `tqdm`, `silence` does nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def silence() -> None:
    """Make every kind of bar one that prints nothing and starts no thread."""
    if importlib.util.find_spec("tqdm") is None:
        return
    plain: Any = importlib.import_module("tqdm.std")
    notebook: Any = importlib.import_module("tqdm.notebook")
    plain.tqdm.monitor_interval = 0  # a thread would look after the bars
    notebook.tqdm = notebook.tqdm_notebook = plain.tqdm
    notebook.trange = notebook.tnrange = plain.trange
