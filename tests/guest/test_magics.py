"""Magics that hold Python code count as that code, and every line keeps its number."""

from __future__ import annotations

import time

import pytest

from grader.guest import magics


def python(source: str) -> str:
    return magics.transformer().transform_cell(source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("%%time\nx = 1", "# %%time\nx = 1\n"),
        ("# training\n\n%%time\nx = 1", "# training\n\n# %%time\nx = 1\n"),
        ("%%time\n%%capture\nx = 1", "# %%time\n# %%capture\nx = 1\n"),
        ("%%time\n    x = 1\n    y = 2", "# %%time\nx = 1\ny = 2\n"),
        ("%%timeit -n 1 -r1 k = 3\nf(k)", "k = 3\nf(k)\n"),
        ("%%prun -s cumtime -l 10\nf()", "# %%prun -s cumtime -l 10\nf()\n"),
        ("x = 1\n%%time\ny = 2", "x = 1\npass\ny = 2\n"),
        ("for i in y:\n    %time f(i)", "for i in y:\n    f(i)\n"),
        ("for i in y:\n    z = %time g(i)", "for i in y:\n    z = g(i)\n"),
        ("a, b = %time f()", "a, b = f()\n"),
        ("%timeit -n 1 -r 1 -o f(-x)", "f(-x)\n"),
        ("%time -x", "-x\n"),
        ("%memit -r 1 f()\n%mprun -f f f(x)", "f()\nf(x)\n"),
        ("%time f(a, \\\n  b)", "f(a, \\\n  b)\n"),
        (">>> %time f()", "f()\n"),
        ("\n\nx = 1", "#\n#\nx = 1\n"),
        ("\n\n%%time\nx = 1", "#\n#\n# %%time\nx = 1\n"),
    ],
)
def test_a_magic_around_code_is_that_code_on_the_same_lines(source, code):
    assert python(source) == code


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("%%bash\ntime ls", "run_cell_magic('bash'"),
        ("%%writefile a.py\n%time f()", "run_cell_magic('writefile'"),
        ("%%time\n%%bash\nls", "run_cell_magic('time'"),
        ("%matplotlib inline", "run_line_magic('matplotlib'"),
        ("%time?", "'pinfo'"),
        ("s = '''\n%time f()\n'''\n%time g()", "'''\n%time f()\n'''\ng()"),
        ("y = (a\n%time)\n%time g()", "y = (a\n%time)\ng()"),
    ],
)
def test_what_holds_no_code_stays_as_it_is(source, kept):
    assert kept in python(source)


@pytest.mark.parametrize("line", ['"\\"' * 50_000, " " * 100_000, "x " * 50_000, "%time " * 20_000])
def test_a_long_line_is_read_at_once(line):
    started = time.process_time()
    magics.unwrapped(["%%time\n", f"{line}(\n"])
    assert time.process_time() - started < 5
