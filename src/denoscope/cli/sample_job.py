"""The same noise through several denoisers, as pictures and arrays in one folder."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.progress import Bar
from denoscope.cli.speech import Voice
from denoscope.cli.whole_folder import whole_folder
from denoscope.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from denoscope.checkpoints import Autoencoder
    from denoscope.images import Pictures

__all__ = ["CLOSED_FORMS", "SampleJob", "closed_forms"]

CLOSED_FORMS = ("gaussian", "multi_delta")
BATCH = 64


@dataclass(frozen=True)
class SampleJob:
    """Which noise, and how it is walked. Seed k gives draw k of the stream that audits use too."""

    out: Path
    seeds: Sequence[int]
    levels: int = 10
    solver: str = "euler"
    seed: int = 0

    def run(
        self,
        voice: Voice,
        denoisers: dict[str, Any],
        device: str,
        about: dict[str, Any],
        autoencoder: "Autoencoder | None" = None,
    ) -> dict[str, Any]:
        """Walk every denoiser, write the folder whole, and return what its samples.json says.

        autoencoder: decodes what the denoisers answer, where they denoise latents.
        """
        import numpy as np

        from denoscope.cli.picture_grid import grid_png
        from denoscope.noise import karras_levels

        shape = next(iter(denoisers.values())).spec.shape
        channels = shape[0] if autoencoder is None else autoencoder.note.pictures[0]
        if channels not in (1, 3):
            raise InputError(
                f"the model's pictures have {channels} channels: sample draws 1 (gray) or 3 (colour)"
            )
        decode = autoencoder.to(device).decode if autoencoder is not None else lambda z: z
        levels = karras_levels(self.levels)
        total = len(denoisers) * len(self.seeds) * len(levels)
        with Bar(voice, "sample", total, "evaluations") as bar:
            ways = {
                name: self._way(denoiser, shape, levels, device, bar, decode)
                for name, denoiser in denoisers.items()
            }
        last = len(levels) - 1
        note = {
            "rows": list(ways),
            "seeds": list(self.seeds),
            "seed": self.seed,
            "levels": levels.tolist(),
            "solver": self.solver,
            "samples_show": f"D(x; sigma) at level index {last}, the last, sigma {levels[-1]:g}",
            "trajectories_show": f"D(x; sigma) of seed {self.seeds[0]} at level indices 0 to {last}",
            **about,
        }
        if autoencoder is not None:
            note["latents"] = autoencoder.note.model_dump(mode="json")
        arrays: dict[str, Any] = {"seeds": np.asarray(self.seeds), "levels": levels.numpy()}
        for name, way in ways.items():
            arrays["images" if name == "network" else name] = way[:, -1]
            arrays[f"trajectory_{name}"] = way
        with whole_folder(self.out) as staging:
            grid_png([way[:, -1] for way in ways.values()]).save(staging / "samples.png")
            grid_png([way[0] for way in ways.values()]).save(staging / "trajectories.png")
            with open(staging / "samples.npz", "wb") as file:
                np.savez_compressed(file, **arrays)
            (staging / "samples.json").write_text(json.dumps(note, indent=2) + "\n")
        return note

    def _way(
        self,
        denoiser: Any,
        shape: tuple[int, int, int],
        levels: "Tensor",
        device: str,
        bar: Bar,
        decode: "Callable[[Tensor], Tensor]",
    ) -> "np.ndarray":
        """D(x; sigma) along the way, uint8 (seeds, levels, C, H, W)."""
        import torch

        from denoscope.noise import noise
        from denoscope.sampling import trajectory

        parts = []
        for start in range(0, len(self.seeds), BATCH):
            numbers = self.seeds[start : start + BATCH]
            eps = noise(numbers, shape, seed=self.seed, stream="sample").to(device)
            steps = []
            for step in trajectory(denoiser, eps, levels, self.solver):
                pictures = decode(step.x0_hat)
                steps.append(((pictures + 1) * 127.5).round().clamp(0, 255).byte().cpu())
                bar.advance(len(numbers))
            parts.append(torch.stack(steps, dim=1))
        return torch.cat(parts).numpy()


def closed_forms(names: Sequence[str], train: "Pictures", device: str) -> dict[str, Any]:
    """Closed-form denoisers of the training pictures, by name, on the device."""
    from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser

    makers = {"gaussian": GaussianDenoiser.fit, "multi_delta": MultiDeltaDenoiser}
    return {name: makers[name](train).to(device) for name in names}
