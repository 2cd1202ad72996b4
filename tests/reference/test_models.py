"""The models have the book's shapes, the formulas' parameters and torchvision's values.

Large models live on the meta device, which computes shapes and no numbers.
"""

import re

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.resnet import BasicBlock

import reference as ref
from reference import shapes

VGG_ARCHS = {
    "vgg11": ref.VGG11,
    "vgg13": ref.VGG13,
    "vgg16": ref.VGG16,
    "vgg19": ref.VGG19,
}


def shapes_of(make, input_shape):
    """Return the shapes layer by layer, and the number of parameters, without computing."""
    with torch.device("meta"):
        model = make()
        after = [shape for _, shape in ref.layer_shapes(model.net, input_shape)]
    return after, ref.count_parameters(model)


def channels_and_sides(after):
    return [(shape[1], shape[2]) if len(shape) == 4 else shape[1] for shape in after]


@pytest.mark.parametrize("make", [ref.LeNet, ref.ReLULeNet])
def test_lenet_layer_by_layer(make):
    after, count = shapes_of(make, (1, 1, 28, 28))
    first = [(6, 28), (6, 28), (6, 14), (16, 10), (16, 10), (16, 5)]
    assert channels_and_sides(after) == [*first, 400, 120, 120, 84, 84, 10]
    assert after == shapes.lenet_shapes()
    assert count == 61_706


@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(12, 40),
    st.integers(12, 40),
    st.integers(1, 12),
)
def test_lenet_follows_the_formulas_at_any_size(N, C, H, W, classes):
    after, count = shapes_of(lambda: ref.LeNet(num_classes=classes), (N, C, H, W))
    assert after == shapes.lenet_shapes((N, C, H, W), classes)
    assert count == shapes.lenet_parameters(classes, in_channels=C, image=(H, W))


@settings(max_examples=10)
@given(st.integers(1, 3), st.floats(0.25, 4))
def test_lenet_is_the_composition_of_the_operations(N, spread):
    x = spread * torch.randn(N, 1, 12, 13, dtype=torch.float64)
    model = ref.materialise(ref.LeNet().double(), x.shape)
    c1, _, _, c2, _, _, _, l1, _, l2, _, l3 = model.net
    y = ref.convolve(x, c1.weight, c1.bias, padding=2).sigmoid()
    y = ref.convolve(ref.pool2d_general(y, 2, "avg"), c2.weight, c2.bias).sigmoid()
    y = ref.pool2d_general(y, 2, "avg").flatten(1)
    for layer in (l1, l2):
        y = (y @ layer.weight.T + layer.bias).sigmoid()
    torch.testing.assert_close(model(x), y @ l3.weight.T + l3.bias)


def test_lenet_with_batch_norm_has_the_layers_of_the_book():
    after, count = shapes_of(ref.BNLeNet, (2, 1, 28, 28))
    assert after[3] == (2, 6, 12, 12)
    assert after[8:10] == [(2, 256), (2, 120)]
    scales = sum(shapes.batch_norm_parameters(c) for c in (6, 16, 120, 84))
    # without padding, LeNet sees 28x28 as it would see 24x24 with it
    assert count == shapes.lenet_parameters(image=(24, 24)) + scales


@pytest.mark.parametrize("arch", [ref.VGG11, ref.VGG16, ref.VGG19])
def test_vgg_layer_by_layer(arch):
    after, _ = shapes_of(lambda: ref.VGG(arch), (1, 1, 224, 224))
    blocks = [(64, 112), (128, 56), (256, 28), (512, 14), (512, 7)]
    assert channels_and_sides(after) == [*blocks, 25088, *[4096] * 6, 10]
    assert after == shapes.vgg_shapes(arch)


@pytest.mark.parametrize("name", VGG_ARCHS)
def test_vgg_has_as_many_parameters_as_torchvisions(name):
    after, count = shapes_of(lambda: ref.VGG(VGG_ARCHS[name], num_classes=1000), (1, 3, 224, 224))
    assert count == ref.count_parameters(_on_meta(name))
    assert count == shapes.vgg_parameters(VGG_ARCHS[name], 1000, in_channels=3)
    assert after[-1] == (1, 1000)


