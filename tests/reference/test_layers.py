"""The blocks agree with torch's layers, with torchvision's blocks and with their own laws."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import relu
from torchvision.models.resnet import BasicBlock, Bottleneck

import reference as ref
from grader.checks.strategies import floats, sizes, whole_numbers

STRIDES = st.integers(1, 2)


@given(sizes(3), sizes(3), sizes(3), sizes(3))
def test_conv2d_is_corr2d_and_a_bias(KH, KW, OH, OW):
    layer, x = ref.Conv2D((KH, KW)), torch.rand(OH + KH - 1, OW + KW - 1)
    assert layer.bias.tolist() == [0]
    layer.bias.data += 2
    assert torch.equal(layer(x), ref.corr2d(x, layer.weight) + 2)


def test_conv2d_has_two_parameters_and_both_get_gradients():
    layer, x = ref.Conv2D((2, 3)), torch.rand(4, 5)
    layer(x).sum().backward()
    assert {name: (*p.shape,) for name, p in layer.named_parameters()} == {
        "weight": (2, 3),
        "bias": (1,),
    }
    assert layer.bias.grad.tolist() == [9]  # as many as places in the (3, 3) output
    torch.testing.assert_close(layer.weight.grad, ref.corr2d(x, torch.ones(3, 3)))


@pytest.mark.parametrize("kernel_size", [(2,), (2, 2, 2), (0, 1)])
def test_conv2d_refuses_a_kernel_size_that_is_not_a_pair(kernel_size):
    with pytest.raises(ValueError, match="two positive numbers"):
        ref.Conv2D(kernel_size)


@given(sizes(6), sizes(6), sizes(4), sizes(4))
def test_init_cnn_draws_within_the_bounds_of_xavier(CI, CO, KH, KW):
    for layer, area in ((nn.Conv2d(CI, CO, (KH, KW)), KH * KW), (nn.Linear(CI, CO), 1)):
        before, bias = layer.weight.clone(), layer.bias.clone()
        layer.apply(ref.init_cnn)
        assert layer.weight.abs().max() <= (6 / ((CI + CO) * area)) ** 0.5
        assert not torch.equal(layer.weight, before)
        assert torch.equal(layer.bias, bias)


def test_init_cnn_has_the_spread_of_xavier():
    layer = nn.Linear(200, 300)
    ref.init_cnn(layer)
    bound = (6 / 500) ** 0.5
    assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)


def test_init_cnn_leaves_other_modules_alone():
    net = nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU(), nn.ConvTranspose2d(3, 2, 2), nn.LazyConv2d(4, 1)
    )
    before = [p.clone() for layer in net[:3] for p in layer.parameters()]
    net.apply(ref.init_cnn)
    after = [p for layer in net[:3] for p in layer.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_init_cnn_knows_exact_types_only():
    class OwnConvolution(nn.Conv2d):
        pass

    layer = OwnConvolution(2, 3, 2)
    before = layer.weight.clone()
    layer.apply(ref.init_cnn)
    assert torch.equal(layer.weight, before)


@given(sizes(3), st.integers(2, 4), sizes(3), sizes(3), st.data())
def test_batch_norm_is_that_of_torch(C, N, H, W, data):
    ours, theirs = ref.BatchNorm(C).double(), nn.BatchNorm2d(C).double()
    count = N * H * W
    for _ in range(2):
        x = data.draw(floats((N, C, H, W), dtype=torch.float64))
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.moving_mean.flatten(), theirs.running_mean)
    # the book moves towards the biased variance, torch towards the unbiased one
    ours_moved, theirs_moved = ours.moving_var.flatten() - 0.81, theirs.running_var - 0.81
    torch.testing.assert_close(ours_moved * count / (count - 1), theirs_moved)


@given(floats((2, 3, 4, 5), dtype=torch.float64), floats((2, 3, 4, 5), dtype=torch.float64))
def test_batch_norm_in_evaluation_is_that_of_torch(seen, x):
    ours, theirs = ref.BatchNorm(3).double(), nn.BatchNorm2d(3).double()
    ours(seen)
    theirs.running_mean.copy_(ours.moving_mean.flatten())
    theirs.running_var.copy_(ours.moving_var.flatten())
    theirs.weight.data.copy_(ours.gamma.data.uniform_(-2, 2).flatten())
    theirs.bias.data.copy_(ours.beta.data.uniform_(-2, 2).flatten())
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@given(floats((4, 3), dtype=torch.float64))
def test_batch_norm_of_features_has_mean_beta_and_spread_gamma(x):
    layer = ref.BatchNorm(3, 2, eps=0.0).double()
    x = x + torch.arange(4.0, dtype=x.dtype)[:, None] ** 3 * 100  # no constant column
    layer.gamma.data.fill_(2)
    layer.beta.data.fill_(5)
    y = layer(x)
    torch.testing.assert_close(y.mean(0), torch.full((3,), 5.0).double())
    torch.testing.assert_close(y.std(0, correction=0), torch.full((3,), 2.0).double())


def test_batch_norm_in_evaluation_uses_its_moving_averages_and_keeps_them():
    layer = ref.BatchNorm(2).eval()
    layer.moving_mean.fill_(3)
    layer.moving_var.fill_(4 - layer.eps)
    x = torch.rand(1, 2, 3, 1)
    torch.testing.assert_close(layer(x), (x - 3) / 2)
    assert (layer.moving_mean == 3).all()
    assert set(layer.state_dict()) == {"gamma", "beta", "moving_mean", "moving_var"}


def test_batch_norm_refuses_other_shapes():
    with pytest.raises(ValueError, match="num_dims"):
        ref.BatchNorm(3, 3)
    for shape in ((2, 3), (2, 4, 1, 1)):
        with pytest.raises(ValueError, match="4 axes and 3 channels"):
            ref.BatchNorm(3)(torch.ones(shape))


@given(st.integers(1, 3), sizes(4), sizes(4), st.integers(2, 9), st.integers(2, 9))
def test_a_vgg_block_halves_the_size_and_sets_the_channels(num_convs, CI, CO, H, W):
    block = ref.vgg_block(num_convs, CO)
    assert block(torch.rand(2, CI, H, W)).shape == (2, CO, H // 2, W // 2)
    assert len(block) == 2 * num_convs + 1
    expected = ref.conv2d_parameters(CI, CO, 3) + (num_convs - 1) * ref.conv2d_parameters(CO, CO, 3)
    assert ref.count_parameters(block) == expected


@given(sizes(2), whole_numbers((1, 2, 4, 6), least=-3, most=3))
def test_a_vgg_block_is_convolution_relu_and_pooling(CO, x):
    block = ref.materialise(ref.vgg_block(1, CO), x.shape)
    conv = block[0]
    y = ref.convolve(x, conv.weight, conv.bias, padding=1).clamp(min=0)
    torch.testing.assert_close(block(x), ref.pool2d_general(y, 2))


@given(sizes(3), sizes(4), STRIDES, sizes(7), sizes(7))
def test_a_residual_block_has_the_shape_and_parameters_of_the_formulas(CI, CO, stride, H, W):
    block = ref.Residual(CO, use_1x1conv=True, strides=stride)
    y = block(torch.rand(2, CI, H, W))
    assert y.shape == (2, CO, *ref.output_shape((H, W), 3, stride=stride, padding=1))
    assert ref.count_parameters(block) == ref.residual_parameters(CI, CO, use_1x1conv=True)


def test_the_residual_examples_of_the_book():
    x = torch.rand(4, 3, 6, 6)
    assert ref.Residual(3)(x).shape == (4, 3, 6, 6)
    assert ref.Residual(6, use_1x1conv=True, strides=2)(x).shape == (4, 6, 3, 3)


@pytest.mark.parametrize("make", [ref.Residual, partial(ref.ResidualInOut, 3)])
@given(whole_numbers((2, 3, 5, 4)), st.booleans(), STRIDES)
def test_a_silenced_residual_block_is_relu_of_its_shortcut(make, x, use_1x1conv, strides):
    block = make(3, use_1x1conv, strides if use_1x1conv else 1)
    ref.materialise(block, x.shape).eval()
    nn.init.zeros_(block.bn2.weight)
    nn.init.zeros_(block.bn2.bias)
    shortcut = block.conv3(x) if use_1x1conv else x
    assert torch.equal(block(x), relu(shortcut))


@given(floats((2, 3, 5, 4)), st.booleans(), STRIDES)
def test_a_residual_block_leaves_its_input_alone_and_answers_nothing_negative(x, training, strides):
    block = ref.Residual(3, use_1x1conv=True, strides=strides).train(training)
    before = x.clone()
    assert (block(x) >= 0).all()
    assert torch.equal(x, before)


@given(sizes(3), sizes(3), st.booleans(), STRIDES, st.integers(2, 5))
def test_both_signatures_of_the_residual_block_agree(CI, CO, use_1x1conv, strides, side):
    if not use_1x1conv:
        CO, strides = CI, 1
    x = torch.rand(2, CI, side, side + 1)
    lazy = ref.materialise(ref.Residual(CO, use_1x1conv, strides), x.shape)
    eager = ref.ResidualInOut(CI, CO, use_1x1conv, strides)
    eager.load_state_dict(lazy.state_dict())
    assert [n for n, _ in eager.named_parameters()] == [n for n, _ in lazy.named_parameters()]
    assert torch.equal(eager(x), lazy(x))


@settings(max_examples=10)
@given(floats((2, 3, 5, 4), dtype=torch.float64))
def test_a_residual_block_without_biases_is_that_of_torchvision(x):
    ours = ref.ResidualInOut(3, 3).double()
    theirs = BasicBlock(3, 3).double()
    _copy(
        [ours.conv1, ours.bn1, ours.conv2, ours.bn2],
        [theirs.conv1, theirs.bn1, theirs.conv2, theirs.bn2],
    )
    torch.testing.assert_close(ours(x), theirs(x))


@settings(max_examples=10)
@given(floats((2, 16, 5, 4), dtype=torch.float64))
def test_a_resnext_block_without_biases_is_that_of_torchvision(x):
    ours = ref.materialise(ref.ResNeXtBlock(16, 2, 0.5).double(), x.shape)
    theirs = Bottleneck(16, 4, groups=4, base_width=32).double()  # 4 groups of 2 channels
    names = ("conv1", "conv2", "conv3", "bn1", "bn2", "bn3")
    _copy([getattr(ours, n) for n in names], [getattr(theirs, n) for n in names])
    torch.testing.assert_close(ours(x), theirs(x))


@given(whole_numbers((2, 3, 5, 4)), STRIDES)
def test_a_silenced_resnext_block_is_relu_of_its_normalised_shortcut(x, strides):
    block = ref.materialise(ref.ResNeXtBlock(4, 2, 0.5, True, strides), x.shape).eval()
    nn.init.zeros_(block.bn3.weight)
    conv, norm = block.shortcut
    shortcut = norm(ref.convolve(x, conv.weight, conv.bias, stride=strides))
    torch.testing.assert_close(block(x), relu(shortcut))


def _copy(ours, theirs):
    """Give our layers the weights of torchvision's, whose convolutions have no biases."""
    for our, their in zip(ours, theirs, strict=True):
        our.load_state_dict(their.state_dict(), strict=False)
        if isinstance(our, nn.Conv2d):
            nn.init.zeros_(our.bias)


