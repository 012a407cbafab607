"""Float matrices as sums of int8 ones, whose products with uint8 pictures are whole numbers.

int8 products of modern processors run some four times as fast as float32's, and their int32 sums are
exact: the same bits for any order, chunk or number of threads. What is rounded is the float operand
alone, before the product, and what is left of it is known.

Rows z to be multiplied with pictures (`sliced`) are, with s a power of two a row,

    z = s (q_1 + q_2 / 255 + q_3 / 255^2) + r,   q_k = floor(what is left / (s / 255^(k-1)) + 1/2),

so a product is off by r . u, at most |r| |u| (Cauchy-Schwarz). Three slices leave of z about what
float32 would round away; rows that are pictures themselves need one.

Weights w in [0, 1] (`byte_digits`) are whole numbers of h = 1 / (256^k - 1), in k bytes, rounded up or
down by a draw: floor(w / h + t), t uniform in [0, 1), is w / h on average, however small w, where rounding
to the nearest would take all of the many that are below h / 2 for nothing. Each is off with variance h^2 / 4
at most and independently, so that sum w_i u_i is off by h sqrt(N) / 2 of the pictures' size at most, root
mean square over the draws, and by none on average.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.images.integers import GREY, int8_products

__all__ = ["MOST", "Sliced", "byte_digits", "digit_sums", "sliced"]

MOST = 3  # slices: 24 bits, as many as float32 has
LEFT = 2.0**-22  # of a row's largest value: nearer than this float32 values are not known


@dataclass(frozen=True)
class Sliced:
    """slices: int8 (k, n, d). steps: float32 (k, n), what 1 stands for. left: float64 (n,), |r|."""

    slices: Tensor
    steps: Tensor
    left: Tensor

    def products(self, rows: Tensor, out: Tensor) -> Tensor:
        """z . u of all rows with int8 pictures (m, d), into float32 (n, m), which is returned."""
        whole = int8_products(self.slices.flatten(0, 1), rows)
        scratch = torch.empty_like(out) if len(self.slices) > 1 else out
        for k, part in enumerate(whole.split(len(out))):
            if k == 0:
                out.copy_(part).mul_(self.steps[0, :, None])
            else:
                out.addcmul_(scratch.copy_(part), self.steps[k, :, None])
        return out


def sliced(z: Tensor) -> Sliced:
    """Finite float64 rows (n, d) in as few slices as leave LEFT of their largest value, MOST at most."""
    low, high = z.aminmax(dim=1)
    # floor(z / step + 1/2) must be in [-128, 127]; a row of zeros takes any step.
    least = torch.maximum(high / 127.49, low / -128.5).clamp(min=torch.finfo(torch.float32).tiny)
    step = torch.exp2(torch.log2(least).ceil())
    goal = LEFT * torch.maximum(high, -low)
    rest, slices, steps = z.clone(), [], []
    while not slices or (len(slices) < MOST and bool((rest.abs().amax(1) > goal).any())):
        whole = (rest / step[:, None]).add_(0.5).floor_()
        rest.addcmul_(whole, step[:, None], value=-1)
        slices.append(whole.to(torch.int8))
        steps.append(step.float())
        step = step / 255  # what is left is at most half a step: 127.5 of the next
    return Sliced(torch.stack(slices), torch.stack(steps), torch.linalg.vector_norm(rest, dim=1))


def byte_digits(weights: Tensor, draws: Tensor, out: Tensor) -> None:
    """Weights (n, m) in [0, 1], more counting as 1, as whole numbers of k bytes less 128 each.

    draws: t of each picture, (m,). out: int8 (k, n, m), the lowest byte first. weights are overwritten.
    """
    count, unit = len(out), 256 ** len(out) - 1
    whole = weights.mul_(unit).add_(draws).clamp_(max=unit).to(torch.int32)
    whole ^= GREY * (1 + 256 + 256**2)  # bytes less 128, which fit int8
    for k in range(count):
        out[k].copy_(whole >> 8 * k if k else whole)  # the lowest byte is what int8 keeps of it


def digit_sums(products: Tensor, ones: Tensor, count: int) -> Tensor:
    """sum_i w_i u_i, float64 (n, d), of the products of digits (k n, d) and of ones (d,) with u."""
    sums = ones.double().mul_(GREY * sum(256**k for k in range(count)))
    sums = sums.repeat(len(products) // count, 1)
    for k, part in enumerate(products.chunk(count)):
        sums.add_(part, alpha=256**k)
    return sums.div_(256**count - 1)
