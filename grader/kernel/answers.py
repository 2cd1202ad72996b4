"""What the reply to a question means: an answer, or the error of the student's code.

Not here: how a reply arrives (`connection.py`), its form (`wire/`).
"""

from __future__ import annotations

from collections.abc import Callable

from grader.errors import GpuOutOfMemory, MemoryRefused, StudentError, StudentRaised
from grader.kernel.ahead import seen_of
from grader.kernel.describe import CallText
from grader.wire import messages
from grader.wire.codec import Decoder
from grader.wire.messages import HandleNode

_GPU_OUT_OF_MEMORY = "OutOfMemoryError"  # torch's name for it
_OUT_OF_MEMORY = ("MemoryError", "_ArrayMemoryError")  # Python's, and NumPy's
_TORCH_OUT_OF_MEMORY = "DefaultCPUAllocator: can't allocate memory"  # torch's: a RuntimeError
_MOST_MISSING, _MOST_NAME = 16, 60  # packages of one answer, characters of a name


def read_answer(
    reply: messages.Reply,
    payload: bytearray,
    call: str | CallText,
    decode: Callable[[HandleNode], object],
) -> messages.Answer:
    """Turn a reply into an answer.

    Raises:
        StudentRaised: the call raised.
        MemoryRefused: the call got no memory, of the machine or of the GPU.
            Whether that or the end of the kernel comes first is a race, with the same verdict.
        WireError: a value does not match its header.
    """
    missing = tuple(name[:_MOST_NAME] for name in reply.missing[:_MOST_MISSING])
    if reply.failure is not None:
        error = _error_of(reply.failure, str(call))
        error.missing, error.seen = missing, seen_of(reply, payload)
        raise error
    decoder = Decoder(payload, decode)
    return messages.Answer(
        decoder.value(reply.value),
        [decoder.value(node) for node in reply.arguments],
        reply.printed[:100_000],
        missing,
        seen_of(reply, payload),
    )


def _error_of(failure: messages.Failure, call: str) -> StudentError:
    if failure.kind == _GPU_OUT_OF_MEMORY and not failure.refused:
        return GpuOutOfMemory(call, failure.message[:500])
    if failure.kind in _OUT_OF_MEMORY or _TORCH_OUT_OF_MEMORY in failure.message[:500]:
        return MemoryRefused(call, failure.message[:500])
    kind = "" if failure.refused else failure.kind[:200]
    return StudentRaised(call, kind, failure.message[:2_000], failure.where[:200])
