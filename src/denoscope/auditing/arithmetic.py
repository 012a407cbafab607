"""A network in faster arithmetic than its own, and what that costs in accuracy.

bf16: products and convolutions in bfloat16 (torch.autocast), the rest as it was. Compiled: by
torch.compile. Both are wrappers around any denoiser; closed forms stay as they are.
"""

import torch
from torch import Tensor

from denoscope.auditing.inputs import chosen
from denoscope.denoiser import Denoiser, as_sigma
from denoscope.errors import InputError
from denoscope.images import Pictures
from denoscope.noise import noise

__all__ = ["Hastened", "cost_told"]

COMPARED = 4  # pictures a level


class Hastened:
    """The same denoiser in bf16, compiled, or both; answers in x's dtype.

    Raises InputError, in a call, where torch cannot compile it here.
    """

    def __init__(self, denoiser: Denoiser, precision: str, compiled: bool) -> None:
        if precision not in ("fp32", "bf16"):
            raise InputError(f"precision {precision!r} asked: give fp32 or bf16")
        self.spec, self._compiled, self._bf16 = denoiser.spec, compiled, precision == "bf16"
        self._call = torch.compile(denoiser.__call__) if compiled else denoiser

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bf16):
            if not self._compiled:
                return self._call(x, sigma).to(x.dtype)
            try:
                return self._call(x, sigma).to(x.dtype)
            except RuntimeError as error:
                if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                    raise  # of the model itself; what is left is, most often, no compiler
                reason = str(error).strip().splitlines()[0]
                raise InputError(
                    f"torch cannot compile this model here ({reason}): audit without compiling"
                ) from error

    @property
    def words(self) -> str:
        return " and ".join(["bf16"] * self._bf16 + ["compiled"] * self._compiled)


@torch.no_grad()
def cost_told(
    slow: Denoiser, fast: Hastened, pictures: Pictures, sigmas: list[float], seed: int, device: str
) -> str:
    """One line: the largest |D_fast - D| / |D| over a few noisy pictures, level by level."""
    shown = chosen(pictures, COMPARED, seed)
    x0 = shown.floats().to(device)
    eps = noise(shown.ids.tolist(), shown.shape, seed=seed, stream="arithmetic").to(device)
    costs = []
    for sigma in sigmas:
        x = x0 + sigma * eps
        want, got = (one(x, as_sigma(sigma, x)).flatten(1).double() for one in (slow, fast))
        off = (got - want).norm(dim=1) / want.norm(dim=1).clamp(min=1e-30)
        costs.append(f"{float(off.max()):.1e} at {sigma:.3g}")
    return f"{fast.words}; largest difference from float32, relative: {', '.join(costs)}"