def _on_meta(name, **options):
    with torch.device("meta"):
        return torchvision.models.get_model(name, weights=None, **options)


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 8)), min_size=1, max_size=4),
    st.integers(1, 3),
    st.integers(16, 40),
    st.integers(16, 40),
)
def test_vgg_follows_the_formulas_for_any_arch(arch, C, H, W):
    after, count = shapes_of(lambda: ref.VGG(arch), (2, C, H, W))
    assert after == shapes.vgg_shapes(arch, (2, C, H, W))
    assert count == shapes.vgg_parameters(arch, in_channels=C, image=(H, W))


def test_the_blocks_of_vgg_compute_what_torchvisions_compute():
    theirs = torchvision.models.vgg11(weights=None, init_weights=False).features.double()
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    ours = nn.Sequential(*[ref.vgg_block(*pair) for pair in ref.VGG11]).double()
    _transplant(theirs, ref.materialise(ours, x.shape))
    torch.testing.assert_close(ours(x), theirs(x))


def _transplant(source, target):
    """Carry the parameters over in order."""
    with torch.no_grad():
        for ours, theirs in zip(target.parameters(), source.parameters(), strict=True):
            ours.copy_(theirs)


@pytest.mark.parametrize(("make", "layers"), [(ref.VGG, 2), (ref.AlexNet, 2), (ref.NiN, 1)])
def test_dropout_drops_one_half(make, layers):
    assert [m.p for m in make().modules() if isinstance(m, nn.Dropout)] == [0.5] * layers


def test_dropout_acts_in_training_only():
    model, x = ref.VGG(((1, 2), (1, 2))), torch.rand(3, 1, 8, 8)
    model = ref.materialise(model, x.shape)
    assert not torch.equal(model.train()(x), model.train()(x))
    assert torch.equal(model.eval()(x), model.eval()(x))
    hidden = model.train().net[:-1](x)  # ends with dropout: half is zero, the rest doubled
    assert 0.4 < (hidden == 0).float().mean() < 1


def test_resnet18_stage_by_stage():
    after, count = shapes_of(ref.ResNet18, (1, 1, 96, 96))
    stages = [(64, 24), (64, 24), (128, 12), (256, 6), (512, 3)]
    assert channels_and_sides(after) == [*stages, 10]
    assert count == 11_178_378


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=3),
    st.integers(1, 3),
    st.integers(20, 70),
    st.integers(20, 70),
)
def test_resnet_follows_the_formulas_for_any_arch(rest, C, H, W):
    arch = [(1, 64), *rest]
    after, count = shapes_of(lambda: ref.ResNet(arch, num_classes=7), (2, C, H, W))
    assert after == shapes.resnet_shapes(arch, (2, C, H, W), 7)
    assert count == shapes.resnet_parameters(arch, 7, in_channels=C)


def test_resnet_refuses_a_first_stage_that_does_not_fit_the_stem():
    with pytest.raises(ValueError, match="64 channels, got 32"):
        ref.ResNet([(1, 32)])


def test_densenet_refuses_channels_that_its_stem_does_not_have():
    with pytest.raises(ValueError, match="the stem's 64, got 32"):
        ref.DenseNet(32)


def test_resnet18_differs_from_torchvisions_by_biases_and_the_norms_of_shortcuts():
    theirs = _on_meta("resnet18")
    biases = sum(m.out_channels for m in theirs.modules() if isinstance(m, nn.Conv2d))
    norms = sum(shapes.batch_norm_parameters(channels) for channels in (128, 256, 512))
    # torchvision's three shortcuts are biased here as well: they are among the convolutions
    expected = ref.count_parameters(theirs) + biases - norms
    assert shapes.resnet_parameters(num_classes=1000, in_channels=3) == expected


def test_resnet_computes_what_torchvisions_computes_where_the_two_coincide():
    theirs = torchvision.models.ResNet(BasicBlock, [2, 1, 1, 1], num_classes=10).double().eval()
    for module in theirs.modules():  # a shortcut's norm that does nothing
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(1 - module.eps)
    ours = ref.ResNet(((2, 64), (1, 128), (1, 256), (1, 512))).double().eval()
    x = torch.randn(2, 3, 40, 33, dtype=torch.float64)
    _resnet_transplant(theirs, ref.materialise(ours, x.shape))
    torch.testing.assert_close(ours(x), theirs(x))


