"""Compare the code of 1,000 made-up notebooks with each other; seconds and peak memory.

Each has forty cells of statements drawn at random; every tenth is a renamed copy of the one before
it.
"""

from __future__ import annotations

import random
import re
import resource
import time

from grader.course import load_assignment
from grader.similar.gather import book_prints, given_code
from grader.similar.pairs import compare
from grader.similar.shape import shape_of

STUDENTS = 1_000
WORDS = [
    f"{first}_{last}" for first in ("sum", "mean", "max", "pad", "fold", "view") for last in "aeiou"
]
FORMS = (
    "a = b.{0}(c[{1}:], dim=0) + d.{2}(e)",
    "for i in range(a.{0}):\n    b[i] += c.{2}(d[i], {1}) * e.{3}",
    "if a.{0}(b) > c.{2}():\n    print(d, e.{3}[{1}])",
    "a, b = zip(*[(c.{0}, d) for c, d in e.{2}.items() if d.{3} is not None])",
    "a = lambda b, c: b.{0}(c).{2}() / {1}",
    "while a.{0} < b:\n    a = c.{2}(a, d={1})\n    e.{3}.append(a)",
)


def notebook(draw: random.Random) -> list[str]:
    cells = []
    for _ in range(40):
        forms = draw.choices(FORMS, k=draw.randint(3, 6))
        words = [draw.sample(WORDS, 4) for _ in forms]
        cells.append("\n".join(form.format(*some) for form, some in zip(forms, words, strict=True)))
    return cells


def main() -> None:
    draw = random.Random(20_240)
    code = {}
    cells: list[str] = []
    for number in range(STUDENTS):
        copied = number % 10 == 9
        cells = [re.sub(r"\b[a-e]\b", "x", cell) for cell in cells] if copied else notebook(draw)
        code[f"s{number}"] = cells
    course = load_assignment("cnn")
    start = time.perf_counter()
    shapes = {name: shape_of(cells) for name, cells in code.items()}
    read = time.perf_counter() - start
    found = compare(shapes, given_code(course), book_prints(course))
    whole = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = sum(len(one) for one in shapes.values())
    print(
        f"{STUDENTS} notebooks, {lines} lines: {whole:.1f} s ({read:.1f} to read), {peak:.0f} MiB"
    )
    print(f"{len(found.pairs)} pairs listed, {sum(p.score > 0.9 for p in found.pairs)} above 90 %")


if __name__ == "__main__":
    main()
