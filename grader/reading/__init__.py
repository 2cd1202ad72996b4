"""From what was handed in to `Submission`: archives, LMS names, notebook files, answers."""
