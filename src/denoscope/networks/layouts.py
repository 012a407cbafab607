"""What the architectures of other programs have beside the settings that all U-Nets share.

Networks of these are opened, and trained elsewhere alone. Each model here is the part of
`NetworkSettings` that one architecture has to itself.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["EDM2Layout", "GuidedLayout", "LucidLayout"]

LARGEST_WIDTH = 2**16  # a bound for files, not for wishes
MOST_LEVELS = 64

Count = Annotated[int, Field(ge=0, le=LARGEST_WIDTH)]
Balance = Annotated[float, Field(ge=0, le=1)]
Levels = Annotated[tuple[Count, ...], Field(max_length=MOST_LEVELS)]


class Layout(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GuidedLayout(Layout):
    """Of guided-diffusion's U-Net (Dhariwal & Nichol 2021). Either heads or head_width is given."""

    heads: Count = 0
    """Attention heads."""
    head_width: Count = 0
    """Channels of a head, instead of a number of heads; 0: it is `heads` that counts."""
    time_features: Count = 0
    """Waves in which it is told the step; 0: as many as its width."""
    conv_resampling: bool = False
    """It halves and doubles by convolutions instead of residual blocks."""
    shift_only: bool = False
    """The embedding shifts the blocks and does not scale them."""
    qkv_first: bool = False
    """Queries, keys and values are split before the heads, the "new attention order"."""
    variance: bool = False
    """It also answers a variance, in channels that are not used."""


class EDM2Layout(Layout):
    """Of EDM2's magnitude-preserving U-Net (Karras et al. 2024): its settings as they were published."""

    noise_features: Count = 0
    """Waves in which it is told the level; 0: as many as its first level has channels."""
    embedding: Count = 0
    """Features of the embedding; 0: as many as its widest level has channels."""
    head_width: Annotated[int, Field(ge=1, le=LARGEST_WIDTH)] = 64
    """Channels of an attention head."""
    taps: Annotated[tuple[float, ...], Field(min_length=2, max_length=16)] = (1.0, 1.0)
    """The filter that halves and doubles, along one side."""
    label_balance: Balance = 0.5
    concat_balance: Balance = 0.5
    block_balance: Balance = 0.3
    attention_balance: Balance = 0.3
    """Shares of the second of two: classes, what is carried over, the block's branch, attention."""
    clip: Annotated[float, Field(gt=0)] | None = 256.0
    """Bound of what a block answers; None: none."""

    @field_validator("taps")
    @classmethod
    def check_taps(cls, taps: tuple[float, ...]) -> tuple[float, ...]:
        if len(taps) % 2 or not sum(taps):
            raise ValueError("a filter that halves has an even number of taps, whose sum is not 0")
        return taps


class LucidLayout(Layout):
    """Of the U-Net of denoising-diffusion-pytorch (Phil Wang), one entry a level where it is a list."""

    first: Count = 0
    """Channels at full size; 0: as many as its width."""
    full: Annotated[tuple[bool, ...], Field(max_length=MOST_LEVELS)] = ()
    """Levels with full attention; the others have linear attention, and the bottom always full."""
    heads: Levels = ()
    head_widths: Levels = ()
    """Attention heads and the channels of one; those of the bottom are the last level's."""
    memory: bool = True
    """Attention sees 4 learned keys and values beside the pixels (from version 1.9)."""
    normalization: Literal["rms", "group", "standardized"] = "rms"
    """Of the blocks: RMS over channels (from 2.0), groups of 8 (from 1.7.4), or those with standardized
    weights, and attention under a layer norm (before 1.7.1)."""
    self_condition: bool = False
    """It is told an estimate of its own, which is left at zero, as at its sampler's first step."""
    variance: bool = False
    """It also answers a variance, in channels that are not used."""
