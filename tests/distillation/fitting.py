"""A fit with as many draws of noise as asked, without rounds and without an end that it finds itself."""

import torch

from denoscope.distillation.law import InputLaw
from denoscope.distillation.moments import HalvedMoments
from denoscope.distillation.shrinkage import LinearMap, beyond, gaussian_map, solve
from denoscope.distillation.teacher import Teacher

__all__ = ["fitted", "relative"]


def fitted(
    denoiser, pictures, sigma, draws, gaussian, law=None, shared=False, **teacher
) -> LinearMap:
    """Antithetic pairs of `draws` noises of every picture, float64, through moments and `solve`."""
    law = law or InputLaw.of(gaussian)
    asked = Teacher(denoiser, sigma, dtype=torch.float64, **teacher)
    moments = HalvedMoments(len(law.mean))
    for draw in range(draws):
        for sign in (1, -1):
            place = draw if shared else 0
            for y, answer in asked.answers(pictures, f"distill {draw}", sign):
                second = torch.arange(place, place + len(y)) % 2 == 1
                moments.add(*beyond(y, answer, law, sigma, gaussian), second)
                place += len(y)
    found = solve(moments, law, sigma, gaussian)
    return found.added_to(gaussian_map(gaussian, sigma), law, sigma)


def relative(matrix, truth) -> float:
    """||W - W_true||_F / ||W_true||_F."""
    return float((matrix - truth).norm() / truth.norm())
