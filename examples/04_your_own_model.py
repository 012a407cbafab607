"""Audit a model that is none of ours: a function that predicts noise, opened as a denoiser in one line.

    python examples/04_your_own_model.py

Many models are shown x_t = alpha x0 + sigma_t eps and a time t of their own, and predict eps. To open one,
say what it predicts, under which schedule of alpha and sigma_t, of which shape, and how it counts time.
The model here is a poor one, which knows each pixel's mean and variance and nothing of how pixels go together.
"""

import torch

import denoscope as ds

pictures = ds.open_images("digits")
train, held_out = pictures.split(1200, seed=0)
mean, variance = train.floats().mean(0), train.floats().var(0, correction=0)
schedule = ds.ContinuousSchedule.vp(beta_min=0.1, beta_max=20)


def predict_noise(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The foreign model: its best guess of eps, pixel by pixel. x_t: (B, C, H, W), t: (B,)."""
    alpha = schedule.alpha(t).to(x_t.dtype).reshape(-1, 1, 1, 1)
    s2 = 1 - alpha**2
    return s2.sqrt() * (x_t - alpha * mean) / (alpha**2 * variance + s2)


model = ds.from_epsilon(predict_noise, schedule, pictures.shape, time="t", name="mine")
audit = ds.audit(model, train, held_out, pictures=100, samples=60)
print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%})")
for reason in audit.verdict.reasons:
    print(f"  {reason.signal}: {reason.vote}. {reason.text}")
