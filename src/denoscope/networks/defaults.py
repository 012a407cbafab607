"""The settings of the published networks, for what a user leaves out."""

from typing import NamedTuple

from denoscope.networks.layouts import MOST_LEVELS, EDM2Layout, GuidedLayout, LucidLayout

__all__ = ["default_heads", "default_lucid", "fitting_defaults", "level_sides"]

SMALLEST_DEFAULT_SIDE = 4  # default multipliers are cut where a level would be smaller


class Defaults(NamedTuple):
    width: int = 0
    multipliers: tuple[int, ...] = ()
    blocks: int = 0
    attention: tuple[int, ...] = ()
    dropout: float = 0.0
    heads: int = 0
    patch: int = 0
    preconditioning: str = "edm"
    guided: GuidedLayout | None = None
    edm2: EDM2Layout | None = None
    lucid: LucidLayout | None = None


def published_defaults(arch: str, side: int) -> Defaults:
    """The networks of Karras et al. 2022, table 7: CIFAR-10, FFHQ and AFHQ 64x64, ImageNet 64x64.

    DDPM++ and NCSN++ have the multipliers (2, 2, 2) below 64 pixels and (1, 2, 2, 2) from there on.
    DiT is DiT-S/2 of Peebles & Xie 2023, with larger patches where there would be more than 16 x 16.
    EDM2 is EDM2-S of Karras et al. 2024.
    Skip-Net was published without sizes: these are ours.
    """
    if arch == "skip":
        return Defaults(64, (1, 2, 2), 2, preconditioning="none")
    if arch == "linear":
        return Defaults(preconditioning="none")
    if arch == "dit":
        return Defaults(384, blocks=12, heads=default_heads(384), patch=default_patch(side))
    if arch == "guided":
        layout = GuidedLayout(heads=4)
        sizes = (256, (1, 1, 2, 2, 4, 4), 2, (32, 16, 8))
        return Defaults(*sizes, preconditioning="table", guided=layout)
    if arch == "edm2":
        return Defaults(192, (1, 2, 3, 4), 3, (16, 8), edm2=EDM2Layout())
    if arch == "lucid":
        return Defaults(64, (1, 2, 4, 8), preconditioning="table", lucid=LucidLayout())
    if arch == "adm":
        return Defaults(192, (1, 2, 3, 4), 3, (32, 16, 8), 0.10)
    if side < 64:
        return Defaults(128, (2, 2, 2), 4, (16,), 0.13)
    return Defaults(128, (1, 2, 2, 2), 4, (16,), 0.05)


def default_heads(width: int) -> int:
    """One head for every 64 features, as many as divide the width."""
    return next(heads for heads in range(max(1, width // 64), 0, -1) if width % heads == 0)


def default_lucid(levels: int) -> LucidLayout:
    """Four heads of 32 channels at every level, and full attention at the last."""
    levels = min(levels, MOST_LEVELS)
    full = tuple(level == levels - 1 for level in range(levels))
    return LucidLayout(full=full, heads=(4,) * levels, head_widths=(32,) * levels)


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
