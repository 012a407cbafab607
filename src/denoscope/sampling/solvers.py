"""One step of the probability-flow ODE, from one noise level to the next lower one.

With sigma(t) = t the ODE reads dx/dsigma = (x - D(x; sigma)) / sigma (Karras et al. 2022, eq. 1).
A solver takes the state, the x0_hat already known there, both levels and the denoiser (for solvers
that look again), and returns the state at the lower level, which is above 0. The very last step, to
sigma = 0, is the same for every solver: it lands on x0_hat.
"""

from collections.abc import Callable

from torch import Tensor

__all__ = ["SOLVERS", "Denoise", "Solver", "euler", "heun"]

Denoise = Callable[[Tensor, float], Tensor]
Solver = Callable[[Tensor, Tensor, float, float, Denoise], Tensor]


def euler(x: Tensor, x0_hat: Tensor, sigma: float, sigma_next: float, denoise: Denoise) -> Tensor:
    """First order (Li et al. 2024, eq. 4): x + (sigma_next - sigma) (x - x0_hat) / sigma.

    One evaluation a level; the sampler of the paper.
    """
    return x + (sigma_next - sigma) / sigma * (x - x0_hat)


def heun(x: Tensor, x0_hat: Tensor, sigma: float, sigma_next: float, denoise: Denoise) -> Tensor:
    """Second order (Karras et al. 2022, algorithm 1 without churn): the mean of both ends' slopes.

    Two evaluations a level, but for the last.
    """
    if sigma_next == sigma:  # two levels snapped to one: nothing to walk, nothing to evaluate
        return x
    slope = (x - x0_hat) / sigma
    reached = x + (sigma_next - sigma) * slope
    slope_there = (reached - denoise(reached, sigma_next)) / sigma_next
    return x + (sigma_next - sigma) * (slope + slope_there) / 2


SOLVERS: dict[str, Solver] = {"euler": euler, "heun": heun}
