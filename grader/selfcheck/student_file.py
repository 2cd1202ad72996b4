"""Self-check: asks your functions questions, and shows the smallest call that goes wrong.

    import selfcheck
    selfcheck.check(f)       # one function
    selfcheck.check("f")     # the same by its name
    selfcheck.check()        # every exercise that is defined here

It needs torch, and the file `selfcheck.dat` in the same folder: calls and right answers, as
numbers. It runs your functions in your own Python; Ctrl-C, or Interrupt, ends one that never ends.
Right on all questions is no promise of full points: the grader asks other questions, and more.

Here: questions, answers, how they compare. Not here: the questions themselves, points.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import sys
import sysconfig
import textwrap
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch

DATA = "selfcheck.dat"
QUESTIONS, NUMBERS = "questions.json", "numbers.bin"
FORMAT = 1
_HERE = os.path.abspath(__file__)
_AGAIN = "Get selfcheck.py and selfcheck.dat again, and put both beside your notebook."
_SEED = 1
_MORE_S = 5.0  # spent on further questions after the first wrong answer
_MOST_NUMBERS, _MOST_TEXT = 49, 300
_SPOKEN_WITH_AN = ("a", "e", "i", "o", "nd")  # an ndarray
NO_PROMISE = "Right here is no promise of full points: the grader asks other questions, and more."


class Problem(Exception):
    """What keeps a self-check from running, as a sentence with its remedy."""


class Data:
    """The content of `selfcheck.dat`: plain values and raw numbers, no code.

    Raises:
        Problem: it is missing, damaged, or of another form.
    """

    def __init__(self, file: Any) -> None:
        try:
            with zipfile.ZipFile(file) as opened:
                found = json.loads(opened.read(QUESTIONS))
                self._numbers = bytearray(opened.read(NUMBERS))
        except FileNotFoundError:
            folder = os.path.dirname(_HERE)
            raise Problem(f"{DATA} is missing in {folder}. {_AGAIN}") from None
        except (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError,
                zipfile.BadZipFile, zlib.error):  # fmt: skip
            raise Problem(f"{DATA} is damaged or incomplete. {_AGAIN}") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise Problem(f"{DATA} and selfcheck.py are of different handouts. {_AGAIN}")
        self.exercises: list[Exercise] = [Exercise(self, one) for one in found["exercises"]]
        self.only_grader: list[str] = found["only_grader"]

    def value(self, node: Any) -> Any:
        """Return the value of a node, made anew."""
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        if kind == "tensor":
            return self._tensor(*content)
        if kind == "dict":
            return {key: self.value(item) for key, item in content}
        items = [self.value(item) for item in content]
        return tuple(items) if kind == "tuple" else items

    def _tensor(self, dtype: str, shape: Sequence[int], at: int, transposed: bool) -> torch.Tensor:
        kind, count = getattr(torch, dtype), math.prod(shape)
        made = torch.empty(tuple(shape), dtype=kind, device="cpu")
        if count:
            raw = torch.frombuffer(self._numbers, dtype=kind, count=count, offset=at)
            made.copy_(raw.reshape(made.shape))
        return made.transpose(-2, -1) if transposed else made


class Question:
    """One call, and what a right answer returns."""

    def __init__(self, data: Data, written: Mapping[str, Any]) -> None:
        self._data, self._written = data, written
        self.claim: str = written["claim"]
        self.hint: str = written["hint"]

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return fresh copies of the arguments."""
        args = [self._data.value(node) for node in self._written["args"]]
        return args, {key: self._data.value(node) for key, node in self._written["kwargs"]}

    def right(self) -> Any:
        """Return the right answer."""
        return self._data.value(self._written["answer"])

    def call(self, name: str) -> str:
        """Return the call as it would be typed."""
        args, kwargs = self.arguments()
        shown = [typed(arg) for arg in args]
        shown += [f"{key}={typed(arg)}" for key, arg in kwargs.items()]
        return f"{name}({', '.join(shown)})"

    def ask(self, function: Callable[..., Any]) -> Answer:
        """Call a function as in a fresh session."""
        (args, kwargs), (before, _) = self.arguments(), self.arguments()
        with fresh_session():
            try:
                value = function(*args, **kwargs)
            except (Exception, SystemExit) as error:
                return Answer(error=error)
            fault = difference(value, self.right(), self._written["tolerance"])
            for i in self._written["kept"]:
                if difference(args[i], before[i], 0.0):
                    return Answer(value, None, fault, i, args[i])
        return Answer(value, None, fault)


@dataclass
class Answer:
    """What came of one call: `fault` says how the value differs from the right one.

    `changed` is the number of an argument that the call must leave alone, and has changed.
    """

    value: Any = None
    error: BaseException | None = None
    fault: str = ""
    changed: int = -1
    after: Any = None

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.error is None and not self.fault and self.changed < 0


