"""Scores of a data set's pictures given noisy ones: at many levels for the price of two products.

In the stored units of `DataMatrix` the posterior of picture i given z is

    w_i = softmax_i(a_i / sigma^2),    a_i = z . u_i - |u_i|^2 / 2,

for a_i is -|z - u_i|^2 / 2 up to a term common to all pictures. Where z = clean + sigma slope, as in
an audit, a_i = (clean . u_i - |u_i|^2 / 2) + sigma (slope . u_i): two products serve every level.

Products for float32 queries are of whole numbers where int8 products pay (`slices`): off by what the
slices leave of z, r, which is known, at most |r| max|u|, and by the `ROUNDINGS` of their sum in float32. A
picture needs one slice and noise three, so that both products cost one of float32. Elsewhere they are
formed in float32. With rounding unit e, a score is then off by at
most (d + 8) e (|z| max|u| + max|u|^2), whatever the order of summation (Higham 2002, eq. 3.5, and
Cauchy-Schwarz), and in practice by a twelfth of `rounding` = e (|z| max|u| + max|u|^2), root mean
square. `again` gives scores in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.closed_form.data_matrix import DataMatrix
from denoscope.closed_form.slices import sliced

__all__ = ["BLOCK", "Queries", "Scores", "at_a_time", "pair_blocks"]

PAIRED = 1 << 18  # values of (query, picture) pairs at a time, in float64: 2 MiB
BLOCK = 128  # scores whose largest says whether to look at each
AT_A_TIME = {"cpu": 1 << 19, "cuda": 1 << 22}  # values: those that stay in the cache, or busy it
ROUNDINGS = 16  # of a score from slices: one of each product and sum of them, and to spare
LEAST = (
    -40.0
)  # of an exponent: what weighs less is nothing, and denormals are a hundred times slower
LARGEST = 1e30  # products beyond are formed in float64: float32 ends at 3e38


@dataclass(frozen=True)
class Queries:
    """L x B noisy pictures z = clean + sigma slope, in stored units, of noise level sigma.

    clean: float64 (B, d). slope: the same, or None where clean is the noisy picture itself. sigma:
    float64 (L, B). dtype: float32 or float64, that of the result. Query l B + b is level l's row b.
    """

    clean: Tensor
    slope: Tensor | None
    sigma: Tensor
    dtype: torch.dtype

    def split(self, rows: int) -> Iterator["Queries"]:
        """The same, up to `rows` of the B at a time."""
        parts = -(-len(self.clean) // rows)
        slopes = [None] * parts if self.slope is None else self.slope.tensor_split(parts)
        both = zip(self.clean.tensor_split(parts), slopes, strict=True)
        for (clean, slope), sigma in zip(both, self.sigma.tensor_split(parts, 1), strict=True):
            yield Queries(clean, slope, sigma, self.dtype)

    def at(self, query: Tensor) -> Tensor:
        """z of some queries, float64 (n, d)."""
        row = query % len(self.clean)
        z = self.clean.index_select(0, row)
        if self.slope is None:
            return z
        return z.addcmul_(self.slope.index_select(0, row), self.sigma.flatten()[query, None])

    def norms(self) -> Tensor:
        """No less than |z|, (L, B)."""
        norms = torch.linalg.vector_norm(self.clean, dim=1).expand_as(self.sigma)
        if self.slope is None:
            return norms
        return norms + self.sigma * torch.linalg.vector_norm(self.slope, dim=1)


class Scores:
    """a of every query and every picture, kept in whole blocks of `BLOCK` pictures.

    half_norms: float64 (N,), |u|^2 / 2. exact: products in float64. dtype: that of the products.
    rounding, bound: (L, B), of a score; see the module. tie: (L, B), what float64 may make of equal
    scores.
    """

    def __init__(
        self,
        data: DataMatrix,
        half_norms: Tensor,
        queries: Queries,
        chunk: int | None,
        exact: bool = False,
    ) -> None:
        self.data, self.half_norms, self.queries = data, half_norms, queries
        d = data.stored.shape[1]
        largest = math.sqrt(2 * float(half_norms.max()))
        magnitude = queries.norms() * largest + largest**2
        # Where TF32 or bf16 are allowed in float32 products the bound would be none.
        plain = data.counts_fast or torch.get_float32_matmul_precision() == "highest"
        single = plain and not exact and float(magnitude.max()) < LARGEST
        self.dtype = queries.dtype if single else torch.float64
        self.rounding = torch.finfo(self.dtype).eps / 2 * magnitude
        self.tie = torch.finfo(torch.float64).eps * d * magnitude
        # Products of whole numbers are for float32: float64's would take seven slices.
        self.whole = data.counts_fast and self.dtype == torch.float32
        parts = [queries.clean] if queries.slope is None else [queries.clean, queries.slope]
        if self.whole:
            left = self._whole_products(parts, chunk)
            self.bound = ROUNDINGS * self.rounding + left * largest
        else:
            self._products(parts, chunk)
            self.bound = (d + 8) * self.rounding
        self.clean[:, : len(data)] -= half_norms.to(self.dtype)
        self.clean[:, len(data) :] = -math.inf

    def _empty(self, rows: int) -> Tensor:
        n = len(self.data)
        products = self.half_norms.new_empty(rows, n + -n % BLOCK, dtype=self.dtype)
        products[:, n:] = 0
        return products

    def _products(self, parts: list[Tensor], chunk: int | None) -> None:
        stacked = torch.cat(parts).to(self.dtype).T.contiguous()
        products = self._empty(stacked.shape[1])
        for start, rows in self.data.chunks(chunk, self.dtype):
            # In this order the product is the faster by a tenth (MKL, measured).
            products[:, start : start + len(rows)] = (rows @ stacked).T
        self.clean, *slope = products.split(len(self.queries.clean))
        self.slope = slope[0] if slope else None

    def _whole_products(self, parts: list[Tensor], chunk: int | None) -> Tensor:
        """The same of slices; returns what these leave of z, no less than |r|, (L, B)."""
        operands = [sliced(part) for part in parts]
        products = [self._empty(len(part)) for part in parts]
        size = chunk or max(32, 16 * at_a_time(self.data) // self.data.stored.shape[1])
        for start, rows in self.data.byte_chunks(size):
            for operand, product in zip(operands, products, strict=True):
                operand.products(rows, product[:, start : start + len(rows)])
        self.clean, *slope = products
        self.slope = slope[0] if slope else None
        left = operands[0].left.expand_as(self.queries.sigma)
        return left if self.slope is None else left + self.queries.sigma * operands[1].left

    def of(self, level: int, rows: slice | Tensor, columns: slice) -> Tensor:
        """a of rows of a level and a range of pictures, (n, m); beyond the last picture -inf."""
        if self.slope is None:
            return self.clean[rows, columns]
        sigma = self.queries.sigma[level, rows, None].to(self.dtype)
        return torch.addcmul(self.clean[rows, columns], self.slope[rows, columns], sigma)

    def weights(self, score: Tensor, top: Tensor, variance: Tensor) -> Tensor:
        """exp((a - top) / variance), (n, m), no less than exp(LEAST); top, variance: float64 (n,)."""
        gap = score - top[:, None].to(self.dtype)
        return gap.div_(variance[:, None].to(self.dtype)).clamp_(min=LEAST).exp_()

    def of_pairs(self, query: Tensor, picture: Tensor) -> Tensor:
        """The same numbers, of pairs, (P,)."""
        row = query % len(self.clean)
        if self.slope is None:
            return self.clean[row, picture]
        sigma = self.queries.sigma.flatten()[query].to(self.dtype)
        return torch.addcmul(self.clean[row, picture], self.slope[row, picture], sigma)

    def again(self, query: Tensor, picture: Tensor) -> Tensor:
        """a of pairs, in float64 from the pixels, (P,)."""
        score = -self.half_norms[picture]
        for block in pair_blocks(len(query), self.data):
            rows = self.data.rows(picture[block])
            score[block] += torch.einsum("pd,pd->p", rows, self.queries.at(query[block]))
        return score


def at_a_time(data: DataMatrix) -> int:
    """How many scores or weights to make and use at a time."""
    return AT_A_TIME.get(data.stored.device.type, AT_A_TIME["cuda"])


def pair_blocks(count: int, data: DataMatrix) -> Iterator[slice]:
    """Blocks of pairs whose pictures fit the cache."""
    step = max(1, PAIRED // data.stored.shape[1])
    yield from (slice(start, start + step) for start in range(0, count, step))
