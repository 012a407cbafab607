"""What a network is, as data: the settings from which it is built, kept beside its weights."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticKnownError
from torch import nn

from denoscope.networks.dhariwal_unet import DhariwalUNet
from denoscope.networks.dit import DiT
from denoscope.networks.guided_unet import GROUPS, GuidedUNet
from denoscope.networks.linear_net import LinearNet
from denoscope.networks.preconditioning import (
    EDMPreconditioning,
    IDDPMPreconditioning,
    NoPreconditioning,
    Preconditioning,
    TablePreconditioning,
    VEPreconditioning,
    VPPreconditioning,
)
from denoscope.networks.skip_net import SkipNet
from denoscope.networks.song_unet import SongUNet

Architecture = Literal["ddpmpp", "ncsnpp", "adm", "skip", "dit", "linear", "guided"]
LARGEST_WIDTH, LARGEST_SIDE, MOST_BLOCKS = 2**16, 2**14, 1000  # bounds for files, not for wishes
MOST_STEPS = 1_000_000  # in a table
SMALLEST_DEFAULT_SIDE = 4  # default multipliers are cut where a level would be smaller

# The settings that each architecture has, beside shape and preconditioning; others are 0 or ().
UNET = {"width", "multipliers", "blocks", "attention", "dropout", "label_dim", "augment_dim"}
HAS = {
    "ddpmpp": UNET,
    "ncsnpp": UNET,
    "adm": UNET,
    "skip": {"width", "multipliers", "blocks"},
    "dit": {"width", "blocks", "heads", "patch", "label_dim"},
    "linear": set[str](),
    "guided": (UNET - {"dropout", "augment_dim"})
    | {"heads", "head_width", "time_features", "conv_resampling", "shift_only", "qkv_first"}
    | {"variance"},
}
LEAST = {"width": 4, "blocks": 1, "heads": 1, "patch": 1}  # where the architecture has it
BLIND = ("skip", "linear")  # not told the noise level


class Defaults(NamedTuple):
    width: int = 0
    multipliers: tuple[int, ...] = ()
    blocks: int = 0
    attention: tuple[int, ...] = ()
    dropout: float = 0.0
    heads: int = 0
    patch: int = 0
    preconditioning: str = "edm"


def published_defaults(arch: str, side: int) -> Defaults:
    """The networks of Karras et al. 2022, table 7: CIFAR-10, FFHQ and AFHQ 64x64, ImageNet 64x64.

    DDPM++ and NCSN++ have the multipliers (2, 2, 2) below 64 pixels and (1, 2, 2, 2) from there on.
    DiT is DiT-S/2 of Peebles & Xie 2023, with larger patches where there would be more than 16 x 16.
    Skip-Net was published without sizes: these are ours.
    """
    if arch == "skip":
        return Defaults(64, (1, 2, 2), 2, preconditioning="none")
    if arch == "linear":
        return Defaults(preconditioning="none")
    if arch == "dit":
        return Defaults(384, blocks=12, heads=default_heads(384), patch=default_patch(side))
    if arch == "guided":
        return Defaults(256, (1, 1, 2, 2, 4, 4), 2, (32, 16, 8), heads=4, preconditioning="table")
    if arch == "adm":
        return Defaults(192, (1, 2, 3, 4), 3, (32, 16, 8), 0.10)
    if side < 64:
        return Defaults(128, (2, 2, 2), 4, (16,), 0.13)
    return Defaults(128, (1, 2, 2, 2), 4, (16,), 0.05)


def default_heads(width: int) -> int:
    """One head for every 64 features, as many as divide the width."""
    return next(heads for heads in range(max(1, width // 64), 0, -1) if width % heads == 0)


def default_patch(side: int) -> int:
    """The smallest divisor of the side that is 2 or more and leaves 16 patches at most across it."""
    return next((p for p in range(2, side) if side % p == 0 and side <= 16 * p), max(side, 1))


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
    """The settings of a network and its preconditioning; frozen, with JSON round trip.

    Only `arch` and `shape` must be given. What is left out takes the value of the published
    networks of that architecture (Karras et al. 2022, table 7; DiT-S/2 of Peebles & Xie 2023), with
    as many levels as the side allows: each halving must be exact and leave 4 pixels. So
    `multipliers` is (2, 2, 2) for DDPM++ and NCSN++ at 32, 28 and 16 pixels and (2, 2) at 8, and
    (1, 2, 3, 4) for ADM at 64 and 32 pixels, (1, 2, 3) at 28 and 16. Default attention is kept
    where a level has that side.

    Not every architecture has every setting; what it does not have is 0 or ():

        ddpmpp, ncsnpp, adm   width, multipliers, blocks, attention, dropout, label_dim, augment_dim
        skip                  width, multipliers, blocks
        dit                   width, blocks, heads, patch, label_dim
        linear                none
        guided                width, multipliers, blocks, attention, label_dim, heads, head_width,
                              time_features, conv_resampling, shift_only, qkv_first, variance

    Raises pydantic's ValidationError (a ValueError), whose `errors()` have one line a problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: Architecture
    """DDPM++ or NCSN++ (Song et al. 2021), ADM (Dhariwal & Nichol 2021), Skip-Net (Li et al. 2024),
    DiT (Peebles & Xie 2023), linear, W x + b, or guided: ADM as guided-diffusion's checkpoints hold
    it (trained elsewhere alone)."""
    shape: tuple[int, int, int]
    """(channels, height, width) of a picture; square."""
    preconditioning: Literal["edm", "vp", "ve", "iddpm", "table", "none"] = "edm"
    """Of Karras et al. 2022, of the original VP or VE diffusion, of the improved DDPM or of a table
    of steps (models trained elsewhere alone: they have no loss here), or none: a DAE, of one level.
    It decides the loss too. Skip-Net and linear are not told the level: none is their default, and
    all they take."""
    # The defaults stated below are those of DDPM++ at 32 pixels; fill_defaults puts in the others.
    width: int = Field(default=128, ge=0, le=LARGEST_WIDTH, multiple_of=4)
    """Base channels, a multiple of 4; level k has width * multipliers[k]. DiT: features of a token,
    a multiple of 4 and of `heads`."""
    multipliers: tuple[int, ...] = (2, 2, 2)
    """Channels of each level in units of the width, from full size to the smallest."""
    blocks: int = Field(default=4, ge=0, le=MOST_BLOCKS)
    """Residual blocks a level on the way down; one more on the way up. Skip-Net: convolutions a
    level on either way. DiT: blocks in all."""
    attention: tuple[int, ...] = (16,)
    """Sides at which blocks have self-attention; the first block of the bottom always has it."""
    dropout: float = Field(default=0.13, ge=0, lt=1)
    """Probability of dropping an activation inside a block, in training."""
    heads: int = Field(default=0, ge=0)
    """Attention heads of DiT and of guided (other U-Nets' follow from their widths)."""
    patch: int = Field(default=0, ge=0)
    """Side of the squares that DiT cuts a picture into, a divisor of its side."""
    label_dim: int = Field(default=0, ge=0)
    """Number of classes; 0: unconditional."""
    augment_dim: int = Field(default=0, ge=0)
    """Numbers that describe an augmentation; 0: none (EDM's pipeline has 9)."""
    head_width: int = Field(default=0, ge=0, le=LARGEST_WIDTH)
    """Channels of a head of guided, instead of a number of heads; 0: it is `heads` that counts."""
    time_features: int = Field(default=0, ge=0, le=LARGEST_WIDTH)
    """Waves in which guided is told the step; 0: as many as its width."""
    conv_resampling: bool = False
    """Guided halves and doubles by convolutions instead of residual blocks."""
    shift_only: bool = False
    """The embedding shifts guided's blocks and does not scale them."""
    qkv_first: bool = False
    """Guided's queries, keys and values are split before its heads, the "new attention order"."""
    variance: bool = False
    """Guided also answers a variance, in channels that are not used."""
    steps: int = Field(default=0, ge=0, le=MOST_STEPS)
    """Steps in the table of the preconditioning table."""
    sigma_data: float = Field(default=0.5, gt=0)
    """Standard deviation of the pictures' values, in their units, for EDM's preconditioning."""

    @model_validator(mode="before")
    @classmethod
    def fill_defaults(cls, given: Any) -> Any:
        match given:
            case {"arch": str(arch), "shape": [_, int(side), _]} if side <= LARGEST_SIDE:
                multipliers = given.get("multipliers")
                levels = len(multipliers) if isinstance(multipliers, list | tuple) else None
                defaults = fitting_defaults(arch, side, levels)
                width = given.get("width")
                if arch == "dit" and isinstance(width, int) and width <= LARGEST_WIDTH:
                    defaults = defaults._replace(heads=default_heads(width))
                return {**defaults._asdict(), **given}
        return given  # what is wrong with it is said by the fields

    @field_validator(*sorted(set().union(*HAS.values())))
    @classmethod
    def check_presence(cls, value: Any, info: Any) -> Any:
        arch, name = info.data.get("arch"), str(info.field_name)
        if arch is None:  # wrong, as its own field says
            return value
        if name not in HAS[arch]:
            if value:
                raise ValueError(f"{arch} has none, leave it out")
        elif (arch, name) == ("guided", "heads"):  # 0 where head_width counts
            pass
        elif value < (least := LEAST.get(name, value)):
            raise PydanticKnownError("greater_than_equal", {"ge": least})
        return value

    @field_validator("preconditioning")
    @classmethod
    def check_preconditioning(cls, value: str, info: Any) -> str:
        arch = info.data.get("arch")
        if arch in BLIND and value != "none":
            raise ValueError(
                f"{arch} is not told the noise level and serves one alone: give none for it"
            )
        return value

    @model_validator(mode="after")
    def check_sizes(self) -> "NetworkSettings":
        _, height, side = self.shape
        if min(self.shape) < 1 or height != side:
            raise ValueError(f"shape is (channels, side, side), all positive; got {self.shape}")
        if max(self.shape) > LARGEST_SIDE:
            raise ValueError(f"shape is at most {LARGEST_SIDE} along each side; got {self.shape}")
        if "multipliers" in HAS[self.arch]:
            self.check_levels(side)
        if self.arch == "dit" and side % self.patch:
            raise ValueError(f"a side of {side} pixels is not cut by patches of {self.patch}")
        if self.arch == "dit" and self.width % self.heads:
            raise ValueError(f"a width of {self.width} does not divide among {self.heads} heads")
        if self.arch == "guided":
            self.check_heads()
        if (self.preconditioning == "table") != bool(self.steps):
            raise ValueError("steps are of the preconditioning table, which has 1 or more")
        if self.preconditioning != "edm" and self.sigma_data != 0.5:
            raise ValueError("sigma_data is of the preconditioning edm alone: leave it out")
        return self

    def check_heads(self) -> None:
        if bool(self.heads) == bool(self.head_width):
            raise ValueError("guided has either heads or a head_width: give one of them")
        for channels in {self.width * multiplier for multiplier in self.multipliers}:
            if channels % GROUPS or channels % (self.heads or self.head_width):
                raise ValueError(
                    f"{channels} channels do not divide into {GROUPS} groups and the heads given"
                )

    def check_levels(self, side: int) -> None:
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


