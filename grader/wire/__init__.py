"""The messages between the grader and a kernel, and their codec, for both sides."""
