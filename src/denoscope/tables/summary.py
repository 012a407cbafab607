"""The summary of an audit: verdict, headline figures, level notes, provenance. One JSON file."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from denoscope.errors import InputError

__all__ = [
    "DataNote",
    "Figure",
    "Label",
    "LatentNote",
    "LevelNote",
    "ModelNote",
    "Provenance",
    "Reason",
    "Summary",
    "Verdict",
    "summary_from_json",
]

SCHEMA_VERSION = 1

Label = Literal["memorizing", "transitional", "generalizing", "undertrained", "not_enough_evidence"]
Vote = Literal["memorizing", "generalizing", "transitional", "undertrained", "none"]
Status = Literal["ok", "broken", "underfit", "memorizing_evidence"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reason(_Strict):
    """One signal of the verdict: its vote, in plain words, with its figure and 95 % interval."""

    signal: str
    vote: Vote
    text: str
    value: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class Verdict(_Strict):
    """The label, how sure (0 to 1), and every signal it rests on, those that disagree included."""

    label: Label
    confidence: Share
    reasons: list[Reason] = []


class Figure(_Strict):
    """A headline number with its 95 % interval [low, high], the count behind it, a short note."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    n: int | None = None
    note: str = ""


class LevelNote(_Strict):
    """What was found at one noise level: sigma asked, sigma used, status and why."""

    sigma: FiniteFloat
    sigma_used: FiniteFloat
    status: Status = "ok"
    note: str = ""


class ModelNote(_Strict):
    """Which model: where it was opened, its family, its name, content hash, parameter count, and what
    it was conditioned on where it can be."""

    where: str
    family: str
    name: str
    hash: str = ""
    parameters: int | None = None
    condition: str = ""


class DataNote(_Strict):
    """Which data: place, name, fingerprint, counts, the seed of the split, shape (C, H, W)."""

    where: str
    name: str
    fingerprint: str
    n_train: int
    n_held_out: int = 0
    split_seed: int | None = None
    shape: tuple[int, int, int]


class LatentNote(_Strict):
    """How pictures became what a latent model denoises: z = (code - shift) scale.

    autoencoder: its class. hash: of its settings and weights. code: what of the encoder's answer is
    taken. scale, shift: one value, or one a channel. pictures: (C, H, W) of what is encoded.
    """

    autoencoder: str
    hash: str
    code: str
    scale: list[FiniteFloat]
    shift: list[FiniteFloat]
    pictures: tuple[int, int, int]

    @property
    def words(self) -> str:
        """For people, in a line."""
        scale, shift = (", ".join(f"{v:.6g}" for v in part) for part in (self.scale, self.shift))
        channels, height, width = self.pictures
        return (
            f"{self.code} of its {self.autoencoder}, less {shift}, times {scale}; of pictures of "
            f"{width} × {height}, {channels} channel{'s' * (channels != 1)}"
        )


class Provenance(_Strict):
    """Everything needed to repeat the audit, and what it cost (seconds).

    latents: where the model denoises latents of the data's pictures, how those were made; the
    data's fingerprint is then of the pictures, and its shape that of the latents. arithmetic: of the
    network where it is not plain float32, and what that costs in accuracy, in a line.
    """

    model: ModelNote
    data: DataNote
    latents: LatentNote | None = None
    seed: int
    device: str
    arithmetic: str = ""
    versions: dict[str, str] = {}
    command: list[str] = []
    created: str
    wall_seconds: FiniteFloat
    network_seconds: FiniteFloat = 0.0
    citations: list[str] = []
    missing_evidence: list[str] = []


class Summary(_Strict):
    """summary.json. `levels` go from high sigma to low; `headline` is keyed by figure name."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    headline: dict[str, Figure] = {}
    warnings: list[str] = []
    levels: list[LevelNote] = []
    provenance: Provenance


def summary_from_json(text: str, where: str = "summary.json") -> Summary:
    """Parse and validate a summary.

    Raises InputError for text that is no JSON, a schema_version this program does not read, an
    unknown key or a value of the wrong type, naming the place in the document.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is no valid JSON ({error}): audit again") from error
    if not isinstance(content, dict):
        raise InputError(f"{where} holds no JSON object: audit again")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{where} has schema_version {version!r}; this denoscope reads {SCHEMA_VERSION}: "
            "use the denoscope that wrote it, or audit again"
        )
    try:
        return Summary.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the top"
        raise InputError(f"{where}: {place}: {first['msg']}: audit again") from error
