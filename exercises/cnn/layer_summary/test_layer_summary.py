"""The checks of `layer_summary`: a method of the classifier, or a plain function of a model.

It is called with a trusted model that holds its layers in `.net`, so that a wrong LeNet is not
charged here. The printed text is judged: a line for each layer, with any white space and order.
"""

import re

from grader.checks import StudentRaised, check, fail

# The shapes before and after a layer differ, but for those of an activation.
SMALL = (("Conv2d", 1, 2, 3), ("ReLU",), ("MaxPool2d", 2), ("Flatten",), ("LazyLinear", 4))
SMALL_SHAPE = (1, 1, 8, 10)
SMALL_SHAPES = ((1, 2, 6, 8), (1, 2, 6, 8), (1, 2, 3, 4), (1, 24), (1, 4))
# A block of layers is one layer of the network, as in ResNet; fourteen are more than LeNet has.
OTHER = (
    ("Conv2d", 3, 4, 3),
    ("Tanh",),
    ("AvgPool2d", 2),
    ("Sequential", ("LazyBatchNorm2d",), ("Conv2d", 4, 3, 1), ("ReLU",)),
    ("Conv2d", 3, 1, 2),
    *([("Flatten",), ("Dropout",)] * 4),
    ("LazyLinear", 3),
)
OTHER_SHAPE = (2, 3, 8, 12)
CONVOLVED = ((2, 4, 6, 10), (2, 4, 6, 10), (2, 4, 3, 5), (2, 3, 3, 5), (2, 1, 2, 4))
OTHER_SHAPES = (*CONVOLVED, *[(2, 8)] * 8, (2, 3))


def built(student, kind, *parts):
    """Make a layer; parts that are layers themselves are made first."""
    made = (built(student, *part) if isinstance(part, tuple) else part for part in parts)
    return student.build(kind, *made)


def lines_of(student, kinds, shape):
    """Return the lines with a shape that the summary of a network prints."""
    net = built(student, "Sequential", *kinds)
    model = student.build("Sequential")  # callable like a classifier, with its .net
    model.call("add_module", "net", net)
    lines, first = None, None
    for subject in (model, net):  # a function of the network itself is right too
        try:
            text = student.call("layer_summary", subject, shape).printed
        except StudentRaised as error:
            first = first or error
            continue
        said = [line for line in text.splitlines() if shape_in(line) is not None]
        lines = said if lines is None or len(said) == len(kinds) else lines
    if lines is None:
        raise first
    student.note(["".join(line.split()) for line in lines])
    return lines


def shape_in(line):
    """Return the shape that a line ends with; None where there is none."""
    # single blanks and short numbers: the printed text is untrusted and of any length
    text = " ".join(line.split())
    match = re.search(r"[(\[] ?(\d{1,9}(?: ?, ?\d{1,9})*) ?,? ?[)\]]\D*$", text)
    return tuple(int(n) for n in match[1].split(",")) if match else None


def names_of(kinds):
    return [kind.removeprefix("Lazy") for kind, *_ in kinds]


def assert_said(said, expected, call):
    for number, (got, due) in enumerate(zip(said, expected, strict=True), 1):
        if got != due:
            fail(f"{call}: line {number} says {got}, expected {due}", call=call, got=str(got),
                 expected=str(due))  # fmt: skip


def call_of(shape):
    return f"layer_summary({shape})"


@check(points=1, feedback="One print for each layer of self.net, the last one included.")
def test_a_line_for_every_layer(student):
    """It prints one line with a shape for every layer of the network."""
    lines = lines_of(student, SMALL, SMALL_SHAPE)
    if len(lines) != len(SMALL):
        call = call_of(SMALL_SHAPE)
        fail(
            f"{call} prints {len(lines)} lines with a shape, expected {len(SMALL)}",
            call=call,
            got="; ".join(lines[:8]) or "nothing",
            expected=f"{len(SMALL)} lines",
        )


@check(
    points=1,
    needs="test_a_line_for_every_layer",
    feedback="layer.__class__.__name__ is the name of a layer's class.",
)
def test_class_names(student):
    """Each line shows the name of the layer's class."""
    lines = lines_of(student, SMALL, SMALL_SHAPE)
    for number, (line, name) in enumerate(zip(lines, names_of(SMALL), strict=True), 1):
        words = [word.removeprefix("Lazy") for word in re.findall(r"\w+", line)]
        if name not in words:
            call = call_of(SMALL_SHAPE)
            fail(f"{call}: line {number} does not hold {name}", call=call, got=line, expected=name)


@check(
    points=1,
    needs="test_a_line_for_every_layer",
    feedback="Print 'output shape:' between name and shape, as the book does.",
)
def test_wording(student):
    """Each line says that the shape is the output shape."""
    for line in lines_of(student, SMALL, SMALL_SHAPE):
        if not re.search(r"output\W*shape", line, re.IGNORECASE):
            call = call_of(SMALL_SHAPE)
            fail(f"{call}: a line does not say output shape", call=call, got=line,
                 expected="output shape:")  # fmt: skip


@check(
    points=1,
    needs="test_a_line_for_every_layer",
    feedback="Print X.shape after X = layer(X), and go on with this X.",
)
def test_shapes(student):
    """Each line shows the shape after its layer."""
    said = [shape_in(line) for line in lines_of(student, SMALL, SMALL_SHAPE)]
    assert_said(said, SMALL_SHAPES, call_of(SMALL_SHAPE))


@check(
    points=1,
    needs="test_shapes",
    feedback="Print one line for each layer of self.net, blocks too; take all sizes from X_shape.",
)
def test_any_network(student):
    """It works for networks of any length, for blocks, and for more than one image."""
    call = call_of(OTHER_SHAPE)
    lines = lines_of(student, OTHER, OTHER_SHAPE)
    if len(lines) != len(OTHER):
        fail(f"{call} prints {len(lines)} lines with a shape, expected {len(OTHER)}", call=call)
    assert_said([shape_in(line) for line in lines], OTHER_SHAPES, call)
