"""How this process computes with tensors, while it has to give the same bits again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]


@contextmanager
def one_thread(*, flush: bool = False) -> Iterator[None]:
    """One thread, for several sum in another order; as many as before at the end.

    Parameters
    ----------
    flush : take numbers too small for a normal float32 as zero. Closing gates make such, and each
        costs many normal ones (docs/speed.md). It is a setting of the processor; where there is
        none, a training is only slower.
    """
    import torch  # not above: three seconds, and a description does without

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    if flush:
        torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if flush:
            torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
