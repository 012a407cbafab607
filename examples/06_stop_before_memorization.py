"""Your own loop in plain PyTorch: stop where memorization sets in, and keep the weights from before.

    python examples/06_stop_before_memorization.py [WEIGHTS]

A network far too large for 32 digits. Looks are small audits, due at ever longer intervals; the first that
finds memorization ends the training. Any model will do that can be called as x0_hat = D(x, sigma).
"""

import sys

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import denoscope as ds


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        wide = (nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU())
        self.inner = nn.Sequential(nn.Linear(65, 256), *wide, nn.Linear(256, 64))

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """x: (B, 1, 8, 8), sigma: (B, 1, 1, 1) or (1, 1, 1, 1)."""
        size = (sigma**2 + 0.25).sqrt()
        level = (sigma.log() / 4).flatten(1).expand(len(x), 1)
        out = self.inner(torch.cat([(x / size).flatten(1), level], dim=1))
        return x * 0.25 / size**2 + 0.5 * sigma / size * out.reshape(x.shape)


weights = sys.argv[1] if len(sys.argv) > 1 else "before.pt"
train, held_out = ds.open_images("digits").split(32, seed=0)
torch.manual_seed(0)
network = Perceptron()
average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.99))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
watch = ds.MemorizationWatch(train, held_out)
denoiser = ds.FunctionDenoiser(average, ds.Spec("mine", train.shape, 0.002, 80))

for seen in range(64, 500_000, 64):
    x0 = train.floats(torch.randint(len(train), (64,)))
    sigma = (torch.randn(64, 1, 1, 1) * 1.2 - 1.2).exp()
    error = network(x0 + sigma * torch.randn_like(x0), sigma) - x0
    loss = ((sigma**2 + 0.25) / (0.5 * sigma) ** 2 * error**2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update_parameters(network)
    if watch.due(seen):
        look = watch.look(denoiser, seen)  # with dropout or batch norm: average.eval() before
        print(f"{seen:>7,} {look.verdict.label} {look.verdict.confidence:.0%}")
        if watch.keeps:
            torch.save(average.state_dict(), weights)
        if look.stop:
            break

if watch.record.onset and watch.record.before:
    print(f"stopped; {weights} is the model after {watch.record.before.seen:,} pictures")