def _resnet_transplant(theirs, ours):
    """Carry weights over by kind and shape; our biases become 0, our norms do nothing."""
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(1 - module.eps)
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.bias)
    # ours: conv1, conv2, shortcut; torchvision's too, so weights match in order
    kinds = (nn.Conv2d, nn.Linear)
    pairs = zip(_of(ours, kinds), _of(theirs, kinds), strict=True)
    for our, their in pairs:
        our.weight.data.copy_(their.weight.data)
    ours.net[-1][-1].bias.data.copy_(theirs.fc.bias.data)


def _of(model, kinds):
    return [module for module in model.modules() if isinstance(module, kinds)]


def test_a_forgotten_stride_shows_in_the_stages_alone():
    right, count = shapes_of(ref.ResNet18, (1, 1, 96, 96))
    with torch.device("meta"):
        wrong = ref.ResNet18()
        wrong.net[2][0] = ref.Residual(128, use_1x1conv=True)
        after = [shape for _, shape in ref.layer_shapes(wrong.net, (1, 1, 96, 96))]
    assert ref.count_parameters(wrong) == count
    assert after[-1] == right[-1]
    assert after[2:5] != right[2:5]


def test_alexnet_layer_by_layer():
    after, count = shapes_of(ref.AlexNet, (1, 1, 224, 224))
    assert channels_and_sides(after)[:14] == [
        *[(96, 54)] * 2, (96, 26),
        *[(256, 26)] * 2, (256, 12),
        *[(384, 12)] * 4, *[(256, 12)] * 2, (256, 5),
        6400,
    ]  # fmt: skip
    convolutions = [(1, 96, 11), (96, 256, 5), (256, 384, 3), (384, 384, 3), (384, 256, 3)]
    linear = [(6400, 4096), (4096, 4096), (4096, 10)]
    expected = sum(shapes.conv2d_parameters(*c) for c in convolutions)
    assert count == expected + sum(shapes.linear_parameters(*pair) for pair in linear)


def test_nin_layer_by_layer():
    after, count = shapes_of(ref.NiN, (1, 1, 224, 224))
    assert channels_and_sides(after) == [
        (96, 54), (96, 26), (256, 26), (256, 12), (384, 12), (384, 5), (384, 5),
        (10, 5), (10, 1), 10,
    ]  # fmt: skip
    blocks = [(1, 96, 11), (96, 256, 5), (256, 384, 3), (384, 10, 3)]
    mixtures = sum(2 * shapes.conv2d_parameters(CO, CO, 1) for _, CO, _ in blocks)
    assert count == sum(shapes.conv2d_parameters(*block) for block in blocks) + mixtures


def test_googlenet_stage_by_stage():
    after, _ = shapes_of(ref.GoogLeNet, (1, 1, 96, 96))
    assert channels_and_sides(after) == [(64, 24), (192, 12), (480, 6), (832, 3), 1024, 10]


def test_googlenet_has_the_channels_of_torchvisions():
    _, count = shapes_of(lambda: ref.GoogLeNet(num_classes=1000), (1, 3, 96, 96))
    expected = shapes.linear_parameters(1024, 1000)
    theirs = _on_meta("googlenet", aux_logits=False, init_weights=False)
    for name, layer in theirs.named_modules():
        if isinstance(
            layer, nn.Conv2d
        ):  # torchvision has 3x3 where the paper and the book have 5x5
            kernel = 5 if name.endswith("branch3.1.conv") else layer.kernel_size
            expected += shapes.conv2d_parameters(layer.in_channels, layer.out_channels, kernel)
    assert count == expected


def test_every_convolution_of_googlenet_is_followed_by_relu():
    b1, b2 = ref.GoogLeNet().net[:2]
    assert [type(layer) for layer in b1[1::2]] == [nn.ReLU]
    assert [type(layer) for layer in b2[1::2]] == [nn.ReLU, nn.ReLU]


