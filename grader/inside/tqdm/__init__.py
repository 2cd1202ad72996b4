"""Progress bars for notebooks where the real package is not installed; they show nothing.

The folder of this package stands last on the path, so the real one comes first where it is. A loop
over a bar is a loop over what it was given; nobody watches a notebook that is graded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any, Self

__all__ = ["tnrange", "tqdm", "tqdm_notebook", "trange"]


class tqdm:  # noqa: N801  the name notebooks import
    """A bar that counts and shows nothing; it takes every argument of the real one.

    Attributes:
        n: how far it is.
        total: how far it goes; None where that is not known.
    """

    def __init__(
        self, iterable: Iterable[Any] | None = None, desc: str | None = None,
        total: float | None = None, *args: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        self.iterable = iterable
        self.desc = desc or ""
        self.n: float = kwargs.get("initial", 0)
        self.disable = bool(kwargs.get("disable"))
        self.total = total
        if total is None and isinstance(iterable, Sized):
            self.total = len(iterable)

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable or ():
            yield item
            self.n += 1

    def __len__(self) -> int:
        return int(self.total or 0)

    def __bool__(self) -> bool:
        return self.total is None or self.total > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """Count on."""
        self.n += n

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Keep the words before the bar."""
        self.desc = desc or ""

    set_description_str = set_description

    def reset(self, total: float | None = None) -> None:
        """Begin again."""
        self.n = 0
        self.total = self.total if total is None else total

    def close(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing, as whatever else only shows something."""

    set_postfix = set_postfix_str = refresh = clear = display = unpause = close

    @classmethod
    def write(cls, s: Any, *args: Any, **kwargs: Any) -> None:
        """Print a line, as if there were a bar to keep clear of."""
        print(s, end=kwargs.get("end", "\n"))


def trange(*args: int, **kwargs: Any) -> tqdm:
    """Return a bar over `range(*args)`."""
    return tqdm(range(*args), **kwargs)


tqdm_notebook, tnrange = tqdm, trange
