"""Train a DDPM as diffusers' own recipe does, save its pipeline, and ask whether it memorized.

    pip install 'denoscope[diffusers]'
    python examples/09_train_ddpm_with_diffusers.py [FOLDER] [--images 16] [--prediction v_prediction]

Uniform times, the mean squared error of the noise (or of v), AdamW, a warmed-up cosine, an average of the
weights. 16 pictures are memorized, 800 are not (--images 800). FOLDER is a DDPMPipeline like any other.
"""

import argparse
from pathlib import Path

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel

import denoscope as ds


def train(
    pictures: ds.Pictures,
    folder: str | Path,
    *,
    prediction: str = "epsilon",
    kimg: float = 48,
    widths: tuple[int, ...] = (16, 32),
    batch: int = 16,
) -> None:
    """Train on `pictures`, show kimg thousand of them, and save the averaged model in `folder`."""
    torch.manual_seed(0)
    channels, side, _ = pictures.shape
    unet = UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        add_attention=False,
        norm_num_groups=8,
    )
    scheduler = DDPMScheduler(num_train_timesteps=1000, prediction_type=prediction)
    steps = int(1000 * kimg / batch)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3, weight_decay=1e-6, fused=True)
    rate = get_cosine_schedule_with_warmup(optimizer, steps // 20, steps)
    average = EMAModel(unet.parameters(), use_ema_warmup=True, power=0.75, foreach=True)
    x0 = pictures.floats()

    for step in range(steps):
        clean = x0[torch.randint(len(x0), (batch,))]
        noise = torch.randn_like(clean)
        t = torch.randint(scheduler.config.num_train_timesteps, (batch,))
        noisy = scheduler.add_noise(clean, noise, t)
        target = noise if prediction == "epsilon" else scheduler.get_velocity(clean, noise, t)
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
    DDPMPipeline(unet, scheduler).save_pretrained(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default="models/ddpm-digits")
    parser.add_argument("--data", default="digits", help="as `denoscope audit --data` takes it")
    parser.add_argument("--size", type=int, help="bring the pictures to this size")
    parser.add_argument("--images", type=int, default=16, help="pictures to train on")
    parser.add_argument("--kimg", type=float, default=48, help="thousands of pictures to show")
    parser.add_argument("--prediction", choices=["epsilon", "v_prediction"], default="epsilon")
    words = parser.parse_args()

    pictures, held_out = ds.open_images(words.data, size=words.size).split(words.images, seed=0)
    train(pictures, words.folder, prediction=words.prediction, kimg=words.kimg)
    audit = ds.audit(ds.open_denoiser(words.folder), pictures, held_out)
    print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%})")
    for reason in audit.verdict.reasons:
        print(f"  {reason.signal}: {reason.vote}. {reason.text}")
