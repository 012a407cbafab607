"""Preconditioning: from a raw network F to a denoiser D(x; sigma) (Karras et al. 2022, table 1)."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from denoscope.networks.layers import Images
from denoscope.parametrisations import DiscreteSchedule

TablePrediction = Literal["epsilon", "velocity", "x0"]


class Scalings(NamedTuple):
    """The four functions of sigma of Karras et al. 2022, eq. 7, each of sigma's shape and dtype."""

    skip: Tensor
    out: Tensor
    input: Tensor
    noise: Tensor


class Preconditioning(nn.Module, ABC):
    """D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)  (Karras et al. 2022, eq. 7).

    A subclass states the four scalings. `model` is F: called with (c_in x, c_noise, class_labels,
    augment_labels), where c_noise has sigma's shape, it returns something of x's shape, or with
    more channels, of which the first are taken.
    """

    sigma_range: ClassVar[tuple[float, float]]
    """The closed range of levels that a network under it is trained for."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @abstractmethod
    def scalings(self, sigma: Tensor) -> Scalings:
        """c_skip, c_out, c_in and c_noise at sigma, elementwise."""

    def forward(
        self,
        x: Images,
        sigma: Float[Tensor, " levels"],
        class_labels: Float[Tensor, "label_rows label"] | None = None,
        augment_labels: Float[Tensor, "augment_rows augment"] | None = None,
    ) -> Images:
        """The denoised x.

        x: (B, C, H, W), a clean picture in [-1, 1] plus noise of standard deviation sigma; sigma:
        (B,) or (1,), positive, in units of x; class_labels: (B, label_dim) or (1, label_dim), None
        for an unlabelled picture; augment_labels: (B, augment_dim), None for no augmentation.
        F runs in the dtype of its own parameters (or autocast's), all else in x's, which the
        result has.
        """
        c_skip, c_out, c_in, c_noise = self.scalings(sigma.to(x.dtype))
        c_skip, c_out, c_in = (c[:, None, None, None] for c in (c_skip, c_out, c_in))
        dtype = next(self.model.parameters()).dtype
        raw = self.model((c_in * x).to(dtype), c_noise, class_labels, augment_labels)
        return c_skip * x + c_out * raw[:, : x.shape[1]].to(x.dtype)


class EDMPreconditioning(Preconditioning):
    """The preconditioning of Karras et al. 2022 (table 1, column "Ours"; appendix B.6).

    With d = sigma_data, the standard deviation of the pictures (0.5 for pictures in [-1, 1]):
    c_skip = d^2 / (sigma^2 + d^2), c_out = sigma d / sqrt(sigma^2 + d^2),
    c_in = 1 / sqrt(sigma^2 + d^2), c_noise = ln(sigma) / 4. Input and training target of F then
    have variance 1 at every sigma.
    """

    sigma_range = (0.002, 80.0)

    def __init__(self, model: nn.Module, sigma_data: float = 0.5) -> None:
        super().__init__(model)
        self.sigma_data = sigma_data

    def scalings(self, sigma: Tensor) -> Scalings:
        total = sigma**2 + self.sigma_data**2
        return Scalings(
            skip=self.sigma_data**2 / total,
            out=sigma * self.sigma_data * total.rsqrt(),
            input=total.rsqrt(),
            noise=sigma.log() / 4,
        )


class VPPreconditioning(Preconditioning):
    """The variance preserving diffusion of Song et al. 2021 as Karras et al. 2022 write it (table 1).

    c_skip = 1, c_out = -sigma, c_in = 1 / sqrt(sigma^2 + 1), c_noise = (M - 1) t(sigma) with
    M = 1000: F predicts the noise, from a picture scaled to unit variance and a step of 0 to 999.
    Time and level are tied by sigma(t)^2 = exp(beta_d t^2 / 2 + beta_min t) - 1, beta_d = 19.9,
    beta_min = 0.1, t in [1e-5, 1].
    """

    beta_d, beta_min, steps, t_min = 19.9, 0.1, 1000, 1e-5

    @classmethod
    def sigma_of(cls, t: Tensor) -> Tensor:
        """sigma(t), elementwise."""
        return (cls.beta_d / 2 * t**2 + cls.beta_min * t).expm1().sqrt()

    @classmethod
    def time_of(cls, sigma: Tensor) -> Tensor:
        """t(sigma), the inverse: the positive root of beta_d t^2 / 2 + beta_min t = ln(1 + sigma^2).

        In the form that loses no digits at small sigma.
        """
        logarithm = (sigma**2).log1p()
        return (
            2 * logarithm / ((cls.beta_min**2 + 2 * cls.beta_d * logarithm).sqrt() + cls.beta_min)
        )

    sigma_range = (
        math.sqrt(math.expm1(beta_d / 2 * t_min**2 + beta_min * t_min)),
        math.sqrt(math.expm1(beta_d / 2 + beta_min)),
    )

    def scalings(self, sigma: Tensor) -> Scalings:
        return Scalings(
            skip=torch.ones_like(sigma),
            out=-sigma,
            input=(sigma**2 + 1).rsqrt(),
            noise=(self.steps - 1) * self.time_of(sigma),
        )


class VEPreconditioning(Preconditioning):
    """The variance exploding diffusion of Song et al. 2021 as Karras et al. 2022 write it (table 1).

    c_skip = 1, c_out = sigma, c_in = 1, c_noise = ln(sigma / 2): F predicts the noise, negative,
    from the noisy picture as it is. Levels from 0.02 to 100.
    """

    sigma_range = (0.02, 100.0)

    def scalings(self, sigma: Tensor) -> Scalings:
        one = torch.ones_like(sigma)
        return Scalings(skip=one, out=sigma, input=one, noise=(sigma / 2).log())


class IDDPMPreconditioning(Preconditioning):
    """The improved DDPM of Nichol & Dhariwal 2021 as Karras et al. 2022 write it (table 1).

    c_skip = 1, c_out = -sigma, c_in = 1 / sqrt(sigma^2 + 1), c_noise = M - 1 - j with M = 1000,
    where j is that of the level u_j nearest to sigma: F predicts the noise. It knows these levels
    alone, so a denoiser states them (`levels_like`) and its caller asks for no others:

        u_M = 0,  u_{j-1} = sqrt((u_j^2 + 1) / max(a_{j-1} / a_j, C_1) - 1),
        a_j = sin^2(pi / 2  j / (M (C_2 + 1))),  C_1 = 0.001, C_2 = 0.008.

    F has twice the channels of the picture; the second half, the variances of DDPM's sampler, is
    not used.
    """

    steps, c_1, c_2 = 1000, 0.001, 0.008

    @classmethod
    def levels_like(cls, like: Tensor) -> Tensor:
        """u_0 ... u_{M-1}, from high to low: (1000,), in the dtype and on the device of `like`.

        From j = 1 on the maximum is never C_1, the product of ratios is a_M / a_j, and so
        u_j^2 = sin(A + B) sin(A - B) / sin^2(B), with A and B the angles of M and j: a form that
        loses no digits at small levels.
        """
        step = math.pi / 2 / (cls.steps * (cls.c_2 + 1))
        j = torch.arange(1, cls.steps, dtype=like.dtype, device=like.device)
        sum_, difference = (step * (cls.steps + j)).sin(), (step * (cls.steps - j)).sin()
        u = (sum_ * difference).sqrt() / (step * j).sin()
        return torch.cat([((u[:1] ** 2 + 1) / cls.c_1 - 1).sqrt(), u])

    sigma_range = (0.0064254, 20291.2)

    def scalings(self, sigma: Tensor) -> Scalings:
        nearest = (self.levels_like(sigma) - sigma[:, None]).abs().argmin(1)
        return Scalings(
            skip=torch.ones_like(sigma),
            out=-sigma,
            input=(sigma**2 + 1).rsqrt(),
            noise=(self.steps - 1 - nearest).to(sigma.dtype),
        )


class TablePreconditioning(Preconditioning):
    """A table of steps, any of DDPM's kin: x_t = alpha x0 + sigma_t eps with alpha^2 = abar_i.

    A level sigma = sigma_t / alpha of the table gives alpha = 1 / sqrt(1 + sigma^2) = c_in and
    sigma_t = sigma alpha; c_noise is the index i. F sees x_t = alpha x, and what it predicts decides
    the rest (`denoscope.parametrisations`; Ho et al. 2020, eq. 15; Salimans and Ho 2022, appendix D):

        epsilon     x0 = x - sigma F                 c_skip = 1,          c_out = -sigma
        velocity    x0 = alpha^2 x - sigma alpha F   c_skip = alpha^2,    c_out = -sigma alpha
        x0          x0 = F                           c_skip = 0,          c_out = 1

    The table, `alphas_cumprod` (steps,), is part of the weights. It knows these levels alone, so a
    denoiser states them (`levels`) and its caller asks for no others. Where F has twice the picture's
    channels, the second half, the variances of DDPM's sampler, is not used.
    """

    alphas_cumprod: Tensor
    sigma_range = (0.0, math.inf)

    def __init__(
        self, model: nn.Module, steps: int, prediction: TablePrediction = "epsilon"
    ) -> None:
        super().__init__(model)
        self.prediction: TablePrediction = prediction
        table = torch.linspace(0.999, 0.001, steps, dtype=torch.float64)  # until a file's fills it
        self.register_buffer("alphas_cumprod", table)

    @property
    def schedule(self) -> DiscreteSchedule:
        """Raises InputError where the table is none: not within [0, 1), or not falling."""
        return DiscreteSchedule.of_alphas_cumprod(self.alphas_cumprod)

    def scalings(self, sigma: Tensor) -> Scalings:
        abar = self.alphas_cumprod.double()
        levels = ((1 - abar) / abar).log() / 2  # infinite where abar is 0: nearest to nothing
        index = (levels - sigma.double().log()[:, None]).abs().argmin(1)
        alpha, one = (sigma**2 + 1).rsqrt(), torch.ones_like(sigma)
        match self.prediction:
            case "epsilon":
                skip, out = one, -sigma
            case "velocity":
                skip, out = alpha**2, -sigma * alpha
            case "x0":
                skip, out = torch.zeros_like(sigma), one
        return Scalings(skip=skip, out=out, input=alpha, noise=index.to(sigma.dtype))


class NoPreconditioning(Preconditioning):
    """D(x; sigma) = F(x; 0): a denoising autoencoder (DAE), which answers the picture itself.

    It is not told the level, and serves one alone: the level it was trained at (Li et al. 2024,
    appendix G.2). c_skip = 0, c_out = c_in = 1, c_noise = 0.
    """

    sigma_range = (0.0, math.inf)

    def scalings(self, sigma: Tensor) -> Scalings:
        zero, one = torch.zeros_like(sigma), torch.ones_like(sigma)
        return Scalings(skip=zero, out=one, input=one, noise=zero)
