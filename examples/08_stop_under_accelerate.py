"""accelerate: the same stop in a loop of one process or many. `accelerate launch examples/08_...py`, or

    python examples/08_stop_under_accelerate.py [WEIGHTS]

Every process calls the watch after every step; the main one looks at the bare averaged model and tells the
others. The network is that of example 06.
"""

import sys

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import denoscope as ds
from denoscope.auditing import AccelerateWatch


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        wide = (nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU())
        self.inner = nn.Sequential(nn.Linear(65, 256), *wide, nn.Linear(256, 64))

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        size = (sigma**2 + 0.25).sqrt()
        level = (sigma.log() / 4).flatten(1).expand(len(x), 1)
        out = self.inner(torch.cat([(x / size).flatten(1), level], dim=1))
        return x * 0.25 / size**2 + 0.5 * sigma / size * out.reshape(x.shape)


weights = sys.argv[1] if len(sys.argv) > 1 else "before.pt"
train, held_out = ds.open_images("digits").split(32, seed=0)
accelerator = Accelerator(cpu=True)
torch.manual_seed(accelerator.process_index)
network = Perceptron()
average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.99))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
network, optimizer = accelerator.prepare(network, optimizer)
spec = ds.Spec("mine", train.shape, sigma_min=0.002, sigma_max=80)
stops = AccelerateWatch(
    ds.MemorizationWatch(train, held_out, device=accelerator.device),
    accelerator,
    to_denoiser=lambda model: ds.FunctionDenoiser(model, spec),
    keep=lambda model: torch.save(model.state_dict(), weights),
)
for seen in range(64, 500_000, 64):
    x0 = train.floats(torch.randint(len(train), (64 // accelerator.num_processes,)))
    sigma = (torch.randn(len(x0), 1, 1, 1) * 1.2 - 1.2).exp()
    error = network(x0 + sigma * torch.randn_like(x0), sigma) - x0
    accelerator.backward(((sigma**2 + 0.25) / (0.5 * sigma) ** 2 * error**2).mean())
    optimizer.step()
    optimizer.zero_grad()
    average.update_parameters(accelerator.unwrap_model(network))
    if stops(average, seen):
        break
before = stops.watch.record.before
accelerator.print(f"{weights} is the model after {before and before.seen:,} pictures")
