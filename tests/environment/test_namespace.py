"""What an import gives, and what it must not do: the library is loaded in a process that forks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from d2l import torch as d2l

from grader.course import load_course
from grader.sandbox.policy import GUEST_LIBRARY

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = load_course().environment.folder

MODULES = """
    F Image collections d2l data hashlib inspect math nn np os plt random re shutil sys tarfile
    time torch torchvision transforms zipfile display backend_inline pd
"""
FUNCTIONS = """
    abs arange argmax astype batch_matmul concat cos cosh exp expand_dims eye linspace log
    matmul meshgrid normal numpy ones ones_like rand randn reduce_mean reduce_sum repeat
    reshape sigmoid sin sinh size stack swapaxes tanh tensor to transpose zeros zeros_like
    Accumulator Animator Benchmark Classifier DataModule FashionMNIST HyperParameters
    LeNet LinearRegression LinearRegressionScratch Module ProgressBoard ResNeXtBlock
    Residual SGD SoftmaxRegression SyntheticRegressionData Timer Trainer accuracy
    add_to_class corr2d cpu download download_all download_extract evaluate_accuracy
    evaluate_accuracy_gpu evaluate_loss extract get_dataloader_workers
    get_fashion_mnist_labels gpu init_cnn linreg load_array load_data_fashion_mnist
    nn_Module num_gpus plot predict_ch3 resnet18 set_axes set_figsize sgd show_images
    squared_loss synthetic_data train_ch3 train_ch6 train_epoch_ch3 try_all_gpus try_gpu
    use_svg_display
"""

HYGIENE = """
import os, sys
import torch, torchvision, matplotlib.pyplot

seen = []

def watch(event, args):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.exec")):
        seen.append(event)
    if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(f"{event} {args[0]}")

threads = len(os.listdir("/proc/self/task"))
sys.addaudithook(watch)
import course_setup
course_setup.prepare()
from grader.guest import environment, loaders, losses, notebook_shell, stand_in_gpu
loaders.install()
losses.watch()
stand_in_gpu.install()
import google.colab
started = len(os.listdir("/proc/self/task")) - threads
print(seen, started, [name for name in ("pandas", "scipy", "requests") if name in sys.modules])
"""


@pytest.mark.parametrize("name", MODULES.split())
def test_modules_of_the_book_are_within_reach(name):
    assert hasattr(d2l, name)


@pytest.mark.parametrize("name", FUNCTIONS.split())
def test_names_of_both_editions_are_there(name):
    assert callable(getattr(d2l, name))


def test_the_plain_import_gives_the_version_and_the_module():
    import d2l as package

    assert package.torch is d2l is d2l.d2l
    assert package.__version__ == "1.0.3"


def test_a_missing_name_is_an_attribute_error(monkeypatch):
    assert not hasattr(d2l, "pool2d")
    monkeypatch.setitem(d2l._LAZY, "absent", "no_such_package")
    with pytest.raises(AttributeError, match="not installed"):
        _ = d2l.absent


def test_aliases_do_what_the_book_s_do():
    X = torch.arange(6.0, requires_grad=True).reshape(2, 3)
    assert d2l.size(X) == 6
    assert d2l.numpy(X).shape == (2, 3)
    assert d2l.reduce_sum(X, 1).tolist() == [3, 12]
    assert d2l.reduce_mean(X, dim=0).tolist() == [1.5, 2.5, 3.5]
    assert d2l.reshape(X, (3, 2)).shape == d2l.transpose(X).shape == (3, 2)
    assert d2l.swapaxes(X, 0, 1).shape == (3, 2)
    assert d2l.expand_dims(X, 0).shape == (1, 2, 3)
    assert d2l.astype(X, d2l.int32).dtype == torch.int32
    assert d2l.argmax(X, axis=1).tolist() == [2, 2]
    assert d2l.repeat(X, 2, 1).shape == (4, 3)
    assert d2l.to(X, d2l.cpu()) is X


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_importing_starts_no_thread_opens_no_socket_and_writes_no_file(tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(ENVIRONMENT), str(ROOT), str(GUEST_LIBRARY))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": str(tmp_path),
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        [sys.executable, "-c", HYGIENE], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] 0 []\n"


def test_the_package_itself_gives_the_names_too():
    import d2l
    from d2l.torch import corr2d

    assert d2l.corr2d is corr2d
    with pytest.raises(AttributeError):
        d2l.not_there  # noqa: B018
