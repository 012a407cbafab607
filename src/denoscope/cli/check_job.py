"""`denoscope info --check`: the check under a progress bar, its table, and what --json says of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from denoscope.cli.descriptions import describe_opened, tell_found
from denoscope.cli.devices import placed
from denoscope.cli.latents import as_taken
from denoscope.cli.progress import Bar
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import check_fit
from denoscope.errors import InputError

if TYPE_CHECKING:
    from denoscope.auditing import ModelCheck
    from denoscope.checkpoints import Model
    from denoscope.images import Pictures

__all__ = ["check_place"]

COUNT, LEVELS = 32, 10  # pictures denoised at each of so many levels


def check_place(
    voice: Voice,
    place: str,
    data: str | None,
    on: str,
    size: int | None,
    seed: int,
    device: str,
    trust_remote_code: bool,
) -> int:
    """Describe the model, check it on pictures of `on`, say both. It is opened once.

    Raises InputError where either does not open or fit, and where the model does not behave.
    """
    from denoscope.checkpoints import describe_model

    model = describe_model(place, trust_remote_code=trust_remote_code)
    found = describe_opened(model, place, data, size)
    tell_found(voice, found)
    check = _run(voice, model, on, size, seed, device)
    found["check"] = _tell(voice, check)
    voice.result(found)
    if not check.behaves:
        raise InputError(f"{place} on {on}: {check.reason}")
    return 0


def _run(
    voice: Voice, model: "Model", data: str, size: int | None, seed: int, device: str
) -> "ModelCheck":
    from denoscope.auditing import check_model
    from denoscope.auditing.inputs import chosen
    from denoscope.auditing.probe import FIT_AT_MOST

    pictures = _pictures(model, data, size)
    if model.autoencoder is not None:  # no more is encoded than is looked at
        pictures = as_taken(model, chosen(pictures, COUNT + FIT_AT_MOST, seed), voice, device)
    denoiser, where = placed(model.denoiser, device)
    with Bar(voice, "check", COUNT * LEVELS, "evaluations") as bar:
        return check_model(
            denoiser, pictures, count=COUNT, seed=seed, device=where, on_evaluations=bar.advance
        )


def _pictures(model: "Model", where: str, size: int | None) -> "Pictures":
    """All of them, or of a run's own data those it was trained on: what it should denoise best."""
    from denoscope.images import open_images

    own = None if model.record is None else model.record.data
    pictures = open_images(where, size=size or (own.size if own else None))
    check_fit(model, pictures)
    return own.split(pictures)[0] if own and own.fingerprint == pictures.fingerprint else pictures


def _tell(voice: Voice, check: "ModelCheck") -> dict[str, Any]:
    """Say it level by level, then the verdict if good; return what --json says."""
    mended = any(level.corrected is not None for level in check.levels)
    heading = ("sigma", "error", "doing nothing", "mean picture", "Gaussian", "slope", "residual")
    rows: list[tuple[str, ...]] = [heading + (("corrected",) if mended else ())]
    for level in check.levels:
        error = f"{level.error.value:.4g}" + (" (too large)" if level.fails else "")
        rows.append(
            (
                f"{level.sigma:.3g}",
                error,
                *(f"{value:.4g}" for value in (level.nothing, level.mean, level.gaussian)),
                f"{level.slope.value:.2f} +- {level.slope.se:.2f}",
                f"{level.residual:.2g}",
                *((_shown(level.corrected),) if mended else ()),
            )
        )
    voice.say()
    voice.table(rows, heading=True)
    if check.behaves:
        voice.say(check.reason)
    return asdict(check)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
