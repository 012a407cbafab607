"""What all levels of a distillation share: pictures, the Gaussian drawn to, the laws of the inputs."""

from dataclasses import dataclass

import torch

from denoscope.closed_form import GaussianDenoiser
from denoscope.distillation.law import InputLaw
from denoscope.distillation.splits import Splits
from denoscope.distillation.teacher import Inputs
from denoscope.errors import InputError

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """`of` makes one; the eigenvalue problems are solved there, once for all levels.

    splits: the pictures. gaussian: the denoiser that is control and prior, and that D_L is compared
    with. laws: candidates for the law of the inputs, of which each level takes the likelier.
    """

    splits: Splits
    gaussian: GaussianDenoiser
    laws: list[InputLaw]
    inputs: Inputs

    @classmethod
    def of(
        cls, splits: Splits, gaussian: GaussianDenoiser | None = None, inputs: Inputs = "held_out"
    ) -> "Setting":
        """gaussian: D_G of the training set where that is at hand; else that of the pictures to fit.

        Raises InputError where the Gaussian is of another shape than the pictures.
        """
        if gaussian is not None and gaussian.spec.shape != splits.fit.shape:
            raise InputError(
                f"a Gaussian of pictures of shape {gaussian.spec.shape}, pictures of shape "
                f"{splits.fit.shape} to distil on; give them of one shape"
            )
        if inputs == "noise":
            gaussian = gaussian or GaussianDenoiser.fit(splits.fit)
            return cls(splits, gaussian, [InputLaw.of(gaussian).of_noise], inputs)
        own = GaussianDenoiser.fit(splits.fit)
        known = [own] if gaussian is None else [own, gaussian]
        return cls(splits, gaussian or own, [InputLaw.of(one) for one in known], inputs)

    def to(self, device: torch.device | str) -> "Setting":
        """The same with its algebra, and so the denoiser's calls, on another device."""
        laws = [law.to(device) for law in self.laws]
        return Setting(self.splits, self.gaussian.to(device), laws, self.inputs)
