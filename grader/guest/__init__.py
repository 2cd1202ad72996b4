"""All code of ours that runs beside student code, and nothing else."""