def test_densenet_block_by_block():
    after, count = shapes_of(ref.DenseNet, (1, 1, 96, 96))
    assert channels_and_sides(after) == [
        (64, 24),
        (192, 24), (96, 12),
        (224, 12), (112, 6),
        (240, 6), (120, 3),
        (248, 3), (248, 3), (248, 3),
        (248, 1), 248, 10,
    ]  # fmt: skip
    expected = shapes.conv2d_parameters(1, 64, 7) + shapes.batch_norm_parameters(64)
    for before, halved in ((64, 96), (96, 112), (112, 120), (120, None)):
        for CI in range(before, before + 4 * 32, 32):
            expected += shapes.batch_norm_parameters(CI) + shapes.conv2d_parameters(CI, 32, 3)
        expected += shapes.batch_norm_parameters(before + 128)
        if halved:
            expected += shapes.conv2d_parameters(before + 128, halved, 1)
    assert count == expected + shapes.linear_parameters(248, 10)
    assert isinstance(ref.DenseNet().net[-4], nn.ReLU)


def test_a_resnext_stage_differs_from_torchvisions_by_the_biases_of_its_convolutions():
    after, ours = shapes_of(
        lambda: ref.ResNeXt(((3, 256),), 4, 0.5, num_classes=1000), (1, 3, 64, 64)
    )
    theirs = _on_meta("resnext50_32x4d")  # in its first stage, 32 groups of 4 channels
    parts = nn.ModuleList([theirs.conv1, theirs.bn1, theirs.layer1])
    biases = sum(m.out_channels for m in parts.modules() if isinstance(m, nn.Conv2d))
    head = shapes.linear_parameters(256, 1000)
    assert ours == ref.count_parameters(parts) + biases + head
    assert after == [(1, 64, 16, 16), (1, 256, 16, 16), (1, 1000)]


def test_resnext_halves_in_every_stage_but_the_first():
    after, _ = shapes_of(lambda: ref.ResNeXt(((1, 32), (2, 64)), 8, 0.5), (2, 1, 64, 64))
    assert after == [(2, 64, 16, 16), (2, 32, 16, 16), (2, 64, 8, 8), (2, 10)]


SMALL = {
    "LeNet": (ref.LeNet, 28),
    "ReLULeNet": (ref.ReLULeNet, 28),
    "BNLeNet": (ref.BNLeNet, 28),
    "VGG": (lambda **options: ref.VGG(((1, 2), (1, 3)), **options), 8),
    "ResNet": (lambda **options: ref.ResNet(((1, 64), (1, 4)), **options), 32),
    "ResNeXt": (lambda **options: ref.ResNeXt(((1, 8),), 4, 1, **options), 32),
    "DenseNet": (lambda **options: ref.DenseNet(arch=(1, 1), growth_rate=2, **options), 32),
    "NiN": (ref.NiN, 96),
    "GoogLeNet": (ref.GoogLeNet, 32),
}


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_every_parameter_and_there_is_no_softmax(name):
    make, side = SMALL[name]
    model, x = make(num_classes=3), torch.randn(4, 1, side, side)
    ref.initialise(model, x.shape, seed=0)
    logits = model(x)
    model.loss(logits, torch.tensor([0, 1, 2, 0])).backward()
    assert logits.shape == (4, 3)
    assert not torch.allclose(logits.sum(1), torch.ones(4))
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_step_size_and_classes_are_passed_on(name):
    make, side = SMALL[name]
    model = ref.materialise(make(lr=0.25, num_classes=4), (2, 1, side, side))
    (group,) = model.configure_optimizers().param_groups
    assert (model.lr, group["lr"]) == (0.25, 0.25)
    assert model.eval()(torch.zeros(2, 1, side, side)).shape == (2, 4)


def test_a_lazy_model_cannot_be_counted_yet():
    with pytest.raises(ValueError, match="uninitialized parameter"):
        ref.count_parameters(ref.LeNet())


def test_layer_summary_prints_a_line_for_each_layer(capsys):
    ref.LeNet().layer_summary((1, 1, 28, 28))
    lines = capsys.readouterr().out.splitlines()
    found = [re.fullmatch(r"(\w+) output shape:\s+torch\.Size\(\[(.*)\]\)", line) for line in lines]
    assert [match[2] for match in found] == [
        ", ".join(map(str, shape)) for shape in shapes.lenet_shapes()
    ]
    assert found[0][1] == "Conv2d"


def test_asking_for_shapes_changes_nothing():
    model = ref.materialise(ref.BNLeNet(), (2, 1, 28, 28))
    model.net[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    ref.layer_shapes(model.net, (1, 1, 28, 28))
    ref.materialise(model, (1, 1, 28, 28))
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
