"""What there is to say of a model or a data set, as names and values in the order they are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.speech import Voice, in_words
from denoscope.cli.trained_on import trained_on
from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.checkpoints import Model
    from denoscope.training import RunRecord

__all__ = ["describe_data", "describe_opened", "describe_place", "is_model", "tell_found"]

PAIRS_LIMIT = 1e11  # values compared in the search for near-duplicates: some seconds


def is_model(place: str) -> bool:
    """Whether the words name a model rather than data."""
    from denoscope.images import NAMED

    if place in NAMED or place.startswith("hf:"):
        return False
    from denoscope.checkpoints.conditions import split_condition

    path = Path(split_condition(place)[0])
    if path.exists():
        from denoscope.checkpoints.diffusers_models.folders import is_diffusers_folder
        from denoscope.checkpoints.levelwise_runs import holds_runs

        records = (path / name for name in ("run.json", "distillation.json", "model.json"))
        known = path.suffix in (".safetensors", ".pkl", ".pt", ".pth") or any(
            record.exists() for record in records
        )
        return known or holds_runs(path) or is_diffusers_folder(path)
    from denoscope.checkpoints.diffusers_models.hub import is_hub_name

    return ":" in place or is_hub_name(str(path))


def describe_data(place: str, size: int | None) -> dict[str, Any]:
    """Of a data set. Raises InputError where it does not open."""
    from denoscope.images import near_duplicate_groups, open_images

    pictures = open_images(place, size=size)
    found: dict[str, Any] = {
        "what": "data",
        "where": place,
        "pictures": len(pictures),
        "shape": list(pictures.shape),
        "kind": "uint8" if pictures.scale is None else f"latents, scale {pictures.scale:g}",
        "fingerprint": pictures.fingerprint,
        "first": pictures.names(0),
    }
    channels, height, width = pictures.shape
    if pictures.scale is None and len(pictures) ** 2 * channels * height * width <= PAIRS_LIMIT:
        groups = near_duplicate_groups(pictures)
        found["near_duplicates"] = sum(map(len, groups.groups))
        found["near_duplicate_groups"] = len(groups.groups)
    return found


def describe_place(
    place: str, data: str | None, size: int | None, trust_remote_code: bool = False
) -> dict[str, Any]:
    """Of a model, an unfinished run too. `usable` says whether it can be audited, `fits` on `data`."""
    from denoscope.checkpoints import describe_model
    from denoscope.checkpoints.runs import read_record

    folder = Path(place)
    if (folder / "run.json").is_file() and not (folder / "weights.safetensors").exists():
        record = read_record(folder)
        snapshots = sorted(str(path) for path in (folder / "snapshots").glob("*.safetensors"))
        return {
            "what": "model",
            "where": place,
            "family": f"denoscope run ({record.settings.network.arch})",
            **_of_record(record),
            "usable": False,
            "reason": "the training is not finished: go on with denoscope train ... --resume",
            **({"snapshots": snapshots} if snapshots else {}),
        }
    model = describe_model(place, trust_remote_code=trust_remote_code)
    return describe_opened(model, place, data, size)


def tell_found(voice: Voice, found: dict[str, Any]) -> None:
    """A description as a table."""
    voice.table([(name.replace("_", " "), in_words(value)) for name, value in found.items()])


def describe_opened(
    model: "Model", place: str, data: str | None, size: int | None
) -> dict[str, Any]:
    """The same of a model that is open."""
    spec = model.denoiser.spec
    found: dict[str, Any] = {
        "what": "model",
        "where": place,
        "family": model.family,
        **_parametrisation(model),
        "shape": list(spec.shape),
        "sigma": [spec.sigma_min, spec.sigma_max],
        "levels": "every sigma in that range" if spec.levels is None else spec.levels.tolist(),
    }
    if model.autoencoder is not None:
        found["pictures"] = list(model.pictures)
        found["latents"] = model.autoencoder.note.words
        found["autoencoder_hash"] = model.autoencoder.note.hash
    if model.parameters is not None:
        found["parameters"] = model.parameters
    if model.content_hash:
        found["hash"] = model.content_hash
    if model.record is not None:
        found |= _of_record(model.record)
    if model.trained_on:
        found["trained_on"] = model.trained_on
    if model.assumed:
        found["assumed"] = model.assumed
    if model.condition:
        found["condition"] = model.condition
    found["usable"] = True
    return found | _fit(model, data, size)


def _parametrisation(model: "Model") -> dict[str, str]:
    """How its network's output is read, where that is known."""
    from denoscope.checkpoints import NetworkDenoiser
    from denoscope.networks import TablePreconditioning
    from denoscope.parametrisations import PredictionDenoiser

    denoiser = getattr(model.denoiser, "conditional", model.denoiser)
    if isinstance(denoiser, PredictionDenoiser):
        low, high = denoiser.data_range
        of = f"pictures over [{low:g}, {high:g}]"
        words = f"{denoiser.prediction}, of {of if model.autoencoder is None else 'latents'}"
        return {"parametrisation": words, "schedule": denoiser.schedule.note()}
    if isinstance(denoiser, NetworkDenoiser):
        if isinstance(denoiser.network, TablePreconditioning):
            words = f"{denoiser.network.prediction}, of pictures over [-1, 1]"
            return {"parametrisation": words, "schedule": denoiser.network.schedule.note()}
        kind = type(denoiser.network).__name__.removesuffix("Preconditioning")
        return {"parametrisation": f"preconditioning {kind}"}
    return {}


def _of_record(record: "RunRecord") -> dict[str, Any]:
    data = record.data
    return {
        "trained_on": f"{data.n} of {data.name}" + (f" at size {data.size}" if data.size else ""),
        "split_seed": data.split_seed,
        **({"twin": data.twin} if data.twin else {}),
        "fingerprint": data.fingerprint,
        "kimg": record.settings.kimg,
    }


def _fit(model: "Model", data: str | None, size: int | None) -> dict[str, Any]:
    if data is None:
        return {}
    try:
        known = trained_on(model, data=data, size=size)
    except InputError as error:
        return {"fits": False, "reason": str(error)}
    held_out = 0 if known.held_out is None else len(known.held_out)
    return {"fits": True, "training_pictures": len(known.train), "held_out_pictures": held_out}
