"""Known answers to `layer_summary`: right ones written differently, and mistakes with a name."""

import torch

from grader.checks import mistake, rewrite

LINES = "test_a_line_for_every_layer"
NAMES = "test_class_names"
WORDING = "test_wording"
SHAPES = "test_shapes"
ANY = "test_any_network"


@rewrite
def as_in_the_book(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@rewrite
def a_function_of_the_network(net, shape):
    x = torch.zeros(shape)
    for layer in net:
        x = layer(x)
        print(f"{type(layer).__name__} output shape: {tuple(x.shape)}")


@rewrite
def with_a_header_and_numbers(model, input_shape):
    print("=" * 20, "\nlayers of the network")
    x = torch.rand(size=tuple(input_shape))
    for number, (_, layer) in enumerate(model.net.named_children()):
        x = layer(x)
        print(f"{number:2d} {layer.__class__.__name__:>12s}  Output shape:{list(x.shape)}")


@rewrite
def with_hooks_and_a_single_call(self, X_shape):
    def show(layer, _inputs, output):
        print(type(layer).__name__, "output shape:", output.shape)

    hooks = [layer.register_forward_hook(show) for layer in self.net]
    self(torch.randn(*X_shape))
    for hook in hooks:
        hook.remove()


@rewrite
def without_gradients_and_all_at_once(self, X_shape):
    lines = []
    with torch.no_grad():
        X = torch.randn(X_shape)
        for i in range(len(self.net)):
            X = self.net[i](X)
            name = str(self.net[i].__class__).split(".")[-1].rstrip("'>")
            lines.append(name + "output shape:".rjust(16) + "\t" + str(X.size()))
    print("\n".join(lines))


@mistake(
    "the shape before the layer",
    hint="Print after X = layer(X), not before.",
    caught_by=(SHAPES, ANY),
)
def prints_the_shape_before(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        print(layer.__class__.__name__, "output shape:\t", X.shape)
        X = layer(X)


@mistake(
    "the last layer is missing",
    hint="Count the lines and the layers.",
    caught_by=(LINES, NAMES, WORDING, SHAPES, ANY),
)
def leaves_the_last_out(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net[:-1]:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "layers without weights are left out",
    hint="Activations and pooling are layers too.",
    caught_by=(LINES, NAMES, WORDING, SHAPES, ANY),
)
def leaves_activations_out(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        if list(layer.parameters()):
            print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "nothing is printed",
    hint="print(...) each line; what is returned or stored is not shown.",
    caught_by=(LINES, NAMES, WORDING, SHAPES, ANY),
)
def returns_the_lines(self, X_shape):
    X = torch.randn(*X_shape)
    lines = []
    for layer in self.net:
        X = layer(X)
        lines.append(f"{layer.__class__.__name__} output shape: {X.shape}")
    return lines


@mistake(
    "only the last shape is printed",
    hint="The print belongs into the loop.",
    caught_by=(LINES, NAMES, WORDING, SHAPES, ANY),
)
def prints_after_the_loop(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
    print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "the classes are not named",
    hint="layer.__class__.__name__ is the name of a layer's class.",
    caught_by=NAMES,
)
def names_no_class(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print("output shape:\t", X.shape)


@mistake(
    "every line names the network's class",
    hint="The class of the layer, not that of self.net.",
    caught_by=NAMES,
)
def names_the_class_of_the_network(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print(self.net.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "the lines do not say what the shape is",
    hint="The book prints 'output shape:' between name and shape.",
    caught_by=WORDING,
)
def says_no_output_shape(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, X.shape)


@mistake(
    "the result of a layer is not passed on",
    hint="X = layer(X): the next layer takes what this one gave.",
    caught_by=(SHAPES, ANY),
)
def does_not_pass_on(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        Y = layer(X)
        print(layer.__class__.__name__, "output shape:\t", Y.shape)


@mistake(
    "every line holds the shape of the input",
    hint="Print the shape of what the layer gave.",
    caught_by=(SHAPES, ANY),
)
def prints_the_shape_of_the_input(self, X_shape):
    X = Y = torch.randn(*X_shape)
    for layer in self.net:
        Y = layer(Y)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "the first axis is left out of the shapes",
    hint="X.shape begins with the batch.",
    caught_by=(SHAPES, ANY),
)
def leaves_the_batch_out(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape[1:])


@mistake(
    "a batch of one image for every X_shape",
    hint="X_shape holds all four sizes: torch.randn(*X_shape).",
    caught_by=ANY,
)
def takes_one_image(self, X_shape):
    X = torch.randn(1, *X_shape[1:])
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "an image with a single channel for every X_shape",
    hint="X_shape holds all four sizes: torch.randn(*X_shape).",
    caught_by=ANY,
)
def takes_one_channel(self, X_shape):
    X = torch.randn(X_shape[0], 1, *X_shape[2:])
    for layer in self.net:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "blocks are taken apart",
    hint="self.net holds the layers to go through; one of them may be a block.",
    caught_by=ANY,
)
def takes_blocks_apart(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in (m for m in self.net.modules() if not list(m.children())):
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@mistake(
    "a fixed number of layers",
    hint="Go through all of self.net, however long it is.",
    caught_by=ANY,
)
def knows_only_lenet(self, X_shape):
    X = torch.randn(*X_shape)
    for layer in self.net[:12]:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)


@rewrite
def with_hooks(self, X_shape):
    def say(layer, _inputs, output):
        print(layer.__class__.__name__, "output shape:\t", output.shape)

    hooks = [layer.register_forward_hook(say) for layer in self.net]
    self.net(torch.randn(*X_shape))
    for hook in hooks:
        hook.remove()
