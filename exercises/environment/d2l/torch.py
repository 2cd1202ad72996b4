"""What `from d2l import torch as d2l` gives: the names of both editions in one namespace.

Here: names, and the modules that notebooks reach through this one (`d2l.plt`, `d2l.np`, ...). Those
that cost time at import and are seldom used come when they are asked for. Not here: any definition.
"""

# ruff: noqa: F401  the names are for others
from __future__ import annotations

import collections
import hashlib
import importlib
import inspect
import math
import os
import random
import re
import shutil
import sys
import tarfile
import time
import zipfile
from collections import defaultdict
from types import ModuleType

import numpy as np
import torch
import torchvision  # type: ignore[import-untyped]
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn
from torch.utils import data
from torchvision import transforms

from ._aliases import ALIASES
from ._classic import (
    linreg,
    predict_ch3,
    sgd,
    squared_loss,
    train_ch3,
    train_ch6,
    train_epoch_ch3,
)
from ._data import (
    DataModule,
    FashionMNIST,
    SyntheticRegressionData,
    get_dataloader_workers,
    get_fashion_mnist_labels,
    load_array,
    load_data_fashion_mnist,
    synthetic_data,
)
from ._devices import cpu, gpu, num_gpus, try_all_gpus, try_gpu
from ._downloads import DATA_HUB, DATA_URL, download, download_all, download_extract, extract
from ._hyperparameters import HyperParameters, add_to_class
from ._live_plots import Animator, ProgressBoard
from ._metrics import (
    Accumulator,
    Benchmark,
    Timer,
    accuracy,
    evaluate_accuracy,
    evaluate_accuracy_gpu,
    evaluate_loss,
)
from ._modules import (
    SGD,
    Classifier,
    LinearRegression,
    LinearRegressionScratch,
    Module,
    SoftmaxRegression,
)
from ._networks import LeNet, Residual, ResNeXtBlock, corr2d, init_cnn, resnet18
from ._plotting import plot, set_axes, set_figsize, show_images, use_svg_display
from ._trainer import Trainer

d2l = sys.modules[__name__]
F = nn.functional
nn_Module = nn.Module  # noqa: N816  the book's name

globals().update(ALIASES)

_LAZY = {
    "backend_inline": "matplotlib_inline.backend_inline",
    "display": "IPython.display",
    "pd": "pandas",
    "requests": "requests",
}


def __getattr__(name: str) -> ModuleType:
    """Import a seldom used module when it is first asked for.

    Raises:
        AttributeError: there is no such name, or its package is not installed.
    """
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_LAZY[name])
    except ImportError as error:
        raise AttributeError(f"{_LAZY[name]} is not installed here") from error
    globals()[name] = module
    return module
