"""Linear distillation of one level by exact least squares, as far as it pays.

Rows come in passes: pass 2k shows every picture of `fit` with its k-th noise eps, pass 2k + 1 with
-eps (antithetic: of what the denoiser makes of the noise, the even part cancels). After each round of
passes on which something depends the map is solved anew (`shrinkage.py`) and tried on the validation
pictures, which are asked once. It ends when a round improved the unseen error by less than that error's
own standard error, or when the budget is spent. The result is scored on pictures that no fit and no
decision saw.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from denoscope.denoiser import Denoiser
from denoscope.distillation.law import InputLaw, likelier_law
from denoscope.distillation.moments import HalvedMoments
from denoscope.distillation.setting import Setting
from denoscope.distillation.shrinkage import Correction, beyond, gaussian_map, solve
from denoscope.distillation.teacher import Teacher
from denoscope.distillation.unseen import Unseen
from denoscope.errors import InputError
from denoscope.metrics import Estimate, Moments, paired_difference

__all__ = ["LevelFit", "distill_level"]

ROUND = 512  # rows at least between two solves, so that a few pictures are not solved at every pass
UNSEEN_ROWS = (
    256  # of a shared split, whose pictures may be few; a disjoint one has a noise a picture
)


@dataclass(frozen=True)
class LevelFit:
    """What a distillation found at one level.

    matrix: (d, d) W, bias: (d,) b, float64: D_L(x) = W x + b. score: mean over unseen inputs of
    ||D_L(y) - D(y)|| / sqrt(d) (eq. 10); gaussian_score: the same of D_G; gain: D_G's less D_L's,
    paired; distance: D_L from D_G. error: standard error of W over W, Frobenius.
    weight_difference: ||W - W_G||_F^2 / ||W_G||_F^2. symmetry_defect: ||W - W^T||_F / ||W||_F.
    evaluations: of the denoiser, to fit and to steer; score_evaluations: to score. stopped:
    "settled" or "budget". validation: the unseen error after each solve, D_G's first.
    """

    sigma: float
    matrix: Float[Tensor, "d d"]
    bias: Float[Tensor, " d"]
    score: Estimate
    gaussian_score: Estimate
    gain: Estimate
    distance: Estimate
    error: float
    weight_difference: float
    symmetry_defect: float
    evaluations: int
    score_evaluations: int
    stopped: Literal["settled", "budget"]
    validation: tuple[float, ...]


def distill_level(
    denoiser: Denoiser,
    sigma: float,
    setting: Setting,
    *,
    budget: int | None = None,
    seed: int = 0,
    batch: int = 64,
    dtype: torch.dtype = torch.float32,
    on_evaluations: Callable[[int], None] = lambda n: None,
) -> LevelFit:
    """W and b of min E ||W y + b - D(y; sigma)||^2 over y = x0 + sigma eps (Li et al. 2024, eq. 9).

    budget: evaluations to fit and to steer, at most; those that score come on top. dtype: in which
    the denoiser is called, on the setting's device; sums are float64. The result depends on
    (denoiser, sigma, setting, budget, seed) and not, beyond rounding, on `batch`.

    Raises InputError where the budget does not reach a fit, RunError where the denoiser returns NaN
    or infinity.
    """
    splits = setting.splits
    law = likelier_law(setting.laws, splits.validation, sigma)
    teacher = Teacher(
        denoiser,
        sigma,
        setting.inputs,
        seed=seed,
        batch=batch,
        dtype=dtype,
        device=law.mean.device,
        on_evaluations=on_evaluations,
    )
    rows = UNSEEN_ROWS if splits.are_shared else 1
    steer = Unseen.ask(teacher, splits.validation, "validation", rows)
    least = teacher.evaluations + 4
    if budget is not None and budget < least:
        raise InputError(
            f"a budget of {budget} evaluations, of which {teacher.evaluations} go to pictures to "
            f"steer by; give {least} or more"
        )
    found, history, settled = _fit(teacher, setting, law, steer, budget)
    spent = teacher.evaluations
    judge = Unseen.ask(teacher, splits.score, "score", rows)
    control = gaussian_map(setting.gaussian, sigma)
    fit = found.added_to(control, law, sigma)
    ours, gaussian = judge.errors(fit), judge.errors(control)
    size, gaussian_size = float(fit.matrix.norm()), float(control.matrix.norm())
    return LevelFit(
        sigma=sigma,
        matrix=fit.matrix,
        bias=fit.bias,
        score=Moments.of(ours).estimate,
        gaussian_score=Moments.of(gaussian).estimate,
        gain=paired_difference(gaussian, ours),
        distance=Moments.of(judge.distances(fit, control)).estimate,
        error=_ratio(fit.error, size),
        weight_difference=_ratio(float((fit.matrix - control.matrix).norm()), gaussian_size) ** 2,
        symmetry_defect=_ratio(float((fit.matrix - fit.matrix.T).norm()), size),
        evaluations=spent,
        score_evaluations=teacher.evaluations - spent,
        stopped="settled" if settled else "budget",
        validation=tuple(history),
    )


def _fit(
    teacher: Teacher, setting: Setting, law: InputLaw, steer: Unseen, budget: int | None
) -> tuple[Correction, list[float], bool]:
    """Passes until it settles or the budget is spent: (D_L - D_G, unseen error by round, settled)."""
    splits, sigma, gaussian = setting.splits, teacher.sigma, setting.gaussian
    moments = HalvedMoments(len(law.mean), law.mean.device)
    steer_z, steer_v = beyond(steer.y, steer.answer, law, sigma, gaussian)
    history = [float(steer_v.square().mean(1).sqrt().mean())]
    solved_at = 0
    balanced_at = 3 if splits.are_shared else 1  # from there on each half has seen every sign
    for number in itertools.count():
        draw, sign = number // 2, 1 - 2 * (number % 2)
        left = None if budget is None else budget - teacher.evaluations
        # Halves are of independent pictures; of shared ones, which are the whole law, of noises.
        place = draw if splits.are_shared else 0
        for y, answer in teacher.answers(splits.fit, f"distill {draw}", sign, left):
            second = torch.arange(place, place + len(y), device=y.device) % 2 == 1
            moments.add(*beyond(y, answer, law, sigma, gaussian), second)
            place += len(y)
        spent = budget is not None and teacher.evaluations >= budget
        ends_next = budget is not None and budget - teacher.evaluations <= len(splits.fit)
        idle = number < balanced_at and ends_next  # the next is the last whatever this would say
        if not spent and (idle or moments.n - solved_at < ROUND):
            continue
        solved_at = moments.n
        fit = solve(moments, law, sigma, gaussian)
        errors = Moments.of(fit.errors(steer_z, steer_v)).estimate
        history.append(errors.value)
        if spent or (number >= balanced_at and history[-2] - history[-1] <= errors.se):
            return fit, history, not spent
    raise AssertionError("the passes do not end")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float(part > 0)
