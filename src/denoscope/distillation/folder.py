"""A distillation's folder: finished level by level, so that one killed goes on where it stood.

distillation.json       what was asked; once finished, what was found
levels/NN.safetensors   a finished level while others are to come
linear.safetensors      D_L at all levels, once finished
measurements.parquet    scores, weight differences and evaluations, once finished
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from denoscope.closed_form import LinearDenoiser
from denoscope.distillation.all_levels import linear_denoiser
from denoscope.distillation.least_squares import LevelFit
from denoscope.errors import InputError
from denoscope.metrics import Estimate
from denoscope.tables import conform, replacing, write_file

__all__ = ["DistillationFolder"]

SCHEMA = 1
TENSORS = ("matrix", "bias")
ESTIMATES = ("score", "gaussian_score", "gain", "distance")


class DistillationFolder:
    """out: a new or empty folder, or one in which the same was begun.

    asked: everything the result depends on, as JSON (model, data, splits, levels, budget, seed).
    Raises InputError where the folder holds something else, or a distillation of other words.
    """

    def __init__(self, out: Path, asked: dict[str, Any]) -> None:
        self.out, self.asked = out, json.loads(json.dumps(asked))
        self.record = out / "distillation.json"
        before = self._before()
        self.found: dict[str, Any] | None = before.get("found") if before else None
        if before is None:
            self._write(None)

    def _before(self) -> dict[str, Any] | None:
        if not self.record.is_file():
            if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
                raise InputError(
                    f"{self.out} holds something that is no distillation: give a new or empty "
                    "folder for --out"
                )
            return None
        try:
            before = json.loads(self.record.read_text())
            asked = before["asked"]
            schema = before["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.record} cannot be read ({error}): give a new folder for --out"
            ) from error
        other = [key for key in {**asked, **self.asked} if asked.get(key) != self.asked.get(key)]
        if other or schema != SCHEMA:
            raise InputError(
                f"{self.out} holds a distillation of another {other[0] if other else 'schema'}: "
                "repeat its words to go on, or give a new folder for --out"
            )
        return before

    def _write(self, found: dict[str, Any] | None) -> None:
        content = {"schema_version": SCHEMA, "asked": self.asked, "found": found}
        write_file(self.record, (json.dumps(content, indent=2) + "\n").encode())

    def keep(self, place: int, fit: LevelFit) -> None:
        """Put a finished level down, whole or not at all."""
        tensors = {name: getattr(fit, name).cpu().contiguous() for name in TENSORS}
        with replacing(self._level(place)) as partial:
            try:
                save_file(tensors, partial, metadata={"denoscope": json.dumps(told(fit))})
            except SafetensorError as error:  # the disk's fault, in its own words
                raise OSError(str(error)) from error

    def kept(self, place: int) -> LevelFit | None:
        """The level put down before, or None. Raises InputError where its file is corrupt."""
        path = self._level(place)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                note = json.loads(file.metadata()["denoscope"])
                tensors = {name: file.get_tensor(name) for name in TENSORS}
            estimates = {name: Estimate(**note.pop(name)) for name in ESTIMATES}
            validation = tuple(note.pop("validation"))
            parts: dict[str, Any] = {**note, **tensors, **estimates, "validation": validation}
            return LevelFit(**parts)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read ({error}): remove it to have that level distilled again"
            ) from error

    def finish(
        self, fits: dict[float, LevelFit], shape: tuple[int, int, int], **found: Any
    ) -> None:
        """Write the denoiser in float32, the table and the record; then drop the levels' files.

        fits: by the level wanted. found: what else the record tells of the work.
        """
        whole = linear_denoiser(fits.values(), shape)
        levels = whole.spec.levels
        assert levels is not None
        LinearDenoiser(levels, whole.matrices.float(), whole.biases.float(), shape).save(
            self.out / "linear.safetensors"
        )
        table = conform("measurements", self._rows(fits))
        with replacing(self.out / "measurements.parquet") as partial:
            table.write_parquet(partial)
        self.found = {**found, "levels": [told(fit) for fit in fits.values()]}
        self._write(self.found)
        shutil.rmtree(self.out / "levels", ignore_errors=True)

    def _level(self, place: int) -> Path:
        return self.out / "levels" / f"{place:02d}.safetensors"

    def _rows(self, fits: dict[float, LevelFit]) -> Iterable[dict[str, Any]]:
        for asked, fit in fits.items():
            keys = {"seed": self.asked["seed"], "inputs": self.asked["inputs"]}
            keys |= {"sigma": asked, "sigma_used": fit.sigma}
            less = Estimate(-fit.gain.value, fit.gain.se, fit.gain.n)
            for metric, denoiser, reference, estimate in (
                ("score_error", "network", "linear", fit.score),
                ("score_error", "network", "gaussian", fit.gaussian_score),
                ("score_error", "linear", "gaussian", fit.distance),
                ("score_error_difference", "linear", "gaussian", less),
            ):
                names = {"metric": metric, "denoiser": denoiser, "reference": reference}
                yield keys | names | {"mean": estimate.value, "se": estimate.se, "n": estimate.n}
            for metric, reference, value in (
                ("weight_difference", "gaussian", fit.weight_difference),
                ("weight_error", "", fit.error),
                ("symmetry_defect", "", fit.symmetry_defect),
                ("distillation_evaluations", "", fit.evaluations),
            ):
                names = {"metric": metric, "denoiser": "linear", "reference": reference}
                yield keys | names | {"mean": value, "n": self.asked["pictures"]["fit"]}


def told(fit: LevelFit) -> dict[str, Any]:
    """A fit without its tensors, as JSON takes it."""
    plain = {one.name: getattr(fit, one.name) for one in fields(fit) if one.name not in TENSORS}
    return {
        name: asdict(value) if isinstance(value, Estimate) else value
        for name, value in plain.items()
    }
