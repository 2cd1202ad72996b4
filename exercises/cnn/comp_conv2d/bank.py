"""Known answers to `comp_conv2d`: right ones written differently, and mistakes with a name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.checks import mistake, rewrite

BOOK = "test_examples_from_the_book"
LAYER = "test_applies_the_layer"
LENGTH_1 = "test_keeps_an_axis_of_length_1"
GRADIENTS = "test_keeps_gradients"
ONCE = "test_calls_the_layer_once_on_a_batch"
ARGUMENT = "test_leaves_its_argument_alone"
ALL = (BOOK, LAYER, GRADIENTS, LENGTH_1, ONCE)


@rewrite
def as_in_the_book(conv2d, X):
    X = X.reshape((1, 1, *X.shape))
    Y = conv2d(X)
    return Y.reshape(Y.shape[2:])


@rewrite
def with_indices(layer, image):
    return layer(image[None, None])[0, 0]


@rewrite
def with_unsqueeze(conv2d, X):
    return conv2d(X.unsqueeze(0).unsqueeze(0)).squeeze(0).squeeze(0)


@rewrite
def with_view(conv2d, X):
    h, w = X.shape
    Y = conv2d(X.view(1, 1, h, w))
    return Y.view(Y.size(2), Y.size(3))


@rewrite
def with_a_stack(conv2d, X):
    batch = torch.stack([torch.stack([X])])
    for image in conv2d(batch):
        for channel in image:
            return channel
    raise AssertionError


@rewrite
def by_its_forward(conv2d, X):
    conv2d.train()
    return torch.flatten(conv2d(X[None][None]), 0, 2)


@rewrite
def prints_what_the_layer_is(conv2d, X):
    assert isinstance(conv2d, nn.Conv2d)
    print(conv2d.kernel_size, conv2d.stride, conv2d.padding)
    return conv2d(X[None, None])[0, 0]


@mistake(
    "the axes of batch and channel are still there",
    hint="The result is a matrix (H', W').",
    caught_by=(BOOK, LAYER, GRADIENTS, LENGTH_1, ARGUMENT),
)
def returns_four_axes(conv2d, X):
    return conv2d(X[None, None])


@mistake(
    "one of the two axes is still there",
    hint="The result is a matrix (H', W').",
    caught_by=(BOOK, LAYER, GRADIENTS, LENGTH_1, ARGUMENT),
)
def returns_three_axes(conv2d, X):
    return conv2d(X[None, None])[0]


@mistake(
    "every axis of length 1 is dropped",
    hint="squeeze() cannot tell your axes from a result with one row.",
    caught_by=LENGTH_1,
)
def squeezes(conv2d, X):
    return conv2d(X[None, None]).squeeze()


@mistake(
    "the layer gets a matrix",
    hint="A layer wants (batch, channel, height, width).",
    caught_by=(*ALL, ARGUMENT),
)
def passes_a_matrix(conv2d, X):
    return conv2d(X)


@mistake(
    "the layer gets an image without the axis of the batch",
    hint="A layer wants (batch, channel, height, width).",
    caught_by=ONCE,
)
def passes_no_batch(conv2d, X):
    return conv2d(X[None])[0]


@mistake(
    "the result is transposed",
    hint="The first of the two axes that stay is the height.",
    caught_by=(LAYER, GRADIENTS, LENGTH_1, ARGUMENT),
)
def transposes_the_result(conv2d, X):
    return conv2d(X[None, None])[0, 0].t()


@mistake(
    "the image is transposed",
    hint="The layer's height lies along the rows of X.",
    caught_by=(LAYER, GRADIENTS, LENGTH_1, ARGUMENT),
)
def transposes_the_image(conv2d, X):
    return conv2d(X.t()[None, None])[0, 0]


@mistake(
    "the size of the book's example is written into the function",
    hint="Take the sizes from X.shape.",
    caught_by=(LAYER, GRADIENTS, LENGTH_1),
)
def knows_only_8x8(conv2d, X):
    Y = conv2d(X.reshape((1, 1, 8, 8)))
    return Y.reshape(Y.shape[2:])


@mistake(
    "the result is given the shape of the image",
    hint="Padding and stride decide the shape of the result.",
    caught_by=(BOOK, LAYER, GRADIENTS),
)
def expects_the_same_size(conv2d, X):
    return conv2d(X[None, None]).reshape(X.shape)


@mistake(
    "the layer that was passed is not used",
    hint="Call conv2d, the argument.",
    caught_by=(BOOK, LAYER, GRADIENTS, LENGTH_1, ONCE, ARGUMENT),
)
def makes_its_own_layer(conv2d, X):
    return nn.Conv2d(1, 1, kernel_size=3, padding=1)(X[None, None])[0, 0]


@mistake(
    "padding and stride of the layer are not used",
    hint="Call the layer; its weight alone is not all of it.",
    caught_by=(BOOK, LAYER, GRADIENTS, ONCE),
)
def uses_the_weight_alone(conv2d, X):
    x = X[None, None]
    if isinstance(conv2d, nn.LazyConv2d):
        conv2d.initialize_parameters(x)
    return F.conv2d(x, conv2d.weight, conv2d.bias)[0, 0]


@mistake(
    "the bias of the layer is not used",
    hint="Call the layer; its weight alone is not all of it.",
    caught_by=(LAYER, GRADIENTS, ARGUMENT),
)
def forgets_the_bias(conv2d, X):
    x = X[None, None]
    if isinstance(conv2d, nn.LazyConv2d):
        conv2d.initialize_parameters(x)
    options = {"padding": conv2d.padding, "stride": conv2d.stride}
    return F.conv2d(x, conv2d.weight, **options)[0, 0]


@mistake(
    "the layer is called twice",
    hint="Keep the result of the first call.",
    caught_by=ONCE,
)
def calls_twice(conv2d, X):
    shape = conv2d(X[None, None]).shape[2:]
    return conv2d(X[None, None]).reshape(shape)


@mistake(
    "the image is changed by the call",
    hint="A view shares its numbers with X.",
    caught_by=ARGUMENT,
)
def writes_into_the_image(conv2d, X):
    Y = conv2d(X.clone()[None, None])[0, 0]
    X.add_(1)
    return Y


@mistake(
    "the result goes through an activation",
    hint="The result is what the layer gives.",
    caught_by=(LAYER, GRADIENTS),
)
def adds_an_activation(conv2d, X):
    return conv2d(X[None, None])[0, 0].relu()


@mistake(
    "the shape comes back in place of the result",
    hint="Return the tensor; ask for its shape outside.",
    caught_by=(BOOK, LAYER, GRADIENTS, LENGTH_1, ARGUMENT),
)
def returns_the_shape(conv2d, X):
    return conv2d(X[None, None]).shape[2:]


@mistake(
    "the result is rounded",
    hint="The result is what the layer gives.",
    caught_by=(LAYER, GRADIENTS),
)
def rounds_the_result(conv2d, X):
    return conv2d(X[None, None])[0, 0].round(decimals=2)


@mistake(
    "the kernel of the layer is changed by the call",
    hint="The layer is the caller's: call it, and leave its parameters alone.",
    caught_by=ARGUMENT,
)
def starts_the_layer_anew(conv2d, X):
    Y = conv2d(X[None, None])[0, 0]
    if hasattr(conv2d, "weight"):
        nn.init.ones_(conv2d.weight)
    return Y


@mistake(
    "the result is cut off from the layer, which gets no gradient",
    hint="What takes a tensor out of the graph: .data, .detach(), no_grad, .numpy()?",
    caught_by=GRADIENTS,
)
def detaches_the_result(conv2d, X):
    return conv2d(X[None, None])[0, 0].detach()


@mistake(
    "the layer is called with gradients switched off",
    hint="The result should be usable in a training.",
    caught_by=GRADIENTS,
    named=False,
)
def switches_gradients_off(conv2d, X):
    with torch.no_grad():
        return conv2d(X[None, None])[0, 0]
