"""Preconditioning: from a raw network F to a denoiser D(x; sigma) (Karras et al. 2022, table 1)."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from denoscope.networks.layers import Images


class Scalings(NamedTuple):
    """The four functions of sigma of Karras et al. 2022, eq. 7, each of sigma's shape and dtype."""

    skip: Tensor
    out: Tensor
    input: Tensor
    noise: Tensor


class Preconditioning(nn.Module, ABC):
    """D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)  (Karras et al. 2022, eq. 7).

    A subclass states the four scalings. `model` is F: called with (c_in x, c_noise, class_labels,
    augment_labels), where c_noise has sigma's shape, it returns something of x's shape.
    """

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
        return c_skip * x + c_out * raw.to(x.dtype)


class EDMPreconditioning(Preconditioning):
    """The preconditioning of Karras et al. 2022 (table 1, column "Ours"; appendix B.6).

    With d = sigma_data, the standard deviation of the pictures (0.5 for pictures in [-1, 1]):
    c_skip = d^2 / (sigma^2 + d^2), c_out = sigma d / sqrt(sigma^2 + d^2),
    c_in = 1 / sqrt(sigma^2 + d^2), c_noise = ln(sigma) / 4. Input and training target of F then
    have variance 1 at every sigma.
    """

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
