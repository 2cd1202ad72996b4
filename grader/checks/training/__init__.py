"""Judging a training: which cells train, the replay's evidence, and the claims checks may make."""
