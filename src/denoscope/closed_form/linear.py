"""A linear denoiser: one affine map for each noise level it knows.

    D_L(x; sigma) = W_sigma x + b_sigma                                  (Li et al. 2024, eq. 8)

with x flattened to d = C*H*W. Made by linear distillation (`denoscope.distillation`), or by hand
from matrices. It knows its levels and nothing between them: `spec.levels` names them, the caller
snaps (`snap_to_levels`).
"""

import json
import os
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from denoscope.denoiser import Spec, check_call
from denoscope.errors import InputError, SigmaOutOfRange

__all__ = ["LinearDenoiser"]

SLACK = 1e-6  # relative: levels may have gone through float32


class LinearDenoiser:
    """D_L(x; sigma) = W_sigma x + b_sigma at finitely many levels (Li et al. 2024, eq. 8).

    levels: (L,), positive, finite, each once, in any order. matrices: (L, d, d) and biases: (L, d),
    float32 or float64, in picture units; the result is computed in x's dtype. shape: (C, H, W) with
    d = C*H*W. A call at any other level raises SigmaOutOfRange.

    Raises InputError where the parts do not fit together or are not finite.
    """

    def __init__(
        self,
        levels: Tensor,
        matrices: Tensor,
        biases: Tensor,
        shape: tuple[int, int, int],
        name: str = "linear",
    ) -> None:
        channels, height, width = shape
        count, d = len(levels), channels * height * width
        if levels.ndim != 1 or matrices.shape != (count, d, d) or biases.shape != (count, d):
            raise InputError(
                f"levels {tuple(levels.shape)}, matrices {tuple(matrices.shape)}, biases "
                f"{tuple(biases.shape)} for pictures of shape {tuple(shape)}; give (L,), "
                f"(L, {d}, {d}) and (L, {d})"
            )
        if not all(bool(part.isfinite().all()) for part in (levels, matrices, biases)):
            raise InputError("levels, matrices or biases hold NaN or infinity")
        order = levels.double().argsort(descending=True)
        known = levels.double()[order]
        if count == 0 or bool((known <= 0).any()) or bool((known.diff() == 0).any()):
            raise InputError("levels of a linear denoiser: give positive ones, each once")
        in_order = bool((order == torch.arange(count, device=order.device)).all())
        self.matrices = matrices if in_order else matrices[order]
        self.biases = biases if in_order else biases[order]
        self.spec = Spec(
            name,
            (channels, height, width),
            sigma_min=float(known[-1]),
            sigma_max=float(known[0]),
            levels=known,
            citations=("Li et al. 2024",),
        )

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x0_hat, (B, C, H, W), in x's dtype.

        sigma: (B,) or (1,), each one of `spec.levels` (to 1e-6, relative). Raises InputError on a
        wrong shape, SigmaOutOfRange at any other level.
        """
        check_call(self.spec, x, sigma)
        places = self._places(sigma)
        flat = x.reshape(x.shape[0], -1)
        if len(set(places)) == 1:
            return self._at(flat, places[0]).reshape(x.shape)
        groups = {one: [row for row, p in enumerate(places) if p == one] for one in set(places)}
        answers = torch.cat([self._at(flat[rows], one) for one, rows in groups.items()])
        order = [row for rows in groups.values() for row in rows]
        back = torch.tensor(order, device=x.device).argsort()
        return answers[back].reshape(x.shape)

    def matrix(self, sigma: float) -> Float[Tensor, "d d"]:
        """W_sigma, float64 (eq. 8). Raises SigmaOutOfRange at a level it does not know."""
        return self.matrices[self._place(sigma)].double()

    def bias(self, sigma: float) -> Float[Tensor, " d"]:
        """b_sigma, float64 (eq. 8). Raises SigmaOutOfRange at a level it does not know."""
        return self.biases[self._place(sigma)].double()

    def to(self, device: torch.device | str) -> "LinearDenoiser":
        """The same denoiser on another device."""
        assert self.spec.levels is not None
        return LinearDenoiser(
            self.spec.levels.to(device),
            self.matrices.to(device),
            self.biases.to(device),
            self.spec.shape,
            self.spec.name,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one safetensors file, whole or not at all."""
        from denoscope.tables import replacing  # brings polars, which no closed form needs

        assert self.spec.levels is not None
        parts = {"levels": self.spec.levels, "matrices": self.matrices, "biases": self.biases}
        tensors = {name: part.detach().cpu().contiguous() for name, part in parts.items()}
        note = json.dumps({"linear": {"shape": self.spec.shape, "name": self.spec.name}})
        with replacing(Path(path)) as partial:
            try:
                save_file(tensors, partial, metadata={"denoscope": note})
            except SafetensorError as error:  # the disk's fault, in its own words
                raise OSError(str(error)) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LinearDenoiser":
        """The denoiser that `save` wrote. Raises InputError for a file that is not one."""
        try:
            with safe_open(path, framework="pt") as file:
                note = json.loads((file.metadata() or {})["denoscope"])["linear"]
                parts = {name: file.get_tensor(name) for name in ("levels", "matrices", "biases")}
            shape, name = tuple(note["shape"]), str(note["name"])
            channels, height, width = shape
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is no whole linear denoiser ({error}): distill again, or restore it from "
                "a copy"
            ) from error
        return cls(**parts, shape=(channels, height, width), name=name)

    def _at(self, flat: Tensor, place: int) -> Tensor:
        return flat @ self.matrices[place].to(flat.dtype).T + self.biases[place].to(flat.dtype)

    def _place(self, sigma: float) -> int:
        return self._places(torch.tensor([sigma], dtype=torch.float64))[0]

    def _places(self, sigma: Tensor) -> list[int]:
        """Which level each sigma is; those of a batch are few, so this runs in plain Python."""
        assert self.spec.levels is not None
        known = self.spec.levels.tolist()
        places = []
        for value in sigma.tolist():
            place = min(range(len(known)), key=lambda i: abs(known[i] - value))
            if not abs(known[place] - value) <= SLACK * known[place]:
                raise SigmaOutOfRange(
                    f"{self.spec.name}: sigma {value:g} asked; it knows "
                    f"{', '.join(f'{level:g}' for level in known)} alone: snap to these"
                )
            places.append(place)
        return places
