"""Reading IDX files, the format of MNIST and its relatives, plain or compressed.

The format: two zero bytes, a type code, the number of axes, one big-endian uint32 an axis, then the
values in C order. Here: bytes to arrays, and finding a pair of files. Not here: datasets.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_UBYTE = 0x08
# MNIST's training images are 47 MB; ten times that is no data set of this kind
_MOST_BYTES = 500_000_000


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, compressed where its name ends in `.gz`.

    Raises:
        ValueError: it is no such file, or its length is not what its header says.
        OSError: it cannot be read.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        raw = file.read(_MOST_BYTES)
    if len(raw) < 4 or raw[:3] != bytes([0, 0, _UBYTE]):
        raise ValueError(f"{path.name} is no IDX file of unsigned bytes")
    axes = raw[3]
    start = 4 + 4 * axes
    if len(raw) < start:
        raise ValueError(f"{path.name} ends within its header")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    values = np.frombuffer(raw, np.uint8, offset=start)
    size = int(np.prod(shape, dtype=np.uint64))
    if values.size != size:
        raise ValueError(f"{path.name} holds {values.size} values, its header says {size}")
    return values.reshape(shape).copy()  # writable, as torch wants it


def find_pair(folders: Iterable[Path], train: bool) -> tuple[Path, Path] | None:
    """Find the files of images and labels in the first folder that holds both."""
    part = "train" if train else "t10k"
    for folder in folders:
        images = _either(folder / f"{part}-images-idx3-ubyte")
        labels = _either(folder / f"{part}-labels-idx1-ubyte")
        if images and labels:
            return images, labels
    return None


def _either(path: Path) -> Path | None:
    for candidate in (path, path.with_name(path.name + ".gz")):
        try:
            if candidate.is_file():
                return candidate
        except OSError:  # a folder that may not be looked into
            continue
    return None
