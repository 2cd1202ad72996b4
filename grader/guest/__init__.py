"""All code of the grader that runs beside student code, and nothing else."""
