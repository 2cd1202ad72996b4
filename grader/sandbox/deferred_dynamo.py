"""Lets libraries be imported without `torch._dynamo`, which takes longer to load than torch.

torchvision imports one function of it at its own import, which asks whether torch can compile. Here
a substitute stands in `sys.modules` for as long as the import takes; the function that a library
has taken from it loads the real module when it is called. A kernel whose notebook makes an
optimiser imports the real module then, as in any Python.

Here: the substitute. Not here: when it is used (`zygote.py`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"
_UTILS = f"{NAME}.utils"
_TAKEN = "is_compile_supported"


@contextmanager
def deferred_dynamo() -> Iterator[None]:
    """Let imports in the block take that function of `torch._dynamo` without loading it.

    Raises:
        ImportError: an import needs more of it; the caller imports again without the substitute.
    """
    if NAME in sys.modules:
        yield
        return
    package, utils = ModuleType(NAME), ModuleType(_UTILS)
    setattr(utils, _TAKEN, _later(_TAKEN))
    setattr(package, "utils", utils)  # noqa: B010  (mypy knows no such attribute)
    sys.modules[NAME], sys.modules[_UTILS] = package, utils
    try:
        yield
    finally:
        for name, module in ((NAME, package), (_UTILS, utils)):
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _later(name: str) -> Callable[..., Any]:
    """Return a function that loads the real one when it is called."""

    def real(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(_UTILS), name)(*args, **kwargs)

    return real
