"""The four sizes: minutes on digits, hours on two cores, half an hour of a GPU, and the paper's own."""

from typing import Any

from denoscope.errors import InputError
from denoscope.paper.preset import DaeRecipe, DataChoice, Family, Preset

__all__ = ["PRESETS", "preset_named"]

_DIGITS = DataChoice(where="digits", shape=(1, 8, 8), total=1797)
_SNAPSHOTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# EDM's law of the levels, N(-1.2, 1.2^2), shows a network one picture in 4,000 above sigma = 20: 16,000
# in the paper's 70 million, 30 in the 128,000 of a short training. This one has the same share below
# sigma = 0.05, nearly the same in 0.3-3 (0.44, EDM's 0.47), and one picture in 15 above 20.
_WIDE_LAW: dict[str, Any] = {"p_mean": 0.0, "p_std": 2.0}

QUICK = Preset(
    name="quick",
    main=Family(
        data=_DIGITS,
        images=(16, 64, 256, 800),
        small=16,
        twin=800,
        widths=(4, 16),
        narrow=4,
        kimg=4,
        snapshots_kimg=(0.5, 1.0, 2.0),
        early_kimg=2,
        multipliers=(1, 2),
        warmup_kimg=1,
        **_WIDE_LAW,
    ),
    second=Family(
        data=DataChoice(where="mnist-5k", size=8, shape=(1, 8, 8), total=5000),
        images=(16, 256, 2400),
        small=16,
        twin=2_400,
        widths=(4, 16),
        narrow=4,
        kimg=4,
        snapshots_kimg=(0.5, 1.0, 2.0),
        early_kimg=2,
        multipliers=(1, 2),
        warmup_kimg=1,
        **_WIDE_LAW,
    ),
    arch_kimg=2,
    dae_levels=(42.415, 4.066, 0.47, 0.1166),
    daes=(
        DaeRecipe(arch="linear", kimg=100, batch=64),
        DaeRecipe(arch="skip", width=16, kimg=4),
        DaeRecipe(arch="dit", width=32, blocks=2, kimg=4),
        DaeRecipe(arch="ncsnpp", width=8, kimg=3),
    ),
    audited=48,
    samples=50,
    linearity_pairs=32,
    alpha_pairs=12,
    distill_pictures=180,
    distill_budget=400,
    adam_pictures=128,
    adam_epochs=30,
    adam_draws=4,
    adam_levels=5,
    jacobian_vectors=8,
    jacobian_levels=8,
)

CPU = Preset(
    name="cpu",
    main=Family(
        data=DataChoice(where="fashion-mnist", size=16, shape=(1, 16, 16), total=70_000),
        images=(16, 64, 256, 1024, 16_384),
        small=64,
        twin=16_384,
        widths=(4, 8, 16),
        narrow=4,
        kimg=128,
        long_kimg=512,
        snapshots_kimg=(*_SNAPSHOTS, 128.0, 256.0),
        early_kimg=16,
        multipliers=(1, 2, 2),
        batch=16,
        **_WIDE_LAW,
    ),
    second=Family(
        data=_DIGITS,
        images=(32, 160, 800),
        small=32,
        twin=800,
        widths=(4, 16),
        narrow=4,
        kimg=64,
        snapshots_kimg=_SNAPSHOTS[:-1],
        early_kimg=4,
        multipliers=(1, 2, 2),
        batch=16,
        **_WIDE_LAW,
    ),
    arch_kimg=32,
    dae_levels=(42.415, 4.066, 0.47, 0.1166),
    daes=(
        DaeRecipe(arch="linear", kimg=800, batch=128),
        DaeRecipe(arch="skip", width=16, kimg=24),
        DaeRecipe(arch="dit", width=64, blocks=4, kimg=48),
        DaeRecipe(arch="ncsnpp", width=16, kimg=16),
    ),
    linearity_pairs=400,
    adam_draws=8,
    adam_levels=5,
)

