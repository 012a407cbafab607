"""The space of a model that denoises an encoder's latents, not pictures."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from denoscope.checkpoints.foreign.pickle_machine import shown

__all__ = ["LatentSpace"]

MOST_CHANNELS = 1000
Numbers = Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_CHANNELS)]


class LatentSpace(BaseModel):
    """The model's values are `scale` times the encoder's latents plus `shift`, channel by channel."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    encoder: str = Field(max_length=200)
    """Its name, as the file has it."""
    scale: Numbers
    shift: Numbers

    @model_validator(mode="after")
    def _channels_agree(self) -> "LatentSpace":
        if len(self.scale) != len(self.shift):
            raise ValueError(f"{len(self.scale)} scales and {len(self.shift)} shifts of channels")
        return self

    def note(self) -> str:
        """In a line."""
        scale, shift = (
            ", ".join(f"{one:.4g}" for one in numbers) for numbers in (self.scale, self.shift)
        )
        return f"latents of {shown(self.encoder)}, by channel times ({scale}) plus ({shift})"
