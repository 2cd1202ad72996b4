"""The budget of one fit and the folder of data: set by the grader before student code runs.

Every notebook has a process of its own, so plain module state is enough. A course's library may
read it, and keeps its own training loops within it.
Here: the numbers. Not here: the code that obeys them (`loaders.py`, `losses.py`, the course).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# of one batch: more take a network half a second a step, and gigabytes, on a CPU
BATCH_PIXELS = 100_352
# networks for larger images have more layers: a batch of these is smaller
LARGE_PIXELS = 4_096
LARGE_BATCH_PIXELS = 36_864
# of one pass over a loader, training or validation
EPOCH_PIXELS = 3_136_000
_IN_A_REPLAY = 15  # times as many: its images are small, and its steps are counted
# a curve of fewer points shows nothing; an error after so few may be one of the training
LEAST_STEPS = 5


@dataclass
class Settings:
    """The budget of one fit in seconds and steps, where data lies, and the seed of drawn data."""

    training_s: float = 0.5
    training_most_s: float = 6.0
    """The budget of a cell whose steps are slow: until it has taken `LEAST_STEPS`."""
    training_steps: int = 30
    data_dir: Path | None = None
    seed: int = 0
    replaying: bool = False
    """Whether a training cell runs again for the grader, on drawn data."""


settings = Settings()


def epoch_pixels() -> int:
    """Return how many pixels one pass over a loader may have."""
    return EPOCH_PIXELS * (_IN_A_REPLAY if settings.replaying else 1)


def configure(
    training_s: float = 0.5,
    training_steps: int = 30,
    data_dir: str | Path | None = None,
    seed: int = 0,
    training_most_s: float = 6.0,
) -> None:
    """Set the budget and the data of this process.

    Args:
        training_s: seconds one fit may take, validation included.
        training_steps: training steps one fit may take over all its epochs.
        data_dir: folder with files of the course's data sets; None for the folders the notebook
            itself names.
        seed: of drawn data.
        training_most_s: seconds one fit may take while its cell has taken few steps.

    Raises:
        ValueError: no time or no step at all.
    """
    if training_s <= 0 or training_steps < 1:
        raise ValueError(
            f"a fit needs time and at least one step, got {training_s} s, {training_steps} steps"
        )
    settings.training_s = float(training_s)
    settings.training_most_s = float(max(training_s, training_most_s))
    settings.training_steps = int(training_steps)
    settings.data_dir = None if data_dir is None else Path(data_dir)
    settings.seed = int(seed)
