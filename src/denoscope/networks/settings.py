"""What a network is, as data: the settings from which it is built, kept beside its weights."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticKnownError

from denoscope.networks.defaults import (
    default_heads,
    default_lucid,
    fitting_defaults,
    level_sides,
)
from denoscope.networks.guided_unet import GROUPS
from denoscope.networks.layouts import LARGEST_WIDTH, EDM2Layout, GuidedLayout, LucidLayout
from denoscope.networks.lucid_unet import GROUPS as LUCID_GROUPS
from denoscope.networks.preconditioning import TablePrediction

Architecture = Literal[
    "ddpmpp", "ncsnpp", "adm", "skip", "dit", "linear", "guided", "edm2", "lucid"
]
LARGEST_SIDE, MOST_BLOCKS = 2**14, 1000  # bounds for files, not for wishes
MOST_STEPS = 1_000_000  # in a table

# The settings that each architecture has, beside shape and preconditioning; others are 0 or ().
UNET = {"width", "multipliers", "blocks", "attention", "dropout", "label_dim", "augment_dim"}
HAS = {
    "ddpmpp": UNET,
    "ncsnpp": UNET,
    "adm": UNET,
    "skip": {"width", "multipliers", "blocks"},
    "dit": {"width", "blocks", "heads", "patch", "label_dim"},
    "linear": set[str](),
    "guided": (UNET - {"dropout", "augment_dim"}) | {"guided"},
    "edm2": (UNET - {"dropout", "augment_dim"}) | {"edm2"},
    "lucid": {"width", "multipliers", "lucid"},
}
ELSEWHERE = ("guided", "edm2", "lucid")  # trained elsewhere alone: each has a layout of its name
LEAST = {"width": 4, "blocks": 1, "heads": 1, "patch": 1}  # where the architecture has it
BLIND = ("skip", "linear")  # not told the noise level


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
        guided                width, multipliers, blocks, attention, label_dim, guided
        edm2                  width, multipliers, blocks, attention, label_dim, edm2
        lucid                 width, multipliers, lucid

    Raises pydantic's ValidationError (a ValueError), whose `errors()` have one line a problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: Architecture
    """DDPM++ or NCSN++ (Song et al. 2021), ADM (Dhariwal & Nichol 2021), Skip-Net (Li et al. 2024),
    DiT (Peebles & Xie 2023), linear, W x + b; and, trained elsewhere alone: guided, ADM as
    guided-diffusion's checkpoints hold it, edm2 (Karras et al. 2024), and lucid, the U-Net of
    denoising-diffusion-pytorch."""
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
    """Attention heads of DiT (those of U-Nets follow from their widths or their layout)."""
    patch: int = Field(default=0, ge=0)
    """Side of the squares that DiT cuts a picture into, a divisor of its side."""
    label_dim: int = Field(default=0, ge=0)
    """Number of classes; 0: unconditional."""
    augment_dim: int = Field(default=0, ge=0)
    """Numbers that describe an augmentation; 0: none (EDM's pipeline has 9)."""
    steps: int = Field(default=0, ge=0, le=MOST_STEPS)
    """Steps in the table of the preconditioning table."""
    prediction: TablePrediction = "epsilon"
    """What a network under a table answers."""
    sigma_data: float = Field(default=0.5, gt=0)
    """Standard deviation of the pictures' values, in their units, for EDM's preconditioning."""
    guided: GuidedLayout | None = None
    edm2: EDM2Layout | None = None
    lucid: LucidLayout | None = None
    """What the architecture of that name has to itself; None for all others."""

    @property
    def trained_elsewhere(self) -> bool:
        """Whether there is no loss here for this network: it is opened, and never trained."""
        return self.arch in ELSEWHERE or self.preconditioning in ("iddpm", "table")

    @model_validator(mode="before")
    @classmethod
    def fill_defaults(cls, given: Any) -> Any:
        match given:
            case {"arch": str(arch), "shape": [_, int(side), _]} if side <= LARGEST_SIDE:
                multipliers = given.get("multipliers")
                levels = len(multipliers) if isinstance(multipliers, list | tuple) else None
                defaults = fitting_defaults(arch, side, levels)
                if arch == "lucid":
                    levels = len(defaults.multipliers) if multipliers is None else levels or 0
                    defaults = defaults._replace(lucid=default_lucid(levels))
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
        elif name in ELSEWHERE:
            if value is None:
                raise ValueError(f"{arch} has one, give it")
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
        if self.guided is not None:
            self.check_heads(self.guided)
        if self.edm2 is not None:
            self.check_head_width(self.edm2)
        if self.lucid is not None:
            self.check_lists(self.lucid)
        if (self.preconditioning == "table") != bool(self.steps):
            raise ValueError("steps are of the preconditioning table, which has 1 or more")
        if self.preconditioning != "table" and self.prediction != "epsilon":
            raise ValueError("prediction is of the preconditioning table alone: leave it out")
        if self.preconditioning != "edm" and self.sigma_data != 0.5:
            raise ValueError("sigma_data is of the preconditioning edm alone: leave it out")
        return self

    def check_heads(self, layout: GuidedLayout) -> None:
        if bool(layout.heads) == bool(layout.head_width):
            raise ValueError("guided has either heads or a head_width: give one of them")
        for channels in {self.width * multiplier for multiplier in self.multipliers}:
            if channels % GROUPS or channels % (layout.heads or layout.head_width):
                raise ValueError(
                    f"{channels} channels do not divide into {GROUPS} groups and the heads given"
                )

    def check_head_width(self, layout: EDM2Layout) -> None:
        for channels in {self.width * multiplier for multiplier in self.multipliers}:
            if channels % max(1, channels // layout.head_width):
                raise ValueError(
                    f"{channels} channels do not divide into heads of {layout.head_width}"
                )

    def check_lists(self, layout: LucidLayout) -> None:
        levels = len(self.multipliers)
        if {len(layout.full), len(layout.heads), len(layout.head_widths)} != {levels}:
            raise ValueError(
                f"lucid has full, heads and head_widths of each of its {levels} levels"
            )
        if min(layout.heads + layout.head_widths) < 1:
            raise ValueError("lucid's heads and their widths are 1 or more at every level")
        widths = {layout.first or self.width, *(self.width * one for one in self.multipliers)}
        if layout.normalization != "rms" and any(one % LUCID_GROUPS for one in widths):
            raise ValueError(f"lucid's channels do not divide into {LUCID_GROUPS} groups")

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
