"""A state pushed along a direction, and the pictures that sampling makes of it (Li et al. 2024, fig. 30).

    x_t + strength * sigma_t * u,      ||u|| = 1

and on from there along the remaining levels. The paper pushes along the leading singular vector of
dD/dx at x_t and does not say how far. Here the unit is sigma_t, the standard deviation of the noise
along u: a push of 1 moves the state by as much as another noise would, one of 3 still leaves it
typical for its level in any direction but u, at every level and every d. To first order it moves
x0_hat by strength * sigma_t * s_1 along the leading left singular vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, snap_to_levels
from denoscope.errors import InputError
from denoscope.sampling.trajectory import checked_levels, checked_state, continued

__all__ = ["Perturbation", "perturbation"]


@dataclass(frozen=True)
class Perturbation:
    """What became of each push, rows in the order of `strengths`; float64.

    pictures: (S, B, C, H, W), the finished pictures. x0_hat: (S, B, C, H, W), the denoised picture
    at the level of the push, before any step. sigma: the level used there.
    """

    strengths: tuple[float, ...]
    pictures: Tensor
    x0_hat: Tensor
    sigma: float


def perturbation(
    denoiser: Denoiser,
    state: Tensor,
    direction: Tensor,
    levels: Tensor | Sequence[float],
    start: int,
    strengths: Sequence[float] = (-3.0, 0.0, 3.0),
    solver: str = "euler",
) -> Perturbation:
    """Push a state at levels[start] along a direction by each strength, and finish sampling.

    state: (B, C, H, W), as `Step.x`. direction: (C, H, W) for all states or (B, C, H, W), one each;
    of any length but 0, it is normalized. Strengths are in units of the noise level used at
    `start`; 0 is the unpushed trajectory, bit for bit. All are walked as one batch a strength.

    Raises InputError for a direction of another shape, of length 0 or not finite, for no strength
    or one not finite, and as `continued`; RunError as it does.
    """
    x, asked = checked_state(denoiser, state), checked_levels(levels)
    if tuple(direction.shape) not in (tuple(x.shape), tuple(x.shape[1:])):
        raise InputError(
            f"direction of shape {tuple(direction.shape)} for states {tuple(x.shape)}; give one "
            "for all, or one each"
        )
    u = direction.detach().to(x).expand_as(x)
    lengths = u.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    if not bool((lengths.isfinite() & (lengths > 0)).all()):
        raise InputError(
            "a direction has length 0, or is not finite; give one that points somewhere"
        )
    if not strengths or not bool(torch.tensor(list(strengths)).isfinite().all()):
        raise InputError(f"strengths {tuple(strengths)}; give finite ones, as -3, 0 and 3")
    if not 0 <= start < len(asked):
        raise InputError(f"start {start} of {len(asked)} levels; give 0 to {len(asked) - 1}")
    sigma = float(snap_to_levels(denoiser.spec, asked)[start])
    first, last = [], []
    for strength in strengths:
        pushed = x + strength * sigma * (u / lengths) if strength else x
        steps = continued(denoiser, pushed, asked, start, solver)
        answer = end = next(steps).x0_hat
        for step in steps:
            end = step.x0_hat
        first.append(answer)
        last.append(end)
    return Perturbation(tuple(strengths), torch.stack(last), torch.stack(first), sigma)
