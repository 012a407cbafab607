"""What a network is, as data: the settings from which it is built, kept beside its weights."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.preconditioning import EDMPreconditioning
from denoscope.networks.song_unet import SongUNet

Architecture = Literal["ddpmpp", "ncsnpp", "adm"]
SMALLEST_DEFAULT_SIDE = 4  # default multipliers are cut where a level would be smaller


class Defaults(NamedTuple):
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    dropout: float


def published_defaults(arch: str, side: int) -> Defaults:
    """The networks of Karras et al. 2022, table 7: CIFAR-10, FFHQ and AFHQ 64x64, ImageNet 64x64.

    DDPM++ and NCSN++ have the multipliers (2, 2, 2) below 64 pixels and (1, 2, 2, 2) from there on.
    """
    if arch == "adm":
        return Defaults(192, (1, 2, 3, 4), 3, (32, 16, 8), 0.10)
    if side < 64:
        return Defaults(128, (2, 2, 2), 4, (16,), 0.13)
    return Defaults(128, (1, 2, 2, 2), 4, (16,), 0.05)


def fitting_defaults(arch: str, side: int, levels: int | None = None) -> Defaults:
    """The published defaults, cut to the levels and the attention which a side allows."""
    published = published_defaults(arch, side)
    if levels is None:
        levels = 1
        while (
            levels < len(published.multipliers)
            and side % 2**levels == 0
            and side >> levels >= SMALLEST_DEFAULT_SIDE
        ):
            levels += 1
    sides = level_sides(side, levels)
    return published._replace(
        multipliers=published.multipliers[:levels],
        attention=tuple(size for size in published.attention if size in sides),
    )


def level_sides(side: int, levels: int) -> tuple[int, ...]:
    return tuple(side >> level for level in range(levels))


class NetworkSettings(BaseModel):
    """The settings of a network under EDM preconditioning; frozen, with JSON round trip.

    Only `arch` and `shape` must be given. What is left out takes the value of the published
    networks of that architecture (Karras et al. 2022, table 7), with as many levels as the side
    allows: each halving must be exact and leave 4 pixels. So `multipliers` is (2, 2, 2) for
    DDPM++ and NCSN++ at 32, 28 and 16 pixels and (2, 2) at 8, and (1, 2, 3, 4) for ADM at 64 and
    32 pixels, (1, 2, 3) at 28 and 16. Default attention is kept where a level has that side.

    Raises pydantic's ValidationError (a ValueError), whose `errors()` have one line a problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: Architecture
    """DDPM++ or NCSN++ (Song et al. 2021), or ADM (Dhariwal & Nichol 2021)."""
    shape: tuple[int, int, int]
    """(channels, height, width) of a picture; square."""
    # The defaults stated below are those of DDPM++ at 32 pixels; fill_defaults puts in the others.
    width: int = Field(default=128, ge=4, multiple_of=4)
    """Base channels, a multiple of 4; level k has width * multipliers[k]."""
    multipliers: tuple[int, ...] = (2, 2, 2)
    """Channels of each level in units of the width, from full size to the smallest."""
    blocks: int = Field(default=4, ge=1)
    """Residual blocks a level on the way down; one more on the way up."""
    attention: tuple[int, ...] = (16,)
    """Sides at which blocks have self-attention; the first block of the bottom always has it."""
    dropout: float = Field(default=0.13, ge=0, lt=1)
    """Probability of dropping an activation inside a block, in training."""
    label_dim: int = Field(default=0, ge=0)
    """Number of classes; 0: unconditional."""
    augment_dim: int = Field(default=0, ge=0)
    """Numbers that describe an augmentation; 0: none (EDM's pipeline has 9)."""
    sigma_data: float = Field(default=0.5, gt=0)
    """Standard deviation of the pictures' values, in their units."""

    @model_validator(mode="before")
    @classmethod
    def fill_defaults(cls, given: Any) -> Any:
        match given:
            case {"arch": str(arch), "shape": [_, int(side), _]}:
                multipliers = given.get("multipliers")
                levels = len(multipliers) if isinstance(multipliers, list | tuple) else None
                return {**fitting_defaults(arch, side, levels)._asdict(), **given}
        return given  # what is wrong with it is said by the fields

    @model_validator(mode="after")
    def check_sizes(self) -> "NetworkSettings":
        _, height, side = self.shape
        if min(self.shape) < 1 or height != side:
            raise ValueError(f"shape is (channels, side, side), all positive; got {self.shape}")
        levels = len(self.multipliers)
        if levels < 1 or min(self.multipliers) < 1:
            raise ValueError(f"multipliers are positive, one a level; got {self.multipliers}")
        if side % 2 ** (levels - 1):
            most = (side & -side).bit_length()
            raise ValueError(
                f"a side of {side} pixels allows at most {most} level{'s' * (most > 1)}, as each"
                f" level but the first halves it; got {levels} multipliers {self.multipliers}"
            )
        sides = level_sides(side, levels)
        if stray := sorted(set(self.attention) - set(sides)):
            raise ValueError(f"attention at {stray} meets no level; the levels' sides are {sides}")
        return self


def build_network(settings: NetworkSettings) -> EDMPreconditioning:
    """A freshly initialized network, float32 on the default device, in training mode.

    Weights come from torch's global generator: seed it, or fork it, outside.
    """
    channels, _, side = settings.shape
    shared = settings.model_dump(exclude={"arch", "shape", "sigma_data"})
    model: nn.Module
    if settings.arch == "adm":
        model = DhariwalUNet(side, channels, channels, **shared)
    elif settings.arch == "ncsnpp":
        model = SongUNet(
            side,
            channels,
            channels,
            **shared,
            embedding="fourier",
            encoder="residual",
            taps=(1, 3, 3, 1),
        )
    else:
        model = SongUNet(side, channels, channels, **shared)
    return EDMPreconditioning(model, settings.sigma_data)
