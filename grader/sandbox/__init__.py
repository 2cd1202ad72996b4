"""The walls around student code, and the warm process that kernels are forked from."""
