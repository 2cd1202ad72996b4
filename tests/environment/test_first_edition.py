"""The idioms of the 1.0 edition, as notebooks write them."""

from __future__ import annotations

import copy

import pytest
import torch
from d2l import _budget
from d2l import torch as d2l
from hypothesis import given
from hypothesis import strategies as st
from torch import nn


class Small(d2l.Classifier):
    """What a notebook writes: a subclass that saves its arguments and has a `net`."""

    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))


def fitted(model, epochs=2, batch_size=64):
    data = d2l.FashionMNIST(batch_size=batch_size)
    trainer = d2l.Trainer(max_epochs=epochs, num_gpus=1)
    model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
    trainer.fit(model, data)
    return trainer


def test_the_cells_of_the_book_train_a_classifier(losses, capsys):
    model = Small()
    trainer = fitted(model)
    assert not model.training
    assert (trainer.train_batch_idx, trainer.epoch) == (6, 1)
    assert len(losses.curves[0]) == 6
    assert set(model.board.data) == {"train_loss", "val_loss", "val_acc"}
    assert capsys.readouterr().out == ""


def test_a_fit_changes_the_weights_and_lowers_the_loss(budget, losses):
    budget.configure(training_s=60, training_steps=60)
    fitted(Small())
    assert sum(losses.curves[0][-10:]) < sum(losses.curves[0][:10])


def test_a_fit_has_fewer_epochs_when_steps_run_out(budget):
    budget.configure(training_steps=2)
    assert fitted(Small(), epochs=5).train_batch_idx == 2


def test_a_pass_that_ends_early_makes_no_batch_beyond_its_last():
    made = []
    loader = _budget.Limited((made.append(i) or i for i in range(9)), 3, stop=lambda: False)
    assert [*loader] == made == [0, 1, 2]


def test_a_fit_without_time_still_takes_one_batch(budget):
    budget.configure(training_s=1e-9, training_most_s=1e-9)
    model = Small()
    assert fitted(model).train_batch_idx == 1
    assert model.board.figure().axes


def test_the_loaders_are_whole_again_after_a_fit():
    trainer = fitted(Small())
    assert trainer.num_train_batches == len(trainer.train_dataloader) == 938


def test_a_replaced_fit_epoch_is_bound_by_the_budget_too():
    class Counting(d2l.Trainer):
        def fit_epoch(self):
            self.seen = getattr(self, "seen", 0) + sum(1 for _ in self.train_dataloader)

    data, trainer = d2l.FashionMNIST(), Counting(max_epochs=3)
    trainer.fit(Small(), data)
    assert trainer.seen == 6


def test_without_validation_data_the_model_stays_in_training_mode():
    class OnlyTraining(d2l.DataModule):
        def get_dataloader(self, train):
            batches = [(torch.randn(4, 1, 28, 28), torch.tensor([0, 1, 2, 3]))] * 3
            return batches if train else None

    model, trainer = Small(), d2l.Trainer(max_epochs=1, gradient_clip_val=1)
    trainer.fit(model, OnlyTraining())
    assert model.training
    assert trainer.num_val_batches == 0


def test_a_model_can_be_copied_after_a_fit():
    model = Small()
    fitted(model)
    copied = copy.deepcopy(model)
    X = torch.randn(2, 1, 28, 28)
    assert torch.equal(model(X), copied(X))


def test_lenet_has_the_parameters_and_the_summary_of_the_book(capsys):
    model = d2l.LeNet()
    model.layer_summary((1, 1, 28, 28))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Conv2d output shape:\t torch.Size([1, 6, 28, 28])"
    assert lines[6] == "Flatten output shape:\t torch.Size([1, 400])"
    assert len(lines) == 12
    assert sum(p.numel() for p in model.parameters()) == 61_706
    assert isinstance(model.configure_optimizers(), torch.optim.SGD)


def test_add_to_class_returns_none_and_patches_the_library():
    class Mine(d2l.Classifier):
        pass

    @d2l.add_to_class(Mine)
    def answer(self):
        return 42

    assert answer is None
    assert Mine().answer() == 42


def test_save_hyperparameters_keeps_arguments_and_not_the_object():
    class Odd(d2l.Module):
        def __init__(this, width, depth=2, secret=None, _hidden=1):  # noqa: N805
            super().__init__()
            this.save_hyperparameters(ignore=["secret"])

    model = Odd(3)
    assert model.hparams == {"width": 3, "depth": 2}
    assert (model.width, model.depth) == (3, 2)
    assert not hasattr(model, "secret")
    assert list(model.parameters()) == []
    assert "Odd" in repr(model)


def test_a_module_without_a_net_or_a_loss_says_so():
    with pytest.raises(AssertionError, match="Neural network is defined"):
        d2l.Module()(torch.ones(1))
    with pytest.raises(AssertionError, match="Trainer is not inited"):
        d2l.Module().plot("loss", 1.0, train=True)
    with pytest.raises(NotImplementedError):
        d2l.Module().loss(torch.ones(1), torch.ones(1))


