"""Posteriors over the parts of a data set, as many as there are machines, as that over the whole.

With part s of N_s pictures, log density l_s and posterior mean m_s, the posterior over all parts is a
mixture of theirs, of shares

    pi_s = softmax_s(l_s + log N_s),    so that    x0_hat = sum_s pi_s m_s

and 1 / effective = sum_s pi_s^2 / effective_s, the weights are pi_s w, and log p = logsumexp_s(l_s +
log N_s) - log N. At sigma = 0 the shares are those of the nearest pictures, at infinity the N_s / N.
What a part sends is as large as x, whatever its size.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.closed_form.posterior import Posterior
from denoscope.errors import InputError

__all__ = ["merge_posteriors"]


def merge_posteriors(
    parts: Sequence[Posterior], counts: Sequence[int], sigma: Float[Tensor, " b"]
) -> Posterior:
    """The posterior over all pictures from those over disjoint parts of them, for the same x.

    parts: one a part, of one k; their ids must tell parts apart. counts: N_s, pictures of each.
    sigma: (B,) or (1,), the level they were asked at, from 0 to infinity. Exact up to the rounding of
    the parts. Raises InputError on no parts, on another number of counts and on a count below 1.
    """
    if not parts or len(parts) != len(counts) or min(counts) < 1:
        raise InputError(
            f"{len(parts)} posteriors and counts {list(counts)}; give one count, 1 or more, a part"
        )
    density, effective, nearest, distances, weights = (
        torch.stack([getattr(part, name) for part in parts]).double()
        if name != "nearest"
        else torch.stack([part.nearest for part in parts])
        for name in ("log_density", "effective_number", "nearest", "distances", "weights")
    )
    sizes = density.new_tensor(counts)[:, None]
    evidence = density + sizes.log()
    near = distances[..., 0] == distances[..., 0].amin(0)
    level = sigma.to(density.device).double()
    share = torch.where(level == 0, near * effective, sizes.expand_as(density))
    share = torch.where((level == 0) | level.isinf(), share / share.sum(0), evidence.softmax(0))
    mean = torch.stack([part.x0_hat for part in parts])
    mean = (mean.double() * share[..., None, None, None]).sum(0).to(mean.dtype)

    k = distances.shape[-1]
    nearest, distances, weights = (  # (B, parts k)
        one.movedim(0, 1).flatten(1) for one in (nearest, distances, share[..., None] * weights)
    )
    order = distances.argsort(dim=1, stable=True)[:, :k]
    return Posterior(
        x0_hat=mean,
        nearest=nearest.gather(1, order),
        distances=distances.gather(1, order),
        weights=weights.gather(1, order),
        effective_number=1 / (share.square() / effective).sum(0),
        log_density=evidence.logsumexp(0) - math.log(sum(counts)),
    )
