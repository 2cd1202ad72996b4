"""Images and kernels that lie in memory in another order than they are read."""

from hypothesis import strategies as st


def now_and_then_exchanged(draw, *tensors):
    """Exchange height and width in memory, in one of four cases: `.view` takes no such tensors."""
    exchanged = draw(st.integers(0, 3)) == 3
    return tuple(t.mT.contiguous().mT if exchanged else t for t in tensors)
