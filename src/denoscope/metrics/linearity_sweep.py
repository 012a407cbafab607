"""Linearity of one denoiser on pairs, for every mixing weight, with and without its affine part.

The scores of eqs 11 and 12 hold an affine denoiser to homogeneity too, and so have a ceiling below
1 (see `denoscope.metrics.linearity`). The centred scores ask for additivity alone:

    D(c + a (x1 - c) + b (x2 - c)) - e   against   a (D(x1) - e) + b (D(x2) - e).

With c the mean of all inputs x and e the mean of all answers D(x) (both of the pairs at hand),
an affine D(x) = W x + w has e = W c + w, and both sides are W (a (x1 - c) + b (x2 - c)): the cosine
is 1 and the norm ratio 0 for *every* affine denoiser. Neither e = c (right only where D(c) = c) nor
e = D(c) will do: c without noise on it is an input that no network has been shown, and at high
noise its answer there is arbitrary. This e costs no evaluation, and all inputs look like noisy
pictures: the mixture's mean is c, where the uncentred one has (a + b) c.

c keeps a share of the noise, sigma / sqrt(2 B) for B pairs, which lowers the noise of the centred
mixtures by less than 1 / (4 B): `FEWEST` pairs are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, as_sigma
from denoscope.errors import InputError
from denoscope.metrics.linearity import linearity_cosine, linearity_norm_ratio, mix

__all__ = ["ALPHAS", "LinearitySweep", "linearity_sweep"]

ALPHAS = tuple(square**0.5 for square in (0.99, 0.8675, 0.745, 0.6225, 0.5))  # Li et al., fig. 10
FEWEST = 8  # pairs, where scores are centred


@dataclass(frozen=True)
class LinearitySweep:
    """Scores of each pair at each alpha, float64 (A, B), rows in the order of `alphas`.

    cosine, norm_ratio: eqs 11 and 12. centred_cosine, centred_norm_ratio: the same of the centred
    mixtures and answers, None where they were not asked for. evaluations: pictures denoised.
    """

    alphas: tuple[float, ...]
    cosine: Tensor
    norm_ratio: Tensor
    centred_cosine: Tensor | None
    centred_norm_ratio: Tensor | None
    evaluations: int


@torch.no_grad()
def linearity_sweep(
    denoiser: Denoiser,
    x1: Tensor,
    x2: Tensor,
    sigma: float,
    alphas: Sequence[float] = ALPHAS,
    centred: bool = False,
    batch: int = 64,
) -> LinearitySweep:
    """Linearity scores of the pairs (x1[i], x2[i]) for each alpha, from 2 + len(alphas) answers each.

    x1, x2: (B, C, H, W), noisy pictures or noise alone at level sigma; which, decides the scores
    (Li et al. 2024, App. A: both). centred: also the centred scores, for len(alphas) answers more
    a pair. D(x1) and D(x2) are evaluated once, `batch` pictures at a time.

    Raises InputError for unequal shapes, an alpha outside [0, 1], none, or fewer than 8 pairs to
    centre.
    """
    if x1.shape != x2.shape or x1.ndim != 4 or len(x1) == 0:
        raise InputError(
            f"pairs of {tuple(x1.shape)} and {tuple(x2.shape)}; give both as (B, C, H, W)"
        )
    if not alphas or batch < 1:
        raise InputError(f"{len(alphas)} alphas, batch {batch}; give 1 or more of each")
    if centred and len(x1) < FEWEST:
        raise InputError(f"{len(x1)} pairs to centre; give {FEWEST} or more")
    level = as_sigma(sigma, x1)

    def answers(x: Tensor) -> Tensor:
        return torch.cat([denoiser(part, level) for part in x.split(batch)])

    d1, d2 = answers(x1), answers(x2)
    rows, centred_rows = [], []
    c, e = (x1.mean(0) + x2.mean(0)) / 2, (d1.mean(0) + d2.mean(0)) / 2
    for alpha in alphas:
        rows.append(_scores(answers(mix(x1, x2, alpha)), d1, d2, alpha))
        if centred:
            mixed = answers(c + mix(x1 - c, x2 - c, alpha))
            centred_rows.append(_scores(mixed - e, d1 - e, d2 - e, alpha))
    cosine, ratio = (torch.stack(row) for row in zip(*rows, strict=True))
    more = [torch.stack(row) for row in zip(*centred_rows, strict=True)] or [None, None]
    count = len(x1) * (2 + (1 + centred) * len(alphas))
    return LinearitySweep(tuple(alphas), cosine, ratio, more[0], more[1], count)


def _scores(d_mix: Tensor, d1: Tensor, d2: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    return linearity_cosine(d_mix, d1, d2, alpha), linearity_norm_ratio(d_mix, d1, d2, alpha)
