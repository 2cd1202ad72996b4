"""What the library was told before student code ran, and what it noted while that code ran.

Here: the budget of a fit, where real data lies, which data was used. Not here: how a budget is
spent (`_budget.py`), losses (`_losses.py`) or how data is found (`_datasets.py`). Every
notebook has a process of its own, so plain module state is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DataName = Literal["fashion-mnist", "drawn stand-in"]

# a batch of the book's small networks above this needs seconds a step and gigabytes on a CPU: six
# images of 224x224, and all 384 of 28x28
BATCH_PIXELS = 6 * 224 * 224
# a pass over a loader, training or validation: 4000 images of 28x28, 62 of 224x224
EPOCH_PIXELS = 4_000 * 28 * 28


@dataclass
class Settings:
    """The budget of one fit in seconds and steps, where data lies, and the seed of drawn data."""

    training_s: float = 6.0
    training_steps: int = 60
    data_dir: Path | None = None
    seed: int = 0
    rehearsing: bool = False
    """Whether a training cell runs again for the grader, on drawn images of 28x28."""


settings = Settings()

_used: set[DataName] = set()


def configure(
    training_s: float = 6.0,
    training_steps: int = 60,
    data_dir: str | Path | None = None,
    seed: int = 0,
) -> None:
    """Set the budget and the data of this process, and forget what was noted so far.

    Args:
        training_s: seconds one fit may take, validation included.
        training_steps: training steps one fit may take over all its epochs.
        data_dir: folder with Fashion-MNIST's IDX files, or one that holds `FashionMNIST/raw`;
            None for the folders the notebook itself names.
        seed: of the drawn stand-in.

    Raises:
        ValueError: no time or no step at all.
    """
    if training_s <= 0 or training_steps < 1:
        raise ValueError(
            f"a fit needs time and at least one step, got {training_s} s, {training_steps} steps"
        )
    settings.training_s = float(training_s)
    settings.training_steps = int(training_steps)
    settings.data_dir = None if data_dir is None else Path(data_dir)
    settings.seed = int(seed)
    _used.clear()


def note_data(name: DataName) -> None:
    """Remember that images of this origin were read."""
    _used.add(name)


def data_used() -> DataName:
    """Say which images the notebook has read; drawn ones, where it read both or none."""
    return "fashion-mnist" if _used == {"fashion-mnist"} else "drawn stand-in"