class Exercise:
    """The questions about one exercise, the smallest first, and its known mistakes."""

    def __init__(self, data: Data, written: Mapping[str, Any]) -> None:
        self._data = data
        self.name: str = written["name"]
        self.builds_on: list[str] = written["builds_on"]
        self._patterns: list[str] = written["names"]
        self.questions = [Question(data, one) for one in written["questions"]]
        self.mistakes: list[dict[str, Any]] = written["mistakes"]

    def is_named(self, name: str) -> bool:
        """Return whether a name may answer this exercise."""
        out = [pattern[1:] for pattern in self._patterns if pattern.startswith("!")]
        return _fits(name, self._patterns) and not _fits(name, out)

    def ask_all(self, function: Callable[..., Any]) -> list[Answer]:
        """Ask all questions; not all where an answer is wrong and they take long."""
        answers: list[Answer] = []
        late = math.inf
        for question in self.questions:
            try:
                answers.append(question.ask(function))
            except KeyboardInterrupt:
                call = f"{self.name}: stopped. This call had not ended: {question.call(self.name)}"
                raise Problem(f"{call}\n  Does every loop of it come to an end?") from None
            if not answers[-1].is_right:
                late = min(late, time.monotonic() + _MORE_S)
            if time.monotonic() > late:
                break
        return answers

    def mistake(self, answers: Sequence[Answer]) -> dict[str, Any] | None:
        """Return the known mistake that gives all of these answers."""
        if len(answers) < len(self.questions):
            return None
        return next((known for known in self.mistakes if self.agrees(known, answers)), None)

    def agrees(self, known: Mapping[str, Any], answers: Sequence[Answer]) -> bool:
        """Return whether a known mistake gives all of these answers."""
        wrong = {str(i): answer for i, answer in enumerate(answers) if not answer.is_right}
        theirs = known["answers"]
        return theirs.keys() == wrong.keys() and all(
            self._is_alike(theirs[i], answer) for i, answer in wrong.items()
        )

    def _is_alike(self, known: Mapping[str, Any], answer: Answer) -> bool:
        if answer.error is not None or "raised" in known:
            return bool(known.get("raised") == type(answer.error).__name__)
        if known["changed"] != answer.changed:
            return False
        if "described" in known:
            return bool(known["described"] == described(answer.value))
        return not difference(answer.value, self._data.value(known["value"]), 1e-4)


def check(*what: Any) -> None:
    """Ask functions the questions of the self-check, and print how they end.

    Args:
        what: functions, or their names; without any, every exercise that is defined here.
    """
    frame = sys._getframe(1)
    names = {**frame.f_globals, **frame.f_locals}
    try:
        data = Data(os.path.join(os.path.dirname(_HERE), DATA))
        due = [_found(data, one, names) for one in what] if what else _all_in(data, names)
        right = [_ask_and_show(data, names, *one) for one in due]
        if any(right):
            print(NO_PROMISE)
    except Problem as problem:
        print(problem)


def _ask_and_show(
    data: Data, names: Mapping[str, Any], exercise: Exercise, function: Callable[..., Any]
) -> bool:
    """Ask one function everything and print how it ends; return whether all was right."""
    answers = exercise.ask_all(function)
    wrong = [i for i, answer in enumerate(answers) if not answer.is_right]
    if not wrong:
        print(f"{exercise.name}: right on all {len(answers)} questions.")
        return True
    count = f"{len(wrong)} of {len(answers)} questions"
    if parts := _wrong_parts(data, exercise, names):
        print(f"{exercise.name}: open. It builds on {' and '.join(parts)}: look there first.")
        print(f"  As it is, {count} get another answer. The smallest call:")
    else:
        print(f"{exercise.name}: not right on {count}. The smallest call:")
    _show_wrong(exercise, exercise.questions[wrong[0]], answers[wrong[0]])
    if not parts and (mistake := exercise.mistake(answers)):
        told = f"It answers like this known one: {mistake['title']}."
        _tell("mistake", f"{told} {mistake['hint']}")
    return False


def _wrong_parts(data: Data, exercise: Exercise, names: Mapping[str, Any]) -> list[str]:
    """Return what an exercise builds on and is not known to be right, where it is defined."""
    found = []
    for name in exercise.builds_on:
        part = next((one for one in data.exercises if one.name == name), None)
        if not callable(names.get(name)):
            continue
        if part is None:
            found.append(f"{name} (only the grader asks it)")
        elif not all(one.is_right for one in part.ask_all(names[name])):
            found.append(f"{name} (not right yet)")
    return found


