"""Lightning: a callback that stops the trainer where memorization sets in. Takes `pip install lightning`.

    python examples/07_stop_a_lightning_trainer.py [CHECKPOINT]

It needs held-out pictures, and a function from the module to a denoiser. The network is that of example 06.
"""

import sys

import lightning
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

import denoscope as ds
from denoscope.auditing import lightning_watch


class Diffusion(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        wide = (nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU())
        self.inner = nn.Sequential(nn.Linear(65, 256), *wide, nn.Linear(256, 64))
        self.average = AveragedModel(self.inner, multi_avg_fn=get_ema_multi_avg_fn(0.99))

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, inner: nn.Module) -> torch.Tensor:
        size = (sigma**2 + 0.25).sqrt()
        level = (sigma.log() / 4).flatten(1).expand(len(x), 1)
        out = inner(torch.cat([(x / size).flatten(1), level], dim=1))
        return x * 0.25 / size**2 + 0.5 * sigma / size * out.reshape(x.shape)

    def training_step(self, x0: torch.Tensor, index: int) -> torch.Tensor:
        sigma = (torch.randn(len(x0), 1, 1, 1, device=x0.device) * 1.2 - 1.2).exp()
        error = self.denoise(x0 + sigma * torch.randn_like(x0), sigma, self.inner) - x0
        return ((sigma**2 + 0.25) / (0.5 * sigma) ** 2 * error**2).mean()

    def on_train_batch_end(self, *_: object) -> None:
        self.average.update_parameters(self.inner)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.inner.parameters(), lr=1e-3)


def to_denoiser(module: Diffusion) -> ds.Denoiser:
    spec = ds.Spec("mine", train.shape, sigma_min=0.002, sigma_max=80)
    return ds.FunctionDenoiser(lambda x, sigma: module.denoise(x, sigma, module.average), spec)


before = sys.argv[1] if len(sys.argv) > 1 else "before.ckpt"
train, held_out = ds.open_images("digits").split(32, seed=0)
lightning.seed_everything(0)
watch = ds.MemorizationWatch(train, held_out)
stop = lightning_watch(watch, to_denoiser, before)
loader = DataLoader(train.floats().repeat(8, 1, 1, 1), batch_size=64, shuffle=True)
trainer = lightning.Trainer(max_steps=8000, accelerator="cpu", callbacks=[stop], logger=False)
trainer.fit(Diffusion(), loader)
if watch.record.onset and watch.record.before:
    print(f"step {trainer.global_step}; {before}: after {watch.record.before.seen:,} pictures")
