"""An autograder for notebooks of PyTorch exercises."""

__version__ = "0.1.0"
__all__ = ["__version__"]
