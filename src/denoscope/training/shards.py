"""The gradients of one step on a CPU: each half of the batch on a thread of its own.

A step of a small network is some two thousand operations of tens of microseconds, and threads that
share each operation wait for one another after every one. Here a thread takes half of the batch forwards
and backwards alone, and the two meet once a step. With l_i the loss of picture i of B:

    grad (1/B sum_i l_i) = grad (1/B sum_{i in first half} l_i) + grad (1/B sum_{i in second half} l_i)

The halves are the same on any machine and are added in one order; where there are more than two threads
each half shares its operations among half of them. With one thread the batch stays whole, as every
operation has a price of its own: the same gradients up to rounding, dropout included.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from denoscope.networks.dropout import masks_from

__all__ = ["SHARDS", "Shards"]

SHARDS = 2


class Shards:
    """Two threads that know a network; they end when it is forgotten.

    None, and a whole batch, where torch has one thread, or pictures of a batch see one another.
    """

    def __init__(self, network: nn.Module) -> None:
        self.parameters = list(network.parameters())
        self.pool: ThreadPoolExecutor | None = None
        threads = torch.get_num_threads()
        normed = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        if threads < SHARDS or normed:
            return
        started = threading.Barrier(SHARDS)

        def start(_: int) -> None:
            torch.set_num_threads(threads // SHARDS)
            started.wait()

        self.pool = ThreadPoolExecutor(SHARDS)
        list(self.pool.map(start, range(SHARDS)))
        torch.set_num_threads(threads)  # threads to come would take over the last number set

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The caller's own operations on one thread: its idle helpers would spin on the shards' cores."""
        threads = torch.get_num_threads()
        if self.pool:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def backward(
        self,
        loss: Callable[..., Tensor],
        parts: Sequence[Tensor],
        generators: Sequence[torch.Generator],
    ) -> Tensor:
        """Set the gradients of loss(*parts), a sum over rows of the parts, and return the loss.

        generators: SHARDS of them, for the dropout of each half.
        """

        def gradients_of(rows: Sequence[Tensor], masks: Sequence[torch.Generator]):
            with masks_from(*masks):
                value = loss(*rows)
                gradients = torch.autograd.grad(value, self.parameters, allow_unused=True)
            return value.detach(), gradients

        if self.pool is None:
            done = [gradients_of(parts, generators)]
        else:
            halves = zip(*(part.chunk(SHARDS) for part in parts), strict=True)
            done = list(self.pool.map(gradients_of, halves, ([g] for g in generators)))
        values, gradients = zip(*done, strict=True)
        for parameter, *shares in zip(self.parameters, *gradients, strict=True):
            used = [share for share in shares if share is not None]
            parameter.grad = sum(used[1:], start=used[0]) if used else None
        return torch.stack(values).sum()
