"""A copy of the library's code answers no exercise; code that the notebook's text holds does."""

import _thread
import ast
import copy
import cProfile
import functools
import importlib.util
import inspect
import marshal
import queue
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from grader.guest import library_copies
from grader.guest.import_rewriting import HOOK as PACKAGES
from grader.guest.import_rewriting import ImportRewriter
from grader.guest.library_answers import LibraryAnswers
from grader.guest.library_copies import CopyOfLibrary

LIBRARY = '''
import torch
from torch import nn

def smooth(x, k):
    """Smooth."""
    rows, columns = k.shape
    y = torch.zeros(x.shape[0] - rows + 1, x.shape[1] - columns + 1)
    for i in range(y.shape[0]):
        y[i] = sum((x[i : i + rows, :columns] * k).sum() for _ in range(1))
    return y

class Base(nn.Module):
    def forward(self, x):
        return self.net(x)

class Net(Base):
    def __init__(self, lr=0.1):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 4))
'''
TYPED = """
def mine(image, kernel):
    h, w = kernel.shape
    out = torch.zeros(image.shape[0] - h + 1, image.shape[1] - w + 1)
    for row in range(out.shape[0]):
        out[row] = sum((image[row : row + h, :w] * kernel).sum() for _ in range(1))
    return out
"""
X, K = torch.ones(4, 4), torch.ones(2, 2)


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "small_library.py"
    file.write_text(LIBRARY)
    module = loaded(file, "small_library")
    monkeypatch.setitem(sys.modules, "small_library", module)
    return module


@pytest.fixture
def answers(library):
    made = LibraryAnswers([library])
    yield made
    made.hide([])
    threading.settrace(None)


def loaded(file, name):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executed(text, name):
    made = {"torch": torch, "nn": nn}
    exec(text, made)
    return made[name]


def of_code(code):
    return types.FunctionType(code, {"torch": torch})


def inside(code):
    def answer(*args):
        return of_code(code)(*args)

    return answer


