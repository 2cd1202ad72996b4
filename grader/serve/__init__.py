"""The instructor's part: a local web page to grade written answers and to decide about verdicts."""