def _found(data: Data, what: Any, names: Mapping[str, Any]) -> tuple[Exercise, Callable[..., Any]]:
    """Return the exercise that a function or a name stands for, and the function."""
    given = [what] if isinstance(what, str) else [n for n, v in names.items() if v is what]
    given += [] if isinstance(what, str) else [getattr(what, "__name__", "")]
    for name in given:
        for exercise in data.exercises:
            if not exercise.is_named(name):
                continue
            function = what
            if isinstance(what, str):
                function = names.get(name, _defined(exercise, names))
            if function is None:
                raise Problem(f"{name} is not defined here. Run the cell that defines it first.")
            if not callable(function):
                raise Problem(f"{name} is {described(function)}. Give the function itself.")
            return exercise, function
    name = next((one for one in given if one), described(what))
    if name in data.only_grader:
        raise Problem(f"{name} has no self-check: `grader check` asks it.")
    known = ", ".join(one.name for one in data.exercises)
    raise Problem(f"{name} is no exercise of this self-check. It asks: {known or 'nothing'}.")


def _all_in(data: Data, names: Mapping[str, Any]) -> list[tuple[Exercise, Callable[..., Any]]]:
    found = [(one, _defined(one, names)) for one in data.exercises]
    there = [(one, function) for one, function in found if function is not None]
    missing = ", ".join(one.name for one, function in found if function is None)
    if not there:
        raise Problem(f"Nothing that is asked is defined here: {missing}. Run your cells first.")
    if missing:
        print(f"Not defined here: {missing}.")
    others = ", ".join(one for one in data.only_grader if one in names)
    if others:
        print(f"Without a self-check, `grader check` asks them: {others}.")
    return there


def _defined(exercise: Exercise, names: Mapping[str, Any]) -> Callable[..., Any] | None:
    """Return what the notebook defines for an exercise; of several, the one of the book's name."""
    found = {name: value for name, value in names.items() if exercise.is_named(name)}
    # a layer of torch may have the same name
    own = {n: v for n, v in found.items() if callable(v) and type(v).__module__[:5] != "torch"}
    return own.get(exercise.name, next(iter(own.values()), None))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


# ---- one call


@contextlib.contextmanager
def fresh_session() -> Iterator[None]:
    """Give code the settings of a new session, without its prints, and put all back after."""
    numpy = sys.modules.get("numpy")
    kept, dtype = random.getstate(), torch.get_default_dtype()
    kept_numpy = numpy.random.get_state() if numpy else None
    has_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = range(torch.cuda.device_count()) if has_gpu else ()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(torch.random.fork_rng(devices=list(gpus)))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.is_autocast_enabled():
            stack.enter_context(torch.autocast("cuda", enabled=False))
        if torch.is_autocast_cpu_enabled():
            stack.enter_context(torch.autocast("cpu", enabled=False))
        if torch.empty(0).device.type != "cpu" and hasattr(torch.device, "__enter__"):
            stack.enter_context(torch.device("cpu"))
        try:
            torch.set_default_dtype(torch.float32)
            torch.default_generator.manual_seed(_SEED)
            if gpus:
                torch.cuda.manual_seed_all(_SEED)
            random.seed(_SEED)
            if numpy:
                numpy.random.seed(_SEED)
            yield
        finally:
            torch.set_default_dtype(dtype)
            random.setstate(kept)
            if numpy:
                numpy.random.set_state(kept_numpy)


def difference(got: Any, expected: Any, tolerance: float) -> str:
    """Return in words where an answer differs from the right one; empty where it does not."""
    try:
        return _difference(got, expected, tolerance)
    except Exception as error:  # a tensor without numbers, a type that cannot be compared
        return f"It cannot be compared: {type(error).__name__}: {_cut(error)}."


def _difference(got: Any, expected: Any, tolerance: float) -> str:
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return f"A tensor was expected, not {described(got)}."
        if got.shape != expected.shape:
            return f"The shape is {tuple(got.shape)}, and {tuple(expected.shape)} was expected."
        if got.is_complex():
            return "The numbers are complex."
        return _wrong_numbers(got.detach().cpu(), expected, tolerance)
    if isinstance(expected, (bool, int, float)):
        number = got.item() if isinstance(got, torch.Tensor) and got.numel() == 1 else got
        if not hasattr(number, "__float__") or isinstance(number, (str, torch.Tensor)):
            return f"A number was expected, not {described(got)}."
        a, b = torch.tensor(float(number)).double(), torch.tensor(float(expected)).double()
        return _wrong_numbers(a, b, tolerance)
    if isinstance(expected, (list, tuple, dict)):
        wanted = dict if isinstance(expected, dict) else (list, tuple)
        if not isinstance(got, wanted) or len(got) != len(expected):
            return f"{described(expected)} was expected, not {described(got)}."
        pairs = expected.items() if isinstance(expected, dict) else enumerate(expected)
        faults = ((key, _difference(got[key], item, tolerance)) for key, item in pairs)
        return next((f"At [{key!r}]: {fault}" for key, fault in faults if fault), "")
    return "" if bool(got == expected) else f"{described(expected)} was expected."