def with_a_step(text):
    """The text with a statement before each other one."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.For):
            node.body = [part for one in node.body for part in (ast.parse("z = None").body[0], one)]
    return ast.unparse(ast.fix_missing_locations(tree))


class OtherNames(ast.NodeTransformer):
    """Renames what a function takes from outside, and writes sums the other way round."""

    def visit_Name(self, node):
        return ast.Name({"torch": "t", "range": "r", "sum": "s"}.get(node.id, node.id), node.ctx)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            node.left, node.right = node.right, node.left
        return node


def rewritten(text):
    tree = OtherNames().visit(ast.parse(text))
    made = {"t": torch, "r": range, "s": sum}
    exec(compile(ast.fix_missing_locations(tree), "<cell 3>", "exec"), made)
    return made["smooth"]


def rebuilt(code):
    """The function of a code whose bytes begin with a step that does nothing."""
    start = code.co_code[:2]  # `RESUME`
    return of_code(code.replace(co_code=start + bytes([9, 0]) * 3 + code.co_code[2:]))


def in_a_lambda(function):
    return lambda x, k: function(x, k)[:]


def without_trace(function):
    def answer(*args):
        trace = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args)
        finally:
            sys.settrace(trace)

    return answer


def without_profile(function):
    def answer(*args):
        noted = sys.getprofile()
        sys.setprofile(None)
        try:
            return function(*args)
        finally:
            sys.setprofile(noted)

    return answer


def catches(function):
    def answer(*args):
        try:
            return function(*args)
        finally:
            function(*args)

    return answer


COPIES = {
    "its code object": lambda m: of_code(m.smooth.__code__),
    "its code under another file": lambda m: of_code(
        m.smooth.__code__.replace(co_filename="<cell 0>", co_name="mine")
    ),
    "its code from bytes": lambda m: of_code(marshal.loads(marshal.dumps(m.smooth.__code__))),
    "its source": lambda m: executed(inspect.getsource(m.smooth), "smooth"),
    "its source with other names": lambda m: executed(
        inspect.getsource(m.smooth).replace("rows", "h").replace('"""Smooth."""', ""), "smooth"
    ),
    "its module again": lambda m: loaded(m.__file__, "other").smooth,
    "called twice": lambda m: catches(of_code(m.smooth.__code__)),
    "inside a function": lambda m: inside(m.smooth.__code__),
    "its source with steps added": lambda m: executed(
        with_a_step(inspect.getsource(m.smooth)), "smooth"
    ),
    "its source with a line added": lambda m: executed(
        inspect.getsource(m.smooth).replace("    return y", "    y = y + 0\n    return y"), "smooth"
    ),
    "its source with another argument": lambda m: executed(
        inspect.getsource(m.smooth).replace("(x, k)", "(x, k, padding=0, *others)"), "smooth"
    ),
    "its syntax tree rewritten": lambda m: rewritten(inspect.getsource(m.smooth)),
    "its bytes with steps added": lambda m: rebuilt(m.smooth.__code__),
    "its code under a file of torch": lambda m: of_code(
        m.smooth.__code__.replace(co_filename=nn.functional.__file__)
    ),
    "in a lambda": lambda m: in_a_lambda(rebuilt(m.smooth.__code__)),
    "a part of a rebuilt function": lambda m: functools.partial(rebuilt(m.smooth.__code__), X),
}
MODELS = {
    "its layers": lambda m: m.Net().net,
    "copied layers": lambda m: nn.Sequential(*copy.deepcopy(m.Net()).net),
    "layers of a subclass": lambda m: type("Mine", (m.Net,), {})().net,
    "layers of its module again": lambda m: loaded(m.__file__, "other").Net().net,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_of_a_function_answers_nothing_while_its_exercise_is_asked(library, answers, way):
    answer = COPIES[way](library)
    given = (K,) if isinstance(answer, functools.partial) else (X, K)
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary, match="library's own smooth"), answers.copies.watched({}):
        answer(*given)
    answers.hide(["other"])
    with answers.copies.watched({}):
        assert answer(*given).shape == (3, 3)


@pytest.mark.parametrize("way", MODELS)
def test_layers_that_the_library_made_answer_nothing(library, answers, way):
    model = MODELS[way](library)
    answers.hide(["Net"])
    with pytest.raises(CopyOfLibrary, match="library's own Net"), answers.copies.watched({}):
        model(torch.ones(1, 2))
    answers.hide(["other"])
    with answers.copies.watched({}):
        assert model(torch.ones(1, 2)).shape == (1, 4)


@pytest.mark.parametrize(
    "cell",
    [
        TYPED,
        f"exec({TYPED!r})",
        f"get_ipython().run_cell_magic('writefile', 'own.py', {TYPED!r})",
        "class Holder:\n" + TYPED.replace("\n", "\n    "),
        TYPED + with_a_step(TYPED),
    ],
    ids=["typed", "in a string", "in a file that a cell writes", "in a class", "typed twice"],
)
def test_the_same_steps_typed_into_a_cell_are_the_students_own(answers, cell):
    answers.hide(["smooth"])
    with answers.copies.watched({0: "import torch", 1: cell}):
        assert executed(TYPED, "mine")(X, K).shape == (3, 3)


def test_the_same_steps_in_a_file_handed_in_are_the_students_own(library, tmp_path):
    (tmp_path / "own.py").write_text(TYPED)
    answers = LibraryAnswers([library])
    (tmp_path / "own.py").write_text("")
    answers.hide(["smooth"])
    with answers.copies.watched({}):
        assert executed(TYPED, "mine")(X, K).shape == (3, 3)


def test_a_file_written_later_is_not_handed_in(library, answers, tmp_path):
    (tmp_path / "own.py").write_text(inspect.getsource(library).replace("k", "kernel"))
    answer = loaded(tmp_path / "own.py", "own").smooth
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary), answers.copies.watched({}):
        answer(X, K)


def test_layers_of_a_model_of_ones_own_on_a_base_of_the_library_answer(library, answers):
    class Net(library.Base):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 4))

    model = Net()
    answers.hide(["Net"])
    with answers.copies.watched({}):
        assert model(torch.ones(1, 2)).shape == (1, 4)


def test_an_answer_that_turns_the_watch_off_is_refused(library, answers):
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary, match="settrace"), answers.copies.watched({}):
        sys.settrace(None)


@pytest.mark.parametrize("without", [without_trace, without_profile])
def test_an_answer_that_turns_the_watch_off_for_a_while_is_refused(library, answers, without):
    answer = without(of_code(library.smooth.__code__))
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary), answers.copies.watched({}):
        answer(X, K)


def another_thread(monkeypatch):
    monkeypatch.setattr(threading, "_main_thread", threading.Thread())


def another_number(monkeypatch):
    monkeypatch.setattr(threading, "get_ident", lambda: 0)


@pytest.mark.parametrize("disguise", [another_thread, another_number])
def test_an_answer_turns_no_watch_off_under_the_name_of_another_thread(
    library, answers, monkeypatch, disguise
):
    answer = without_trace(of_code(library.smooth.__code__))
    answers.hide(["smooth"])
    disguise(monkeypatch)
    with pytest.raises(CopyOfLibrary, match="settrace"), answers.copies.watched({}):
        answer(X, K)


def test_an_answer_may_profile_itself(answers):
    mine = executed(TYPED, "mine")
    answers.hide(["smooth"])
    with answers.copies.watched({0: TYPED}):
        assert cProfile.Profile().runcall(mine, X, K).shape == (3, 3)


def test_an_answer_that_profiles_itself_is_watched(library, answers):
    smooth = of_code(library.smooth.__code__)
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary, match="own smooth"), answers.copies.watched({}):
        cProfile.Profile().runcall(smooth, X, K)


@pytest.mark.parametrize("leave", [sys.settrace, sys.setprofile])
def test_a_copy_is_noted_under_a_tracer_that_a_cell_has_left(library, answers, leave):
    answer = of_code(library.smooth.__code__)
    answers.hide(["smooth"])
    leave(lambda *_: None)
    try:
        with pytest.raises(CopyOfLibrary), answers.copies.watched({}):
            answer(X, K)
    finally:
        leave(None)


def test_a_code_of_the_notebook_is_looked_up_once(library, answers, monkeypatch):
    text = inspect.getsource(library.smooth)
    answer = executed(text, "smooth")
    answers.hide(["smooth"])
    with answers.copies.watched({0: text}):
        answer(X, K)
    monkeypatch.setattr(library_copies, "form_of", None)
    with answers.copies.watched({0: text}):
        answer(X, K)


def serving(start, code):
    """A function whose calls are answered by a thread that runs already."""
    asked, told = queue.Queue(), queue.Queue()

    def serve():
        while (given := asked.get()) is not None:
            told.put(of_code(code)(*given))

    start(serve)

    def answer(*args):
        asked.put(args)
        return told.get(timeout=10)

    return answer, asked


def in_a_pool(pool, code):
    return lambda *args: pool.submit(of_code(code), *args).result(timeout=10)


def test_a_thread_that_a_cell_has_started_answers_nothing_with_a_copy(library, answers):
    start = lambda serve: threading.Thread(target=serve, daemon=True).start()  # noqa: E731
    answer, asked = serving(start, library.smooth.__code__)
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary, match="own smooth"), answers.copies.watched({}):
        answer(X, K)
    asked.put(None)


def test_a_pool_of_threads_answers_nothing_with_a_copy(library, answers):
    with ThreadPoolExecutor(1) as pool:
        answer = in_a_pool(pool, library.smooth.__code__)
        assert answer(X, K).shape == (3, 3)
        answers.hide(["smooth"])
        with pytest.raises(CopyOfLibrary, match="own smooth"), answers.copies.watched({}):
            answer(X, K)


def test_a_thread_that_cannot_be_followed_answers_nothing(library, answers):
    answer, asked = serving(lambda f: _thread.start_new_thread(f, ()), library.smooth.__code__)
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary, match="module threading"), answers.copies.watched({}):
        answer(X, K)
    asked.put(None)


def test_an_answer_may_use_threads_of_its_own(answers):
    answers.hide(["smooth"])
    mine = executed(TYPED, "mine")
    with answers.copies.watched({0: TYPED}), ThreadPoolExecutor(2) as pool:
        assert [y.shape for y in pool.map(mine, [X, X], [K, K])] == [(3, 3), (3, 3)]


def test_a_function_with_an_import_inside_is_the_students_own_as_it_runs(answers):
    text = TYPED.replace("    h, w", "    import math\n    h, w")
    tree = ImportRewriter().visit(ast.parse(text))
    made = {"torch": torch, PACKAGES: None}
    exec(compile(tree, "<cell>", "exec"), made)
    answers.hide(["smooth"])
    with answers.copies.watched({0: text}):
        assert made["mine"](X, K).shape == (3, 3)
    with pytest.raises(CopyOfLibrary), answers.copies.watched({0: ""}):
        made["mine"](X, K)


def test_steps_added_to_a_function_of_the_notebook_are_not_in_its_text(answers):
    answers.hide(["smooth"])
    with pytest.raises(CopyOfLibrary), answers.copies.watched({0: TYPED}):
        executed(with_a_step(TYPED), "mine")(X, K)


def test_code_of_installed_packages_runs_however_alike(library, answers):
    long = nn.functional.multi_head_attention_forward.__code__
    library.smooth.__code__ = long.replace(co_filename=library.__file__)
    made = LibraryAnswers([library])
    made.hide(["smooth"])
    attention = nn.MultiheadAttention(4, 2)
    x = torch.ones(3, 1, 4)
    try:
        with made.copies.watched({}):
            attention(x, x, x)
    finally:
        made.hide([])


def test_generated_code_that_shares_no_steps_answers(answers):
    @dataclass
    class Sizes:
        rows: int
        columns: int
        first: int = 0
        last: int = 0

    answers.hide(["smooth"])
    with answers.copies.watched({}):
        assert Sizes(1, 2) == Sizes(1, 2)
