"""Jupyter kernels: started in the sandbox, driven through a notebook, questioned from outside."""
