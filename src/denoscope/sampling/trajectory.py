"""Sampling as a generator: every level's state and what the denoiser saw in it.

    x_0 = sigma_0 * noise,   x_{i+1} = step(x_i; sigma_i -> sigma_{i+1}),   sigma_n = 0

so that the last state is D(x_{n-1}; sigma_{n-1}) itself. The state is float64, the denoiser is
called in float32. Give the same noise and levels to two denoisers and the pictures are comparable
one by one; compare a network with a closed form under the same solver, for ten Euler steps shrink
the weak directions of the data (to 0.67 of their amplitude where the variance is 0.01).

Noise by number: `denoscope.noise.noise(range(16), denoiser.spec.shape, seed=0, stream="sample")`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from denoscope.denoiser import Denoiser, as_sigma, check_denoiser, snap_to_levels
from denoscope.errors import InputError, RunError
from denoscope.sampling.solvers import SOLVERS, Solver

__all__ = ["Step", "checked_levels", "checked_state", "continued", "sample", "trajectory"]


@dataclass(frozen=True)
class Step:
    """One level of a trajectory.

    index: 0 at the highest level. sigma: the level asked. sigma_used: the level walked, which
    differs where the denoiser knows only some (`spec.levels`) or a narrower range.
    x: the state there, x0_hat: D(x; sigma_used); both float64 (B, C, H, W), to read, not to write.
    """

    index: int
    sigma: float
    sigma_used: float
    x: Tensor
    x0_hat: Tensor


def trajectory(
    denoiser: Denoiser, noise: Tensor, levels: Tensor | Sequence[float], solver: str = "euler"
) -> Iterator[Step]:
    """Walk the levels from pure noise; one Step a level, lazily.

    noise: standard normal (B, C, H, W) on the denoiser's device; the start is its multiple by the
    first level used. levels: strictly decreasing, positive; they are snapped to `denoiser.spec`,
    and levels that snap to one are passed without a move. The final picture is the last step's
    x0_hat. No gradient is recorded.

    Raises InputError at once for levels that are not positive and strictly decreasing, noise of
    another shape than the denoiser's, an unknown solver; RunError, naming the level, where the
    denoiser returns NaN or infinity.
    """
    asked = checked_levels(levels)
    check_denoiser(denoiser)
    used = snap_to_levels(denoiser.spec, asked)
    return continued(
        denoiser, float(used[0]) * checked_state(denoiser, noise), asked, solver=solver
    )


def continued(
    denoiser: Denoiser,
    state: Tensor,
    levels: Tensor | Sequence[float],
    start: int = 0,
    solver: str = "euler",
) -> Iterator[Step]:
    """Walk on from a state at levels[start]: the Steps from index `start` to the last.

    state: (B, C, H, W), as `Step.x`, a noisy picture at the level used there, in any float dtype.
    levels: the whole grid, as for `trajectory`. Unchanged, a trajectory's own state gives its
    remaining steps bit for bit; changed, what would have come of another (`perturbation`). With
    x0 + sigma eps it shows what the sampler makes of a noisy picture.

    Raises InputError as `trajectory`, and where there is no level `start`; RunError as it does.
    """
    if solver not in SOLVERS:
        raise InputError(f"solver {solver!r} is unknown; choose from {', '.join(SOLVERS)}")
    x = checked_state(denoiser, state)
    asked = checked_levels(levels)
    if not 0 <= start < len(asked):
        raise InputError(f"start {start} of {len(asked)} levels; give 0 to {len(asked) - 1}")
    return _walk(denoiser, x, asked, start, SOLVERS[solver])


def _walk(
    denoiser: Denoiser, x: Tensor, asked: Tensor, start: int, solver: Solver
) -> Iterator[Step]:
    used: list[float] = snap_to_levels(denoiser.spec, asked).tolist()

    def denoise(x: Tensor, sigma: float) -> Tensor:
        with torch.no_grad():  # here and not around the yields, which would leak it to the consumer
            x0_hat = denoiser(x.float(), as_sigma(sigma, x))
        if x0_hat.shape != x.shape:
            raise InputError(
                f"{denoiser.spec.name}: returned {tuple(x0_hat.shape)} for {tuple(x.shape)}; "
                "a denoiser returns x's shape"
            )
        if not bool(torch.isfinite(x0_hat).all()):
            raise RunError(
                f"{denoiser.spec.name}: NaN or infinity at sigma {sigma:g}; "
                "check its weights, or leave that level out"
            )
        return x0_hat.to(torch.float64)

    for index, sigma in enumerate(used[start:], start):
        x0_hat = denoise(x, sigma)
        yield Step(index, float(asked[index]), sigma, x, x0_hat)
        if index + 1 < len(used):
            with torch.no_grad():
                x = solver(x, x0_hat, sigma, used[index + 1], denoise)


def sample(
    denoiser: Denoiser,
    noise: Tensor,
    levels: Tensor | Sequence[float],
    solver: str = "euler",
    batch: int = 64,
) -> Tensor:
    """The final pictures, float32 (B, C, H, W), from noise (B, C, H, W), `batch` at a time.

    Row i depends on noise[i] alone (up to the rounding of the denoiser's own batched arithmetic).
    Values are as the denoiser gave them, near [-1, 1] but not clipped. Errors: see `trajectory`.
    """
    if batch < 1:
        raise InputError(f"batch {batch} asked; give 1 or more")
    if noise.ndim != 4 or noise.shape[0] == 0:
        raise InputError(
            f"noise has shape {tuple(noise.shape)}; give (B, C, H, W) with B at least 1"
        )
    finals = []
    for part in noise.split(batch):
        last = None
        for step in trajectory(denoiser, part, levels, solver):
            last = step.x0_hat
        assert last is not None  # at least one level: checked
        finals.append(last.float())
    return torch.cat(finals)


def checked_levels(levels: Tensor | Sequence[float]) -> Tensor:
    """float64 (n,) on the CPU, positive, finite, strictly decreasing."""
    asked = torch.as_tensor(levels, dtype=torch.float64).detach().cpu()
    if asked.ndim != 1 or len(asked) == 0:
        raise InputError(f"levels have shape {tuple(asked.shape)}; give (n,) with n at least 1")
    if not bool((torch.isfinite(asked) & (asked > 0)).all()):
        raise InputError(
            "levels must be positive and finite (the closing 0 is implied); "
            "take them from karras_levels(n)"
        )
    if bool((asked.diff() >= 0).any()):
        raise InputError(
            "levels must strictly decrease, from pure noise to the picture; "
            "sort them from high to low and leave out repeats"
        )
    return asked


def checked_state(denoiser: Denoiser, state: Tensor) -> Tensor:
    """Noise or a noisy state as float64 (B, C, H, W); InputError where it does not fit the denoiser."""
    spec = check_denoiser(denoiser).spec
    shape = tuple(spec.shape)
    if state.ndim != 4 or tuple(state.shape[1:]) != shape or not state.is_floating_point():
        raise InputError(
            f"{spec.name}: noise or state is {state.dtype} {tuple(state.shape)}; "
            f"give floats of shape (B, {', '.join(map(str, shape))})"
        )
    if not bool(torch.isfinite(state).all()):
        raise InputError(f"{spec.name}: noise or state holds NaN or infinity; give finite values")
    return state.detach().to(torch.float64)
