"""Tiny models with random weights, written by diffusers itself, for tests of reading them."""

from pathlib import Path
from typing import Any

import diffusers
import torch

SMALL: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 2,
    "out_channels": 2,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}


def seeded(make: Any, **settings: Any) -> Any:
    """An object of a class of diffusers, its weights drawn from seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make(**settings).eval()


def unet(**settings: Any) -> diffusers.UNet2DModel:
    return seeded(diffusers.UNet2DModel, **{**SMALL, **settings})


def written(place: Path, network: Any, scheduler: Any) -> Path:
    """The folder of a pipeline of both."""
    folder = place / "pipeline"
    diffusers.DDPMPipeline(network, scheduler).save_pretrained(folder)
    return folder


def dit(**settings: Any) -> diffusers.DiTTransformer2DModel:
    """Of 5 classes and none, in two channels of 8 x 8."""
    small: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": 2,
        "out_channels": 4,
        "num_layers": 2,
        "sample_size": 8,
        "num_embeds_ada_norm": 5,
    }
    network = seeded(diffusers.DiTTransformer2DModel, **{**small, **settings})
    with torch.no_grad():  # its last layers begin at zero
        for p in network.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    return network


def written_bare(place: Path, network: Any, scheduler: Any) -> Path:
    """The folder of a bare model, with its scheduler's in it."""
    folder = place / "bare"
    network.save_pretrained(folder)
    scheduler.save_pretrained(folder / "scheduler")
    return folder


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def clip(
    folder: Path, number: str = "", projected: int | None = None, width: int = 12, pad: str = ""
) -> tuple[Any, Any]:
    """(encoder, tokenizer) of a CLIP that knows letters, written under their names.

    pad: what prompts are filled up with, where that is not their end.
    """
    import json

    import transformers

    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{one}</w>" for one in LETTERS)]
    place = folder / f"tokenizer{number}"
    place.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(words)}
    (place / "vocab.json").write_text(json.dumps(vocabulary))
    (place / "merges.txt").write_text("#version: 0.2\n")
    told = {"model_max_length": 9, **({"pad_token": pad} if pad else {})}
    (place / "tokenizer_config.json").write_text(json.dumps(told))
    config = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=9,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        projection_dim=projected or width,
    )
    kind = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    encoder = seeded(getattr(transformers, kind), config=config)
    encoder.save_pretrained(folder / f"text_encoder{number}")
    return encoder, transformers.CLIPTokenizer.from_pretrained(place)


def t5(folder: Path, number: str) -> tuple[Any, Any]:
    """(encoder, tokenizer) of a T5 of width 32, written under their names."""
    import transformers

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(one, -3.0) for one in LETTERS]
    tokenizer = transformers.T5TokenizerFast(vocab=pieces, extra_ids=0)
    tokenizer.save_pretrained(folder / f"tokenizer{number}")
    config = transformers.T5Config(
        vocab_size=len(pieces), d_model=32, d_kv=8, d_ff=16, num_layers=2, num_heads=2
    )
    encoder = seeded(transformers.T5EncoderModel, config=config)
    encoder.save_pretrained(folder / f"text_encoder{number}")
    return encoder, tokenizer


def painter(**settings: Any) -> diffusers.UNet2DConditionModel:
    """Of prompts of width 12."""
    small = {
        **SMALL,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 12,
    }
    return seeded(diffusers.UNet2DConditionModel, **{**small, **settings})


def written_painter(place: Path, scheduler: Any, **settings: Any) -> tuple[Path, Any, Any, Any]:
    """(folder of a network's folder with all that its prompts need beside it, network, encoder, tokenizer)."""
    folder = place / "painter"
    network = painter(**settings)
    network.save_pretrained(folder / "unet")
    scheduler.save_pretrained(folder / "scheduler")
    return folder, network, *clip(folder)


SMALL_AUTOENCODER: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": (4, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "latent_channels": 2,
    "sample_size": 16,
}


def autoencoder(**settings: Any) -> diffusers.AutoencoderKL:
    """Of grey pictures of 16 x 16, whose latents are two channels of 8 x 8."""
    return seeded(diffusers.AutoencoderKL, **{**SMALL_AUTOENCODER, **settings})


def written_latent(place: Path, network: Any, scheduler: Any, coder: Any) -> Path:
    """The folder of an LDMPipeline: unet/, scheduler/ and vqvae/."""
    folder = place / "latent"
    diffusers.LDMPipeline(vqvae=coder, unet=network, scheduler=scheduler).save_pretrained(folder)
    return folder


def _moved(network: Any) -> Any:
    """Its last layers begin at zero: a draw is added everywhere."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(torch.randn(p.shape, generator=draw) * 0.05)
    return network


def written_sd3(place: Path, scheduler: Any, third: bool = True) -> Any:
    """A StableDiffusion3Pipeline of latents (4, 8, 8), in its folder, `place`/sd3."""
    folder = place / "sd3"
    network = _moved(
        seeded(
            diffusers.SD3Transformer2DModel,
            sample_size=8,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pooled_projection_dim=18,
            pos_embed_max_size=6,
            dual_attention_layers=(0,),
            qk_norm="rms_norm",
        )
    )
    (one, words_1), (two, words_2) = clip(folder, "", 10), clip(folder, "_2", 8)
    three, words_3 = t5(folder, "_3") if third else (None, None)
    coder = autoencoder(
        latent_channels=4,
        shift_factor=0.06,
        scaling_factor=1.5,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    pipeline = diffusers.StableDiffusion3Pipeline(
        network, scheduler, coder, one, words_1, two, words_2, three, words_3
    )
    pipeline.save_pretrained(folder)
    return folder, pipeline


def written_sdxl(place: Path, scheduler: Any, zeros: bool = True, **settings: Any) -> Any:
    """A StableDiffusionXLPipeline of latents (2, 8, 8) of grey pictures, in its folder, `place`/sdxl."""
    folder = place / "sdxl"
    told = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 6 * 4 + 10,
        "cross_attention_dim": 12 + 16,
    }
    network = _moved(painter(**{**told, **settings}))
    one, words_1 = clip(folder)
    two, words_2 = clip(folder, "_2", 10, width=16, pad="a</w>")
    pipeline = diffusers.StableDiffusionXLPipeline(
        autoencoder(scaling_factor=0.13),
        *(one, two, words_1, words_2, network, scheduler),
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder)
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return folder, pipeline


def written_flux(place: Path, scheduler: Any, distilled: bool = True) -> Any:
    """A FluxPipeline of latents (4, 8, 8), in its folder, `place`/flux."""
    folder = place / "flux"
    network = _moved(
        seeded(
            diffusers.FluxTransformer2DModel,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=12,
            guidance_embeds=distilled,
            axes_dims_rope=(4, 4, 8),
        )
    )
    one, words_1 = clip(folder)
    two, words_2 = t5(folder, "_2")
    coder = autoencoder(latent_channels=4, shift_factor=0.1, scaling_factor=0.4)
    pipeline = diffusers.FluxPipeline(scheduler, coder, one, words_1, two, words_2, network)
    pipeline.save_pretrained(folder)
    return folder, pipeline
