"""A distillation as the command line runs it: level by level under a progress bar, kept, told."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from denoscope.cli.devices import placed
from denoscope.cli.progress import Bar
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import TrainedOn
from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.checkpoints import Model
    from denoscope.distillation import DistillationFolder, Setting, Splits
    from denoscope.images import Pictures

__all__ = ["DistillJob", "tell_levels"]

PASSES = 3  # what a level is expected to take, for the bar alone


@dataclass(frozen=True)
class DistillJob:
    """What is distilled on, how far, and where it goes. The same job goes on in the same `out`."""

    out: Path
    command: Sequence[str]
    inputs: Literal["train", "held_out", "noise"] = "held_out"
    images: int = 2000
    levels: int = 10
    budget: int | None = None
    seed: int = 0
    device: str = "auto"

    def run(self, voice: Voice, model: "Model", known: TrainedOn) -> dict[str, Any]:
        """Distil what is not there yet; return what distillation.json says."""
        from denoscope.closed_form import GaussianDenoiser
        from denoscope.distillation import DistillationFolder, Setting, distillation_levels
        from denoscope.noise import karras_levels

        splits = self._splits(known)
        denoiser, device = placed(model.denoiser, self.device)
        levels = distillation_levels(denoiser, karras_levels(self.levels))
        folder = DistillationFolder(self.out, self._asked(model, known, splits, levels))
        if folder.found is None:
            gaussian = GaussianDenoiser.fit(known.train)
            setting = Setting.of(splits, gaussian, self.inputs).to(device)
            with _remedy_of_interruption(self.out):
                self._fill(voice, folder, denoiser, levels, setting)
        assert folder.found is not None
        return {"folder": str(self.out), "asked": folder.asked, **folder.found}

    def _fill(
        self,
        voice: Voice,
        folder: "DistillationFolder",
        denoiser: Any,
        levels: dict[float, float],
        setting: "Setting",
    ) -> None:
        from denoscope import __version__
        from denoscope.distillation import distill_level

        splits = setting.splits
        share = self.budget or PASSES * len(splits.fit) + len(splits.validation)
        share += len(splits.score)
        started, fits = time.monotonic(), {}
        with Bar(voice, "distill", share * len(levels), "evaluations") as bar:
            for place, (used, asked) in enumerate(levels.items()):
                fit = folder.kept(place)
                if fit is None:
                    fit = distill_level(
                        denoiser,
                        used,
                        setting,
                        budget=self.budget,
                        seed=self.seed,
                        on_evaluations=bar.advance,
                    )
                    folder.keep(place, fit)
                    bar.reach(share * (place + 1))
                else:
                    bar.start_at(share * (place + 1))
                fits[asked] = fit
        folder.finish(
            fits,
            splits.fit.shape,
            versions={"denoscope": __version__},
            command=list(self.command),
            seconds=round(time.monotonic() - started, 1),
        )

    def _splits(self, known: TrainedOn) -> "Splits":
        from denoscope.distillation import Splits

        if self.inputs == "train":
            if len(known.train) <= self.images:  # the whole law: what is unseen is the noise
                return Splits.shared(known.train)
            return Splits.of(self._some(known.train), self.seed)
        if known.held_out is None and self.inputs == "held_out":
            raise InputError(
                "no held-out pictures to distil on: give --held-out or --split; on --inputs train "
                "the result is near the Gaussian whatever the model is"
            )
        return Splits.of(self._some(known.held_out or known.train), self.seed)

    def _some(self, pictures: "Pictures") -> "Pictures":
        from denoscope.images import split_permutation

        order = split_permutation(len(pictures), self.seed)
        return pictures.take(order[: self.images])

    def _asked(
        self, model: "Model", known: TrainedOn, splits: "Splits", levels: dict[float, float]
    ) -> dict[str, Any]:
        parts = {"fit": splits.fit, "validation": splits.validation, "score": splits.score}
        return {
            "model": {"where": model.where, "family": model.family, "hash": model.content_hash},
            "data": {"where": known.where, "training": known.train.fingerprint},
            "pictures": {name: len(part) for name, part in parts.items()},
            "fingerprints": {name: part.fingerprint for name, part in parts.items()},
            "inputs": self.inputs,
            "levels": list(levels),
            "budget": self.budget,
            "seed": self.seed,
        }


def tell_levels(voice: Voice, told: dict[str, Any]) -> None:
    """A row a level: the unseen error, the Gaussian's, how far the matrices are apart, the cost."""
    heading = ("sigma", "linear", "se", "gaussian", "weight difference", "evaluations", "ended")
    rows: list[tuple[str, ...]] = [heading]
    for one in told["levels"]:
        score, gaussian = one["score"], one["gaussian_score"]["value"]
        numbers = f"{one['sigma']:.4g} {score['value']:.3g} {score['se']:.1g} {gaussian:.3g} "
        numbers += f"{one['weight_difference']:.2g} {one['evaluations']}"
        rows.append((*numbers.split(), str(one["stopped"])))
    voice.table(rows, heading=True)


@contextmanager
def _remedy_of_interruption(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: the same words go on in {out}") from None
