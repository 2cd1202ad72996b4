"""Many submissions: what to grade, workers, the gradebook, progress and signals."""
