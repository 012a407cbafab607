"""Train an autoencoder, then a DDPM of its latents, with diffusers, and ask whether the DDPM memorized.

    pip install 'denoscope[diffusers]'
    python examples/11_train_latent_diffusion_with_diffusers.py [FOLDER] [--images 16]

The autoencoder (squared error and a little KL) learns from all pictures but the held-out ones; the network
learns the latents of some of them. 16 are memorized, 800 are not (--images 800). FOLDER is an LDMPipeline.
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, LDMPipeline, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel

import denoscope as ds


def train_autoencoder(
    pictures: ds.Pictures, *, kimg: float = 32, widths: tuple[int, ...] = (16, 32), batch: int = 32
) -> AutoencoderKL:
    """Pictures to latents of four channels, halved in size once for each width but the first."""
    torch.manual_seed(0)
    channels = pictures.shape[0]
    vae = AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        latent_channels=4,
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        norm_num_groups=8,
        mid_block_add_attention=False,
    )
    steps = int(1000 * kimg / batch)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, fused=True)
    rate = get_cosine_schedule_with_warmup(optimizer, steps // 20, steps)
    for _ in range(steps):
        x0 = pictures.floats(torch.randint(len(pictures), (batch,)))
        posterior = vae.encode(x0).latent_dist
        error = (vae.decode(posterior.sample()).sample - x0).square().mean()
        (error + 1e-4 * posterior.kl().mean() / posterior.mean[0].numel()).backward()
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
    print(f"autoencoder: after {steps:,} steps, MSE {error.item():.4f}", flush=True)
    # networks like inputs of unit size: whoever uses the latents multiplies them by this
    vae.register_to_config(scaling_factor=1 / float(encoded(vae, pictures).std()))
    return vae.eval()


@torch.no_grad()
def encoded(vae: AutoencoderKL, pictures: ds.Pictures) -> torch.Tensor:
    """The means of the latents, not yet scaled."""
    return torch.cat([vae.encode(x0).latent_dist.mode() for x0 in pictures.floats().split(256)])


def train(
    pictures: ds.Pictures, folder: str | Path, *, vae: AutoencoderKL, kimg: float = 64
) -> None:
    """Train on the latents of `pictures`, and save both networks and the scheduler in `folder`."""
    torch.manual_seed(0)
    widths, batch = (32, 64), 16
    x0 = encoded(vae, pictures) * vae.config.scaling_factor
    unet = UNet2DModel(
        sample_size=x0.shape[-1],
        in_channels=x0.shape[1],
        out_channels=x0.shape[1],
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        add_attention=False,
        norm_num_groups=8,
    )
    # v, not the noise: an error in the noise is one sigma times as large in the latents
    scheduler = DDPMScheduler(num_train_timesteps=1000, prediction_type="v_prediction")
    steps = int(1000 * kimg / batch)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3, weight_decay=1e-6, fused=True)
    rate = get_cosine_schedule_with_warmup(optimizer, steps // 20, steps)
    average = EMAModel(unet.parameters(), use_ema_warmup=True, power=0.75, foreach=True)
    for step in range(steps):
        clean = x0[torch.randint(len(x0), (batch,))]
        noise = torch.randn_like(clean)
        t = torch.randint(scheduler.config.num_train_timesteps, (batch,))
        noisy, target = (f(clean, noise, t) for f in (scheduler.add_noise, scheduler.get_velocity))
        loss = torch.nn.functional.mse_loss(unet(noisy, t).sample, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
        average.step(unet.parameters())
        if (step + 1) % (steps // 10) == 0:
            print(f"step {step + 1:,} of {steps:,}, loss {loss.item():.4f}", flush=True)
    average.copy_to(unet.parameters())
    LDMPipeline(vqvae=vae, unet=unet, scheduler=scheduler).save_pretrained(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default="models/latent-digits")
    parser.add_argument("--images", type=int, default=16, help="pictures to train on, to 800")
    parser.add_argument("--kimg", type=float, default=64, help="thousands of latents to show")
    words = parser.parse_args()

    known, held_out = ds.open_images("digits").split(800, seed=0)
    pictures = known.take(slice(0, words.images))
    train(pictures, words.folder, vae=train_autoencoder(known), kimg=words.kimg)
    model = ds.describe_model(words.folder)  # the network, and the autoencoder that was saved
    coded = [model.autoencoder.latents(one) for one in (pictures, held_out)]
    audit = ds.audit(model.denoiser, *coded, autoencoder=model.autoencoder)
    print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%})")
    for reason in audit.verdict.reasons:
        print(f"  {reason.signal}: {reason.vote}. {reason.text}")