def build_network(settings: NetworkSettings) -> Preconditioning:
    """A freshly initialized network, float32 on the default device, in training mode.

    Weights come from torch's global generator: seed it, or fork it, outside.
    """
    model = _raw_network(settings)
    match settings.preconditioning:
        case "edm":
            return EDMPreconditioning(model, settings.sigma_data)
        case "vp":
            return VPPreconditioning(model)
        case "ve":
            return VEPreconditioning(model)
        case "iddpm":
            return IDDPMPreconditioning(model)
        case "table":
            return TablePreconditioning(model, settings.steps)
        case "none":
            return NoPreconditioning(model)


def _raw_network(settings: NetworkSettings) -> nn.Module:
    channels, _, side = settings.shape
    twice = settings.preconditioning == "iddpm" or settings.variance
    answers = 2 * channels if twice else channels
    sizes: dict[str, Any] = settings.model_dump(include=HAS[settings.arch] - {"variance"})
    match settings.arch:
        case "ddpmpp":
            return SongUNet(side, channels, answers, **sizes)
        case "ncsnpp":
            residual: dict[str, Any] = {"embedding": "fourier", "encoder": "residual"}
            return SongUNet(side, channels, answers, **sizes, **residual, taps=(1, 3, 3, 1))
        case "adm":
            return DhariwalUNet(side, channels, answers, **sizes)
        case "skip":
            return SkipNet(channels, channels, **sizes)
        case "dit":
            return DiT(side, channels, answers, **sizes)
        case "guided":
            return GuidedUNet(side, channels, answers, **sizes)
        case "linear":
            return LinearNet(settings.shape)
