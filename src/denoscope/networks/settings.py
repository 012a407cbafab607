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


def fitting_defaults(known: dict[str, Any]) -> Defaults:
    """The published defaults, cut to the levels and attention which a picture's side allows."""
    side = known["shape"][1]
    defaults = published_defaults(known["arch"], side)
    levels = 1
    while (
        levels < len(defaults.multipliers)
        and side % 2**levels == 0
        and side >> levels >= SMALLEST_DEFAULT_SIDE
    ):
        levels += 1
    multipliers = known.get("multipliers", defaults.multipliers[:levels])
    sides = level_sides(side, len(multipliers))
    attention = tuple(side for side in defaults.attention if side in sides)
    return defaults._replace(multipliers=multipliers, attention=attention)


def level_sides(side: int, levels: int) -> tuple[int, ...]:
    return tuple(side >> level for level in range(levels))


def default_of(name: str) -> Any:
    return Field(default_factory=lambda known: getattr(fitting_defaults(known), name))


class NetworkSettings(BaseModel):
    """The settings of a network under EDM preconditioning; frozen, with JSON round trip.

    Only `arch` and `shape` must be given. What is left out takes the value of the published
    networks of that architecture (Karras et al. 2022, table 7), with as many levels as the side
    allows: each halving must be exact and leave 4 pixels. So `multipliers` is (2, 2, 2) for
    DDPM++ and NCSN++ at 32, 28 and 16 pixels and (2, 2) at 8, and (1, 2, 3, 4) for ADM at 64 and
    32 pixels, (1, 2, 3) at 28 and 16. Default attention is kept where a level has that side.

    Raises pydantic's ValidationError (a ValueError), one line a problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: Architecture
    """DDPM++ or NCSN++ (Song et al. 2021), or ADM (Dhariwal & Nichol 2021)."""
    shape: tuple[int, int, int]
    """(channels, height, width) of a picture; square."""
    width: int = default_of("width")
    """Base channels, a multiple of 4; level k has width * multipliers[k]."""
    multipliers: tuple[int, ...] = default_of("multipliers")
    """Channels of each level in units of the width, from full size to the smallest."""
    blocks: int = default_of("blocks")
    """Residual blocks a level on the way down; one more on the way up."""
    attention: tuple[int, ...] = default_of("attention")
    """Sides at which blocks have self-attention; the first block of the bottom always has it."""
    dropout: float = Field(
        default_factory=lambda known: fitting_defaults(known).dropout, ge=0, lt=1
    )
    """Probability of dropping an activation inside a block, in training."""
    label_dim: int = Field(default=0, ge=0)
    """Number of classes; 0: unconditional."""
    augment_dim: int = Field(default=0, ge=0)
    """Numbers that describe an augmentation; 0: none (EDM's pipeline has 9)."""
    sigma_data: float = Field(default=0.5, gt=0)
    """Standard deviation of the pictures' values, in their units."""

    @model_validator(mode="after")
    def check_sizes(self) -> "NetworkSettings":
        channels, height, side = self.shape
        if min(self.shape) < 1 or height != side:
            raise ValueError(
                f"shape must be (channels, side, side), all positive; got {self.shape}"
            )
        if self.width < 4 or self.width % 4:
            raise ValueError(f"width must be a positive multiple of 4; got {self.width}")
        if self.blocks < 1:
            raise ValueError(f"blocks must be at least 1; got {self.blocks}")
        levels = len(self.multipliers)
        if levels < 1 or min(self.multipliers) < 1:
            raise ValueError(f"multipliers must be positive, one a level; got {self.multipliers}")
        if side % 2 ** (levels - 1):
            most = (side & -side).bit_length()
            raise ValueError(
                f"a side of {side} pixels allows at most {most} level{'s' * (most > 1)}, as every"
                f" level halves it; got {levels} multipliers {self.multipliers}"
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
    shared: dict[str, Any] = settings.model_dump(
        include={
            "width",
            "multipliers",
            "blocks",
            "attention",
            "dropout",
            "label_dim",
            "augment_dim",
        }
    )
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
