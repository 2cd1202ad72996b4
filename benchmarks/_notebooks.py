"""Made-up notebooks: six exercises answered right, or with one mistake in each.

Here: their text and how a class of them is written. Not here: measuring (`_measure.py`).
"""

from __future__ import annotations

from pathlib import Path

import nbformat

IMPORTS = "import torch\nfrom torch import nn\n"
ANSWERS = {
    "corr2d": """def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y
""",
    "corr2d_multi_in": """def corr2d_multi_in(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K))
""",
    "corr2d_multi_in_out": """def corr2d_multi_in_out(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], 0)
""",
    "corr2d_multi_in_out_1x1": """def corr2d_multi_in_out_1x1(X, K):
    c_i, h, w = X.shape
    c_o = K.shape[0]
    return torch.matmul(K.reshape((c_o, c_i)), X.reshape((c_i, h * w))).reshape((c_o, h, w))
""",
    "pool2d": """def pool2d(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    Y = torch.zeros((X.shape[0] - p_h + 1, X.shape[1] - p_w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            part = X[i:i + p_h, j:j + p_w]
            Y[i, j] = part.max() if mode == "max" else part.mean()
    return Y
""",
    "comp_conv2d": """def comp_conv2d(conv2d, X):
    X = X.reshape((1, 1) + X.shape)
    Y = conv2d(X)
    return Y.reshape(Y.shape[2:])
""",
}
SIX = tuple(ANSWERS)
MISTAKES = {
    "corr2d_multi_in_out": ("for k in K], 0)", "for k in K], 1)"),
    "pool2d": ("part.mean()", "part.sum()"),
    "corr2d_multi_in": ("zip(X, K))", "zip(X[:1], K))"),
}
"""Each in an exercise that no other calls, or all that call it fail with it."""


def answers_of(number: int, *, wrong: bool = False) -> dict[str, str]:
    """Return the cells of a student; the number makes the text of each student another one.

    With `wrong`, one or two exercises are wrong, another mistake for each number.
    """
    answers = {name: f"{text}# {number}\n" for name, text in ANSWERS.items()}
    if wrong:
        name = [*MISTAKES][number // 2 % len(MISTAKES)]
        answers[name] = answers[name].replace(*MISTAKES[name])
    return answers


def failing(number: int) -> int:
    """Return how many exercises a wrong student of this number fails."""
    return 2 if [*MISTAKES][number // 2 % len(MISTAKES)] == "corr2d_multi_in" else 1


def write_class(folder: Path, count: int, *, half_wrong: bool = False) -> None:
    """Write notebooks of one cell an exercise; every second one is wrong with `half_wrong`."""
    for number in range(count):
        answers = answers_of(number, wrong=half_wrong and number % 2 == 1)
        write_notebook(folder / f"student-{number}" / "hw2.ipynb", [IMPORTS, *answers.values()])


def write_notebook(path: Path, sources: list[str]) -> None:
    """Write a notebook of code cells, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