def _wrong_numbers(got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> str:
    a, b = got.double(), expected.double()
    right = (a == b) | (a.isnan() & b.isnan())
    right |= b.isfinite() & ((a - b).abs() <= tolerance + tolerance * b.abs())
    if bool(right.all()):
        return ""
    first = tuple((~right).nonzero()[0].tolist())
    where = f"At ({', '.join(map(str, first))}): " if first else ""
    wrong = int((~right).sum())
    count = f" ({wrong} of {right.numel()} numbers differ)" if wrong > 1 else ""
    return f"{where}{float(a[first]):.6g}, and {float(b[first]):.6g} was expected{count}."


# ---- text


def _show_wrong(exercise: Exercise, question: Question, answer: Answer) -> None:
    print(f"  call      {question.call(exercise.name)}")
    if answer.error is not None:
        print(f"  raised    {type(answer.error).__name__}: {_cut(answer.error)}")
        print(f"  at        {_own_line(answer.error) or 'the call itself'}")
        print(f"  expected  {shown(question.right())}")
    elif answer.fault:
        print(f"  returned  {shown(answer.value)}")
        print(f"  expected  {shown(question.right())}")
        print(f"  differs   {answer.fault}")
    else:
        print(f"  changed   its argument number {answer.changed + 1}, which it must leave alone")
        print(f"  after     {shown(answer.after)}")
    _tell("asked", question.claim)
    _tell("hint", question.hint)


def _tell(label: str, text: str) -> None:
    if text:
        print(textwrap.fill(text, 100, initial_indent=f"  {label:10}", subsequent_indent=" " * 12))


def _own_line(error: BaseException) -> str:
    """Return the last line of the student's own code that an error came through."""
    paths = [sysconfig.get_paths().get(name, "") for name in ("stdlib", "purelib", "platlib")]
    libraries = tuple(path + os.sep for path in paths if path)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith((*libraries, "<frozen")) or frame.filename == _HERE:
            continue
        return f"line {frame.lineno} of {frame.name}: {frame.line}"
    return ""


def described(value: Any) -> str:
    """Return what a value is: `None`, `a list of 3`, `a float32 tensor (2, 3)`."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _cut(repr(value))
    kind = type(value).__name__
    if isinstance(value, torch.Tensor):
        kind = f"{str(value.dtype)[len('torch.') :]} tensor {tuple(value.shape)}"
    elif isinstance(value, (list, tuple, dict)):
        kind = f"{kind} of {len(value)}"
    return f"{'an' if kind.lower().startswith(_SPOKEN_WITH_AN) else 'a'} {kind}"


def shown(value: Any) -> str:
    """Return what a value is, and its numbers where they are few."""
    with contextlib.suppress(Exception):
        if isinstance(value, torch.Tensor) and value.numel() <= _MOST_NUMBERS:
            return f"{described(value)}: {_listed(value.detach().cpu().tolist())}"
        if isinstance(value, (list, tuple)):
            return f"{described(value)}: {_cut(typed(value))}"
    return described(value)


def typed(value: Any) -> str:
    """Return a value as it would be typed; a large tensor by its shape."""
    if isinstance(value, (list, tuple)):
        inner = ", ".join(typed(item) for item in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {typed(item)}' for key, item in value.items())}}}"
    if not isinstance(value, torch.Tensor):
        return described(value) if not isinstance(value, float) else _listed(value)
    plain = value.detach().cpu()
    if plain.numel() > _MOST_NUMBERS:
        return described(value)
    if plain.ndim >= 2 and not plain.is_contiguous():
        return f"{typed(plain.transpose(-2, -1).contiguous())}.{'t()' if plain.ndim == 2 else 'mT'}"
    usual = plain.dtype in (torch.float32, torch.int64, torch.bool)
    dtype = "" if usual else f", dtype={plain.dtype}"
    if not plain.numel():
        return f"torch.zeros({tuple(plain.shape)}{dtype})"
    return f"torch.tensor({_listed(plain.tolist())}{dtype})"


def _listed(nested: Any) -> str:
    """Return numbers with six significant digits."""
    if isinstance(nested, list):
        return f"[{', '.join(map(_listed, nested))}]"
    if not isinstance(nested, float):
        return repr(nested)
    return repr(float(f"{nested:.6g}")) if math.isfinite(nested) else f"float('{nested}')"


def _cut(value: Any) -> str:
    try:
        text = " ".join(str(value).split())
    except Exception:  # an error without words
        return ""
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} ..."


if __name__ == "__main__":
    print("In a cell of your notebook: import selfcheck, and then selfcheck.check()")
