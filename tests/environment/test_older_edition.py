"""The idioms of the 0.17 edition, as notebooks write them."""

from __future__ import annotations

import pytest
import torch
from d2l import torch as d2l
from hypothesis import given
from hypothesis import strategies as st
from torch import nn


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip


def test_train_ch6_prints_what_the_book_prints(losses, capsys):
    train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size=256)
    d2l.train_ch6(lenet(), train_iter, test_iter, 10, 0.9, d2l.try_gpu())
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"training on {d2l.try_gpu()}"
    assert second.startswith("loss 2.")
    assert "train acc" in second
    assert third.endswith(f"examples/sec on {d2l.try_gpu()}")
    assert len(losses.curves[0]) == 6


def test_train_ch6_bears_a_loader_of_one_batch(capsys):
    batches = [(torch.randn(4, 1, 28, 28), torch.tensor([0, 1, 2, 3]))]
    d2l.train_ch6(lenet(), batches, batches, 1, 0.1, torch.device("cpu"))
    assert "test acc" in capsys.readouterr().out


def test_a_short_train_ch3_does_not_judge_itself(losses):
    train_iter, test_iter = d2l.load_data_fashion_mnist(64)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    updater = torch.optim.SGD(net.parameters(), lr=0.0)
    loss = nn.CrossEntropyLoss(reduction="none")
    d2l.train_ch3(net, train_iter, test_iter, loss, 3, updater)
    assert len(losses.curves[0]) == 6


def test_train_ch3_takes_functions_in_place_of_modules():
    w, b = torch.zeros(784, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    train_iter, test_iter = d2l.load_data_fashion_mnist(64)
    loss = nn.CrossEntropyLoss(reduction="none")

    def net(X):
        return d2l.linreg(X.reshape(-1, 784), w, b)

    d2l.train_ch3(net, train_iter, test_iter, loss, 1, lambda n: d2l.sgd([w, b], 0.1, n))
    d2l.predict_ch3(net, test_iter)
    d2l.plt.close("all")
    assert w.detach().abs().sum() > 0


@pytest.mark.parametrize(
    ("batch_size", "resize", "batches"),
    [(128, (28, 28), 469), (256, None, 235), (128, (96, 96), 469), (1, (32, 64), 60_000)],
)
def test_images_batches_and_passes_have_the_size_that_was_asked_for(batch_size, resize, batches):
    train_iter, _ = d2l.load_data_fashion_mnist(batch_size, resize)
    X, y = next(iter(train_iter))
    assert X.shape == (batch_size, 1, *(resize or (28, 28)))
    assert y.dtype == torch.int64
    assert len(train_iter) == batches


def test_evaluate_accuracy_is_a_share_and_accuracy_a_count():
    net = nn.Linear(2, 2)
    batches = [(torch.randn(3, 2), torch.tensor([0, 1, 0])), (torch.randn(1, 2), torch.tensor([1]))]
    share = d2l.evaluate_accuracy_gpu(net, batches)
    counts = sum(d2l.accuracy(net(X), y) for X, y in batches)
    assert share == d2l.evaluate_accuracy(net, batches) == counts / 4
    assert not net.training


def test_timer_and_accumulator_count():
    timer, metric = d2l.Timer(), d2l.Accumulator(2)
    timer.times = [1.0, 2.0, 3.0]
    assert (timer.avg(), timer.sum(), timer.cumsum()) == (2, 6, [1, 3, 6])
    assert timer.stop() == timer.times[-1]
    metric.add(1, torch.tensor(2.0, requires_grad=True))
    metric.add(torch.tensor(3), 4)
    assert (metric[0], metric[1]) == (4, 6)
    metric.reset()
    assert metric.data == [0, 0]


@given(st.lists(st.integers(-1000, 1000)))
def test_an_accumulator_is_a_sum(numbers):
    metric = d2l.Accumulator(1)
    for number in numbers:
        metric.add(number)
    assert metric[0] == sum(numbers)


def test_linear_regression_from_scratch_runs():
    w, b = torch.tensor([2.0, -3.4]), 4.2
    X, y = d2l.synthetic_data(w, b, 200)
    assert (X.shape, y.shape) == ((200, 2), (200, 1))
    net = nn.Linear(2, 1)
    before = d2l.evaluate_loss(net, d2l.load_array((X, y), 10), d2l.squared_loss)
    for X_batch, y_batch in d2l.load_array((X, y), 10):
        d2l.squared_loss(net(X_batch), y_batch).sum().backward()
        d2l.sgd(net.parameters(), 0.03, 10)
    after = d2l.evaluate_loss(net, d2l.load_array((X, y), 10, is_train=False), d2l.squared_loss)
    assert after < before


def test_benchmark_prints_one_line(capsys):
    with d2l.Benchmark("made"):
        pass
    assert capsys.readouterr().out.startswith("made: 0.")


def test_a_download_is_refused_unless_the_file_is_there(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    assert d2l.download("http://example.org/a.csv", tmp_path) == str(tmp_path / "a.csv")
    with pytest.raises(OSError, match=r"b\.csv cannot be downloaded"):
        d2l.download(name="http://example.org/b.csv", cache_dir=tmp_path)