GPU = Preset(
    name="gpu",
    main=Family(
        data=DataChoice(where="cifar10", shape=(3, 32, 32), total=60_000),
        images=(64, 256, 1024, 4096, 8192),
        small=256,
        twin=8_192,
        widths=(16, 32, 64, 128),
        narrow=16,
        kimg=768,
        snapshots_kimg=(6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 384.0),
        early_kimg=48,
        multipliers=(1, 2, 2),
        batch=128,
        precision="bf16",
        **_WIDE_LAW,
    ),
    second=Family(
        data=DataChoice(where="mnist-5k", shape=(1, 28, 28), total=5000),
        images=(64, 512, 2400),
        small=64,
        twin=2_400,
        widths=(8, 32),
        narrow=8,
        kimg=384,
        snapshots_kimg=(6.0, 12.0, 24.0, 48.0, 96.0, 192.0),
        early_kimg=24,
        multipliers=(1, 2, 2),
        batch=128,
        precision="bf16",
        **_WIDE_LAW,
    ),
    arch_kimg=384,
    dae_levels=(80.0, 42.415, 4.066, 1.501, 0.47, 0.1166),
    daes=(
        DaeRecipe(arch="linear", kimg=1600, batch=128),
        DaeRecipe(arch="skip", width=64, kimg=96, batch=128),
        DaeRecipe(arch="dit", width=192, blocks=6, kimg=96, batch=128),
        DaeRecipe(arch="ncsnpp", width=64, kimg=96, batch=128),
    ),
    distill_budget=8000,
)

PAPER = Preset(
    name="paper",
    main=Family(
        data=DataChoice(where="ffhq", size=64, shape=(3, 64, 64), total=70_000),
        held_out="celeba-hq",
        images=(68, 137, 1094, 8750, 35_000, 70_000),
        small=1094,
        twin=35_000,
        widths=(4, 8, 16, 32, 64, 128),
        narrow=8,
        kimg=70_246,
        # epochs 187, 468, 841, 921, 2293, 9173 and 32105 of 1,094 pictures (Li et al. 2024, Fig. 8)
        snapshots_kimg=(204.8, 512.0, 920.0, 1007.6, 2508.5, 10_035.0, 35_123.0),
        early_kimg=1007.6,
        multipliers=(1, 2, 2, 2),
        blocks=4,
        attention=(16,),
        dropout=0.05,
        batch=256,
        learning_rate=2e-4,
        warmup_kimg=10_000,
        precision="bf16",
    ),
    second=Family(
        data=DataChoice(where="cifar10", shape=(3, 32, 32), total=60_000),
        images=(782, 12_500, 25_000, 50_000),
        small=782,
        twin=25_000,
        widths=(4, 8, 16, 32, 64, 128),
        narrow=4,
        kimg=70_246,
        snapshots_kimg=(204.8, 512.0, 720.0, 2508.5, 10_035.0, 35_123.0),
        early_kimg=720.0,
        multipliers=(2, 2, 2),
        blocks=4,
        attention=(16,),
        dropout=0.13,
        batch=512,
        learning_rate=1e-3,
        warmup_kimg=10_000,
        precision="bf16",
    ),
    arch="ncsnpp",
    other_archs=("ddpmpp", "adm"),
    arch_kimg=35_123.0,
    dae_levels=(80.0, 42.415, 21.108, 9.723, 4.066, 1.501, 0.47, 0.1166, 0.0204, 0.002),
    daes=(
        DaeRecipe(arch="linear", kimg=7000, batch=256),
        DaeRecipe(arch="skip", width=64, blocks=2, kimg=7000, batch=256),
        DaeRecipe(arch="dit", width=384, blocks=12, kimg=7000, batch=256),
        DaeRecipe(arch="ncsnpp", width=128, blocks=4, kimg=7000, batch=256, learning_rate=2e-4),
    ),
    distill_pictures=20_000,
    distill_budget=100_000,
    adam_pictures=20_000,
)

PRESETS = {preset.name: preset for preset in (QUICK, CPU, GPU, PAPER)}


def preset_named(name: str) -> Preset:
    """One of quick, cpu, gpu, paper. Raises InputError for another name."""
    if name not in PRESETS:
        raise InputError(f"--preset {name}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