def test_the_resnext_examples_of_the_book():
    x = torch.rand(4, 32, 96, 96, device="meta")
    with torch.device("meta"):
        assert ref.ResNeXtBlock(32, 16, 1)(x).shape == (4, 32, 96, 96)
        block = ref.ResNeXtBlock(64, 16, 1, use_1x1conv=True, strides=2)
        assert block(x).shape == (4, 64, 48, 48)
    with pytest.raises(ValueError, match="groups of 3 do not divide 4 channels"):
        ref.ResNeXtBlock(4, 3, 1)


@given(sizes(3), sizes(3), sizes(3), sizes(5))
def test_a_dense_block_keeps_its_input_and_appends(C, num_convs, growth, side):
    x = torch.rand(2, C, side, side + 1)
    y = ref.DenseBlock(num_convs, growth)(x)
    assert y.shape == (2, C + num_convs * growth, side, side + 1)
    assert torch.equal(y[:, :C], x)


@given(whole_numbers((2, 3, 4, 5)), sizes(2), sizes(3))
def test_dense_and_transition_blocks_are_norm_relu_and_convolution(x, num_convs, growth):
    dense = ref.materialise(ref.DenseBlock(num_convs, growth), x.shape).eval()
    y = x
    for norm, _, conv in dense.net:
        new = ref.convolve(norm(y).clamp(min=0), conv.weight, conv.bias, padding=1)
        y = torch.cat((y, new), dim=1)
    torch.testing.assert_close(dense(x), y)
    transition = ref.materialise(ref.transition_block(2), y.shape).eval()
    norm, _, conv, _ = transition
    mixed = ref.convolve(norm(y).clamp(min=0), conv.weight, conv.bias)
    torch.testing.assert_close(transition(y), ref.pool2d_general(mixed, 2, "avg"))


