"""Audit a model that is none of ours: a function that predicts noise, turned into a denoiser.

    python examples/04_your_own_model.py

Many models are trained on z = alpha x0 + s eps, alpha^2 + s^2 = 1, and predict eps. With sigma = s / alpha and
x = z / alpha that is a denoiser: x0_hat = (z - s eps_hat) / alpha. A spec says what it takes; no more is asked.
The model here is a poor one, which knows each pixel's mean and variance and nothing of how pixels go together.
"""

import torch

import denoscope as ds

pictures = ds.open_images("digits")
train, held_out = pictures.split(1200, seed=0)
mean, variance = train.floats().mean(0), train.floats().var(0, correction=0)


def predict_noise(z: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """The foreign model: its best guess of eps, pixel by pixel."""
    s2 = 1 - alpha**2
    return s2.sqrt() * (z - alpha * mean) / (alpha**2 * variance + s2)


def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """x: (B, C, H, W), sigma: (B, 1, 1, 1) or (1, 1, 1, 1)."""
    alpha = 1 / (1 + sigma**2).sqrt()
    z, s = alpha * x, alpha * sigma
    return (z - s * predict_noise(z, alpha)) / alpha


model = ds.FunctionDenoiser(denoise, ds.Spec("mine", pictures.shape, sigma_min=0.002, sigma_max=80))
audit = ds.audit(model, train, held_out, pictures=100, samples=60)
print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%})")
for reason in audit.verdict.reasons:
    print(f"  {reason.signal}: {reason.vote}. {reason.text}")
