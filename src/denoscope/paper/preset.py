"""A preset: the sizes at which the paper's experiments are repeated, as data."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DaeRecipe", "DataChoice", "Family", "Preset"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataChoice(_Frozen):
    """Which pictures, and what is known of them before they are opened (for a dry run)."""

    where: str
    size: int | None = None
    shape: tuple[int, int, int]
    total: int


class Family(_Frozen):
    """The sweeps over one set of pictures: its size, the model's width, the training's length.

    images: N of the ladder, small to large; the last is the network that generalizes. small: the N
    of the sweeps over width and length, and of the twins that memorize. twin: the N of the twins
    that generalize, at most half of the set. widths: small to large; the last is every other
    network's. early_kimg: where the small set's training is stopped early. held_out: another set to
    show to the networks, where this one is used up.
    """

    data: DataChoice
    held_out: str | None = None
    images: tuple[int, ...]
    small: int
    twin: int
    widths: tuple[int, ...]
    narrow: int
    """The width that cures memorization on the small set."""
    kimg: float
    long_kimg: float | None = None
    """Where the small set's network of full width goes on to: the sweep over length, and the network
    that memorizes. On the ladder, among the widths and the twins it stands as it was at `kimg`."""
    snapshots_kimg: tuple[float, ...]
    early_kimg: float
    multipliers: tuple[int, ...]
    blocks: int = 1
    attention: tuple[int, ...] = ()
    dropout: float = 0.0
    batch: int = 32
    learning_rate: float = 1e-3
    warmup_kimg: float = 5.0
    p_mean: float = -1.2
    p_std: float = 1.2
    """ln sigma ~ N(p_mean, p_std^2) in training; EDM's by default, which puts 0.02 % above sigma = 20."""
    augment: Literal["none", "flip"] = "none"
    precision: Literal["fp32", "bf16"] = "fp32"

    @property
    def width(self) -> int:
        return self.widths[-1]


class DaeRecipe(_Frozen):
    """How the denoisers of single levels are trained: one network a level (Li et al. 2024, G.2)."""

    arch: Literal["linear", "skip", "dit", "ncsnpp"]
    kimg: float
    width: int = 0
    """0, as blocks, where the architecture is linear and has neither."""
    blocks: int = 1
    learning_rate: float = 1e-3
    batch: int = 32


class Preset(_Frozen):
    """One size of the whole reproduction. Counts are of pictures unless they say otherwise."""

    name: str
    main: Family
    second: Family
    """The other data set: the paper's CIFAR-10."""
    arch: Literal["ddpmpp", "ncsnpp", "adm"] = "ddpmpp"
    other_archs: tuple[Literal["ddpmpp", "ncsnpp", "adm"], ...] = ("ncsnpp", "adm")
    arch_kimg: float
    """Length of the other architectures' training; one of the main family's snapshots."""
    dae_levels: tuple[float, ...]
    daes: tuple[DaeRecipe, ...]
    audited: int = 200
    samples: int = 100
    linearity_pairs: int = 100
    alpha_pairs: int = 100
    """Pairs where the mixing weight is swept: as many at each of five alphas."""
    distill_pictures: int = 1000
    distill_budget: int = Field(default=4000, description="network evaluations a level")
    adam_pictures: int = 1000
    adam_epochs: int = 100
    adam_draws: int | None = None
    """Epochs with noise of their own, after which it comes again; None: all."""
    adam_levels: int = 10
    """The paper's gradient descent is repeated at every level (10) or every second one (5)."""
    jacobian_vectors: int = 16
    jacobian_levels: int = 20
