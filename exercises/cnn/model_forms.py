"""Forms in which a model of the course is handed in, and what each form can show.

The current edition asks for a class with `lr` and `num_classes`. The older one has functions that
return a plain `nn.Sequential`, and single models: `net = nn.Sequential(...)`. A form without a
place for the number of classes is not asked for another one, and a model with an architecture of
its own is judged by that.
"""

from grader.checks import StudentRaised, assert_result_shape, make, outlined

CLASSES = 10
OTHER_CLASSES = 7


def is_refused(ask):
    """Return whether a call raises a TypeError, as for arguments that have no place."""
    try:
        ask()
    except StudentRaised as error:
        if error.kind != "TypeError":
            raise
        return True
    return False


def is_plain(student, name, *way):
    """Return whether a model is one `nn.Sequential`, without a place for a number of classes.

    A class that lacks the argument is no such form.
    """
    if student.is_one_model(name):
        return True
    with student.unrecorded():
        options = {"num_classes": OTHER_CLASSES}
        if not is_refused(lambda: make(student, name, way, **options)):
            return False
        return make(student, name, way).type_name == "Sequential"


def assert_number_of_classes(student, name, shape, *way):
    """Require as many logits as classes are asked for; of a plain form, those of the course.

    Args:
        student: the notebook.
        name: of the exercise.
        shape: of an input.
        way: the arguments before the options.
    """
    if not student.is_one_model(name):
        try:
            found = outlined(student, name, shape, *way, num_classes=OTHER_CLASSES)
        except StudentRaised as error:
            if error.kind != "TypeError" or not is_plain(student, name, *way):
                raise
        else:
            shown = ", ".join([*map(str, way), f"num_classes={OTHER_CLASSES}"])
            assert_result_shape(found, (OTHER_CLASSES,), call=f"{name}({shown})")
            return
    found = outlined(student, name, shape, *way)
    assert_result_shape(found, (CLASSES,), call=student.own_name(name))


def fixed_architecture(student, name, shape, given, read):
    """Return the architecture of a model that takes none, `given` if it shows none.

    None for a model that takes one.

    Args:
        student: the notebook.
        name: of the exercise.
        shape: of an input.
        given: an architecture to try.
        read: finds the architecture in an outline.
    """
    if name not in student.remembered:
        with student.unrecorded():
            student.remembered[name] = _fixed(student, name, shape, given, read)
    return student.remembered[name]


def _fixed(student, name, shape, given, read):
    is_one = student.is_one_model(name)
    if not is_one and not is_refused(lambda: outlined(student, name, shape, given)):
        return None
    try:
        return read(outlined(student, name, shape)) or given
    except StudentRaised:  # of a class or factory, the error for an architecture says more
        return given if is_one else None
