"""The best linear map to a denoiser, level by level: how much of a model is linear, and which map.

Linear distillation solves, at each noise level (Li et al. 2024, eqs 8 and 9),

    min_{W, b}  E_x0 E_eps || W y + b - D(y; sigma) ||^2,      y = x0 + sigma eps.

It is convex, and with Sigma the covariance of x0 its one solution is

    W = Cov(D(y), y) Cov(y)^-1,    Cov(y) = Sigma + sigma^2 I,    b = E D(y) - W E y.

`distill` computes it from few evaluations of the denoiser, without a learning rate; `descend` is the
paper's gradient descent.

**Which inputs.** Suppose D is the posterior mean E[x0 | y] of *any* law q, and is distilled on x0 ~ q.
By the tower property

    Cov(D(y), y) = Cov(E[x0 | y], y) = Cov(x0, y) = Sigma,

so W = Sigma (Sigma + sigma^2 I)^-1: the Gaussian denoiser D_G of q, exactly, whatever else D does. The
multi-delta denoiser, which memorizes its pictures perfectly, is the posterior mean of those pictures.
Distilled on its own noisy training pictures it gives D_G like any other optimum, and "the linear part
of the model is the Gaussian denoiser" says nothing. On held-out pictures the law is another than the
one memorized, and W shows it. Hence `inputs` says in words what the pictures are: "held_out" by
default; "train"; or "noise", sigma eps alone.
"""

from denoscope.distillation.adam import PAPER_RATES, Epoch, descend, paper_rate
from denoscope.distillation.all_levels import distill, distillation_levels, linear_denoiser
from denoscope.distillation.folder import DistillationFolder
from denoscope.distillation.least_squares import LevelFit, distill_level
from denoscope.distillation.setting import Setting
from denoscope.distillation.splits import Splits
from denoscope.distillation.teacher import Inputs

__all__ = [
    "PAPER_RATES",
    "DistillationFolder",
    "Epoch",
    "Inputs",
    "LevelFit",
    "Setting",
    "Splits",
    "descend",
    "distill",
    "distill_level",
    "distillation_levels",
    "linear_denoiser",
    "paper_rate",
]
