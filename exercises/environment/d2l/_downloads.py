"""The book's `download` and its relatives, for a place without a network.

A file that is already in the folder is found; anything else is refused with a sentence, at once.
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

DATA_HUB: dict[str, tuple[str, str | None]] = {}
DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"


class NoNetwork(OSError):
    """A file was asked for that only a network could bring."""


def download(
    url: str = "",
    folder: str | Path = "../data",
    sha1_hash: str | None = None,
    *,
    name: str = "",
    cache_dir: str | Path | None = None,
) -> str:
    """Return the path of a file in `folder` that has the name the address ends in.

    Args:
        url: an address, or a name in `DATA_HUB` (the 0.17 edition).
        folder: where downloads are kept.
        sha1_hash: taken for the signature's sake.
        name, cache_dir: the 0.17 edition's names for `url` and `folder`.

    Raises:
        NoNetwork: the file is not there.
    """
    url = url or name
    address = DATA_HUB[url][0] if url in DATA_HUB else url
    path = Path(cache_dir or folder, address.rsplit("/", 1)[-1])
    if not path.exists():
        raise NoNetwork(f"{address} cannot be downloaded: there is no network while grading")
    return str(path)


def extract(filename: str | Path, folder: str | Path | None = None) -> None:
    """Unpack a zip or tar file beside itself, or into `folder`.

    Raises:
        ValueError: it is neither.
    """
    path = Path(filename)
    target = path.parent if folder is None else Path(folder)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)
    elif path.suffix in (".tar", ".gz", ".tgz"):
        with tarfile.open(path) as archive:
            archive.extractall(target, filter="data")
    else:
        raise ValueError(f"{path.name} is neither a zip nor a tar file")


def download_extract(name: str, folder: str | None = None) -> str:
    """Find a file as `download` does, unpack it, and return the folder that holds its content."""
    path = Path(download(name))
    extract(path)
    return str(path.parent / folder if folder else path.with_suffix(""))


def download_all() -> None:
    """Find every file of `DATA_HUB`.

    Raises:
        NoNetwork: one of them is not there.
    """
    for name in DATA_HUB:
        download(name)