def test_accuracy_is_a_share_or_one_value_for_each():
    Y_hat, Y = torch.eye(3), torch.tensor([0, 1, 0])
    model = d2l.Classifier()
    assert model.accuracy(Y_hat, Y) == pytest.approx(2 / 3)
    assert model.accuracy(Y_hat, Y, averaged=False).tolist() == [1, 1, 0]
    assert model.loss(Y_hat, Y, averaged=False).shape == (3,)


def test_a_gpu_that_is_not_there_is_no_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert d2l.Trainer(max_epochs=1, num_gpus=1).gpus == []
    assert d2l.try_gpu() == torch.device("cpu")
    assert d2l.try_all_gpus() == [torch.device("cpu")]


@pytest.mark.parametrize(
    "model",
    [
        lambda: d2l.LinearRegression(lr=0.03),
        lambda: d2l.LinearRegressionScratch(2, lr=0.03),
    ],
)
def test_linear_regression_fits_synthetic_data(model, budget, losses):
    budget.configure(training_s=60, training_steps=96)
    data = d2l.SyntheticRegressionData(w=torch.tensor([2, -3.4]), b=4.2)
    d2l.Trainer(max_epochs=3).fit(model(), data)
    assert losses.curves[0][-1] < losses.curves[0][0] / 10


@pytest.mark.parametrize(
    "block",
    [
        d2l.Residual(6, use_1x1conv=True, strides=2),
        d2l.Residual(6, True, 2),
        d2l.Residual(3, 6, use_1x1conv=True, strides=2),
        d2l.Residual(3, 6, True, 2),
        d2l.Residual(3, num_channels=6, use_1x1conv=True, strides=2),
        d2l.Residual(input_channels=3, num_channels=6, use_1x1conv=True, strides=2),
        d2l.ResNeXtBlock(6, 3, 1, use_1x1conv=True, strides=2),
    ],
)
def test_residual_blocks_take_the_signatures_of_both_editions(block):
    assert block(torch.randn(4, 3, 6, 6)).shape == (4, 6, 3, 3)


@pytest.mark.parametrize(
    "block",
    [
        d2l.Residual(3),
        d2l.Residual(3, 3),
        d2l.Residual(num_channels=3),
        d2l.ResNeXtBlock(3, 3, 1),
    ],
)
def test_residual_blocks_keep_the_shape_by_default(block):
    X = torch.randn(4, 3, 6, 6)
    before = X.clone()
    assert block(X).shape == X.shape
    assert torch.equal(X, before)


def test_resnet18_of_the_later_chapters_has_ten_logits():
    assert d2l.resnet18(10)(torch.randn(1, 1, 32, 32)).shape == (1, 10)


def test_init_cnn_leaves_lazy_layers_and_biases_alone():
    net = nn.Sequential(nn.LazyLinear(3), nn.Conv2d(1, 2, 3), nn.ReLU())
    bias = net[1].bias.clone()
    net.apply(d2l.init_cnn)
    assert torch.equal(net[1].bias, bias)
    assert net[1].weight.abs().max() <= (6 / 27) ** 0.5


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
def test_corr2d_is_torch_s_convolution(KH, KW, extra_h, extra_w):
    X, K = torch.randn(KH + extra_h, KW + extra_w), torch.randn(KH, KW)
    expected = nn.functional.conv2d(X[None, None], K[None, None])[0, 0]
    torch.testing.assert_close(d2l.corr2d(X, K), expected, atol=1e-5, rtol=1e-5)


def test_corr2d_takes_matrices_only():
    with pytest.raises(ValueError, match="unpack"):
        d2l.corr2d(torch.ones(3, 3), torch.ones(1, 1, 2, 2))


def test_a_board_of_the_notebook_is_handed_plain_numbers(monkeypatch):
    handed = []

    def draw(self, x, y, label, every_n=1):
        handed.append(y)

    monkeypatch.setattr(d2l.ProgressBoard, "draw", draw)
    data = d2l.SyntheticRegressionData(torch.tensor([2.0, -3.4]), 4.2, num_train=64, num_val=64)
    d2l.Trainer(max_epochs=1).fit(d2l.LinearRegressionScratch(2, lr=0.03), data)
    assert handed
    assert {type(y) for y in handed} == {d2l.np.ndarray}


def test_a_cell_of_many_fits_has_the_time_of_two(monkeypatch, budget):
    from d2l._budget import Budget

    from grader.guest import losses as _losses

    for few, seconds in (
        (False, budget.settings.training_s),
        (True, budget.settings.training_most_s),
    ):
        monkeypatch.setattr(_losses, "has_few_steps", lambda few=few: few)
        for trained, late in ((0.0, False), (1.5 * seconds, False), (2 * seconds, True)):
            monkeypatch.setattr(_losses, "trained_s", lambda s=trained: s)
            assert Budget(10).late is late


def test_a_fit_of_few_slow_steps_goes_on_until_it_has_a_curve(budget, losses):
    budget.configure(training_s=1e-9, training_steps=60)
    fitted(Small(), epochs=20)
    assert len(losses.curves[0]) == budget.LEAST_STEPS
