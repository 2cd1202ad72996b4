"""What notebooks written on a hosted service import; here it does nothing, and succeeds.

`google` is a namespace package on purpose, so that other packages below that name stay visible.
"""

from __future__ import annotations

from . import drive, files, output, patches

__all__ = ["drive", "files", "output", "patches"]
