"""One held-out picture under ten noise levels, as a network and the two closed forms answer it.

    python examples/03_denoise_one_picture.py [MODEL] [OUT.png]

MODEL: a run of `denoscope train` (default: the bundled model of 4,000 digits). Writes a grid, from high noise
on the left to low noise on the right: what was shown, the network, the Gaussian, the multi-delta.
"""

import sys

import torch
from PIL import Image

import denoscope as ds

model = ds.describe_model(sys.argv[1] if len(sys.argv) > 1 else "bundled:mnist-4000")
out = sys.argv[2] if len(sys.argv) > 2 else "one-picture.png"
assert model.record is not None, "give a run of ours: it knows its training pictures"

data = model.record.data
train, held_out = data.split(ds.open_images(data.where, size=data.size))
denoisers = {
    "network": model.denoiser,
    "gaussian": ds.GaussianDenoiser.fit(train),
    "multi-delta": ds.MultiDeltaDenoiser(train),
}
x0 = held_out.floats(slice(0, 1))
eps = ds.noise.noise(held_out.ids[:1].tolist(), train.shape, seed=0, stream="held_out")

rows: dict[str, list[torch.Tensor]] = {name: [] for name in ("shown", *denoisers)}
print("sigma   " + "  ".join(f"{name:>11}" for name in denoisers) + "   RMSE to the clean picture")
for sigma in ds.karras_levels(10).tolist():
    x = x0 + sigma * eps
    rows["shown"].append(x)
    for name, denoiser in denoisers.items():
        rows[name].append(denoiser(x, torch.tensor([sigma])))
    errors = (float((rows[name][-1] - x0).square().mean().sqrt()) for name in denoisers)
    print(f"{sigma:7.3f} " + "  ".join(f"{error:11.4f}" for error in errors))

strips = [torch.cat([picture[0] for picture in row], dim=2) for row in rows.values()]
grid = ((torch.cat(strips, dim=1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
pixels = grid.permute(1, 2, 0).numpy()
image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
image.resize((image.width * 3, image.height * 3), Image.Resampling.NEAREST).save(out)
print(f"from the top: {', '.join(rows)}; in {out}")
