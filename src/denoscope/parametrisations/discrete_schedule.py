"""Schedules of finitely many times: the tables of betas of DDPM and its kin.

With betas b_0 .. b_{T-1}, one a step of the forward process (Ho et al. 2020, eq. 4),

    abar_i = (1 - b_0) ... (1 - b_i),    alpha_i = sqrt(abar_i),    sigma_i = sqrt(1 - abar_i).
"""

import math

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.parametrisations.schedule import Schedule, strictly_monotone

__all__ = ["DiscreteSchedule"]


class DiscreteSchedule(Schedule):
    """A table of alphas and sigmas; time is the index, 0 to T - 1, and other levels are unknown.

    alphas, sigmas: (T,), alpha >= 0, sigma > 0, level sigma / alpha strictly rising or strictly
    falling with the index. Indices with alpha = 0 are left out of `levels` (`left_out` lists them).

    Raises InputError where the table is not of this kind.
    """

    def __init__(self, alphas: Tensor, sigmas: Tensor) -> None:
        if alphas.ndim != 1 or alphas.shape != sigmas.shape or not len(alphas):
            raise InputError(
                f"alphas of shape {tuple(alphas.shape)} and sigmas of shape {tuple(sigmas.shape)}: "
                "give both as (T,), one value a time"
            )
        alphas, sigmas = alphas.double(), sigmas.double()
        finite = bool((alphas.isfinite() & sigmas.isfinite()).all())
        if not finite or bool((alphas < 0).any() | (sigmas <= 0).any()):
            raise InputError(
                "a schedule's alphas must be finite and 0 or more, its sigmas finite and positive; "
                f"given are alphas from {float(alphas.min()):g} to {float(alphas.max()):g}, sigmas "
                f"from {float(sigmas.min()):g} to {float(sigmas.max()):g}"
            )
        indices = alphas.nonzero().reshape(-1)
        if not len(indices):
            raise InputError("every alpha is 0: a model of pure noise alone has no level")
        levels = sigmas[indices] / alphas[indices]
        if not strictly_monotone(levels):
            raise InputError(
                "the levels sigma / alpha neither rise at every index nor fall at every index: "
                "order the table by its noise, each level once"
            )
        self.alphas, self.sigmas = alphas, sigmas
        self._levels, self._indices = levels, indices  # in the order of the table
        self.levels = levels if levels[0] >= levels[-1] else levels.flip(0)
        self.level_min, self.level_max = float(self.levels[-1]), float(self.levels[0])
        self.left_out = tuple(map(float, (alphas == 0).nonzero().reshape(-1)))

    def __len__(self) -> int:
        """T, the times left out included."""
        return len(self.alphas)

    @classmethod
    def of_alphas_cumprod(cls, alphas_cumprod: Tensor) -> "DiscreteSchedule":
        """Of abar_i: alpha = sqrt(abar), sigma = sqrt(1 - abar). (T,), in [0, 1).

        The way to take over another program's table bit for bit, whatever it rounded.
        """
        abar = torch.as_tensor(alphas_cumprod, dtype=torch.float64)
        if not bool(((abar >= 0) & (abar < 1)).all()):
            raise InputError(
                f"alphas_cumprod from {float(abar.min()):g} to {float(abar.max()):g}: give values "
                "in [0, 1)"
            )
        return cls(abar.sqrt(), (1 - abar).sqrt())

    @classmethod
    def of_betas(cls, betas: Tensor) -> "DiscreteSchedule":
        """Of betas (T,), each in (0, 1]; a beta of 1 makes the rest pure noise."""
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.ndim != 1 or not bool(((betas > 0) & (betas <= 1)).all()):
            raise InputError(
                f"betas of shape {tuple(betas.shape)} from {float(betas.min()):g} to "
                f"{float(betas.max()):g}: give (T,), each in (0, 1]"
            )
        return cls.of_alphas_cumprod((1 - betas).cumprod(0))

    @classmethod
    def linear(
        cls, steps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02
    ) -> "DiscreteSchedule":
        """Betas evenly spaced from beta_start to beta_end (Ho et al. 2020, section 4)."""
        return cls.of_betas(_evenly(beta_start, beta_end, steps))

    @classmethod
    def scaled_linear(
        cls, steps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012
    ) -> "DiscreteSchedule":
        """Square roots of betas evenly spaced (Rombach et al. 2022; the defaults are theirs)."""
        if min(beta_start, beta_end) < 0:
            raise InputError(f"betas {beta_start:g} and {beta_end:g}: give values in (0, 1]")
        return cls.of_betas(_evenly(math.sqrt(beta_start), math.sqrt(beta_end), steps) ** 2)

    @classmethod
    def cosine(
        cls, steps: int = 1000, offset: float = 0.008, beta_max: float = 0.999
    ) -> "DiscreteSchedule":
        """The squared cosine (Nichol and Dhariwal 2021, eq. 17), called squaredcos_cap_v2 elsewhere.

        f(u) = cos^2( pi/2 (u + offset) / (1 + offset) ),
        beta_i = min( 1 - f((i + 1) / T) / f(i / T), beta_max ).
        """
        u = _evenly(0.0, 1.0, steps + 1)
        f = ((u + offset) / (1 + offset) * (math.pi / 2)).cos() ** 2
        return cls.of_betas((1 - f[1:] / f[:-1]).clamp(max=beta_max))

    def with_zero_terminal_snr(self) -> "DiscreteSchedule":
        """The same, shifted and stretched so that the last index is pure noise (Lin et al. 2024, alg. 1).

        alpha_i -> (alpha_i - alpha_T) alpha_1 / (alpha_1 - alpha_T), sigma_i = sqrt(1 - alpha_i^2);
        the noisiest index then has alpha = 0 and no level. Raises InputError where alpha^2 + sigma^2
        is not 1, or there is but one index.
        """
        if bool(((self.alphas**2 + self.sigmas**2 - 1).abs() > 1e-6).any()) or len(self) < 2:
            raise InputError(
                "zero terminal SNR is defined for two times or more with alpha^2 + sigma^2 = 1: "
                "start from linear, scaled_linear, cosine, of_betas or of_alphas_cumprod"
            )
        first, last = self.alphas.max(), self.alphas.min()
        alphas = (self.alphas - last) * (first / (first - last))
        return DiscreteSchedule(alphas, (1 - alphas**2).sqrt())

    def alpha(self, t: Tensor) -> Tensor:
        return self.alphas.to(t.device)[t]

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigmas.to(t.device)[t]

    def time_of(self, level: Tensor) -> Tensor:
        known = self._levels.to(level.device).log()
        nearest = (known - level.double().log()[..., None]).abs().argmin(-1)
        return self._indices.to(level.device)[nearest]

    def to(self, device: torch.device | str) -> "DiscreteSchedule":
        """The same with its table on `device`, so that a call there moves nothing."""
        return DiscreteSchedule(self.alphas.to(device), self.sigmas.to(device))


def _evenly(start: float, end: float, steps: int) -> Tensor:
    if steps < 1:
        raise InputError(f"a schedule of {steps} steps: give 1 or more")
    return torch.linspace(start, end, steps, dtype=torch.float64)
