"""Train a small network on a few digits and ask whether it memorized them.

    python examples/02_train_and_audit.py [RUN] [KIMG]

RUN: where the run goes (default runs/digits-32); killed and started again, it goes on where it was.
KIMG: thousands of pictures to show it (default 96, some minutes; try 4 and look at the verdict).
"""

import sys
from pathlib import Path

import denoscope as ds
from denoscope.training import DataRecord

run = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/digits-32")
kimg = float(sys.argv[2]) if len(sys.argv) > 2 else 96

pictures = ds.open_images("digits")
train, held_out = pictures.split(32, seed=0)
network = ds.NetworkSettings(
    arch="ddpmpp",
    shape=pictures.shape,
    width=32,
    multipliers=(1, 2),
    blocks=1,
    attention=(),
    dropout=0,
)
settings = ds.TrainSettings(network=network, kimg=kimg, batch=16)
data = DataRecord.of(
    pictures, n=32, where="digits"
)  # so that `denoscope audit RUN` knows its pictures

for progress in ds.train(settings, train, run, data=data, resume=True):
    if progress.pictures % 1000 < settings.batch:
        print(f"{progress.pictures:,} of {progress.total:,} pictures, loss {progress.loss:.3f}")

audit = ds.audit(ds.open_denoiser(run), train, held_out, pictures=100, samples=60)
print(f"{audit.verdict.label} ({audit.verdict.confidence:.0%})")
for reason in audit.verdict.reasons:
    print(f"  {reason.signal}: {reason.vote}. {reason.text}")