def test_the_dense_examples_of_the_book():
    y = ref.DenseBlock(2, 10)(torch.rand(4, 3, 8, 8))
    assert y.shape == (4, 23, 8, 8)
    assert ref.transition_block(10)(y).shape == (4, 10, 4, 4)


@given(sizes(3), sizes(3), st.tuples(sizes(3), sizes(3)), st.tuples(sizes(3), sizes(3)), sizes(3))
def test_inception_joins_its_four_paths(CI, c1, c2, c3, c4):
    block, x = ref.Inception(c1, c2, c3, c4), torch.rand(2, CI, 3, 4)
    y = block(x)
    assert y.shape == (2, c1 + c2[1] + c3[1] + c4, 3, 4)
    paths = y.split([c1, c2[1], c3[1], c4], dim=1)
    torch.testing.assert_close(paths[0], _relu_conv(block.b1_1, x))
    torch.testing.assert_close(paths[1], _relu_conv(block.b2_2, _relu_conv(block.b2_1, x)))
    torch.testing.assert_close(paths[2], _relu_conv(block.b3_2, _relu_conv(block.b3_1, x)))
    pooled = ref.pool2d_general(x, 3, stride=1, padding=1)
    torch.testing.assert_close(paths[3], _relu_conv(block.b4_2, pooled))


def _relu_conv(layer, x):
    """Convolve so that height and width stay, then ReLU; by our own formula."""
    padding = layer.kernel_size[0] // 2
    return ref.convolve(x, layer.weight, layer.bias, padding=padding).clamp(min=0)


@given(whole_numbers((2, 3, 5, 6)), sizes(4), sizes(3), STRIDES, st.integers(0, 1))
def test_a_nin_block_is_a_convolution_and_two_mixtures_of_channels(x, CO, kernel, strides, padding):
    block = ref.materialise(ref.nin_block(CO, kernel, strides, padding), x.shape)
    first, *mixtures = block[::2]
    y = ref.convolve(x, first.weight, first.bias, stride=strides, padding=padding).clamp(min=0)
    for conv in mixtures:
        assert conv.kernel_size == (1, 1)
        y = ref.convolve(y, conv.weight, conv.bias).clamp(min=0)
    assert len(mixtures) == 2
    torch.testing.assert_close(block(x), y)
