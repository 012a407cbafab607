"""Driver of test_watched_kill.py: a watched run unbroken, then again in children that die by SIGKILL.

Children are forked, so torch is imported once. They die at the n-th rename of a file (a state, a snapshot, a
look, the weights), before or after it, or where a snapshot is about to be deleted.
"""

import os
import random
import signal
import sys
from pathlib import Path

import torch

torch.set_num_threads(1)

from denoscope.auditing import MemorizationWatch, train_watched  # noqa: E402
from denoscope.images import open_images  # noqa: E402
from denoscope.networks import NetworkSettings  # noqa: E402
from denoscope.tables import Look, Verdict  # noqa: E402
from denoscope.training import DataRecord, TrainSettings, loop  # noqa: E402

loop.STATE_SECONDS = -1.0  # a state at every report
base = Path(sys.argv[1])
digits = open_images("digits")
record = DataRecord.of(digits, 4, where="digits")
train_set, held_out = record.split(digits)
network = NetworkSettings(
    arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=(), dropout=0.1
)
settings = TrainSettings(network=network, kimg=0.3, batch=4, snapshots_kimg=(0.064,))


def look(self, denoiser, seen):
    """A look that costs nothing: onset after 180 pictures; its confidence is one of the weights."""
    label = "transitional" if seen > 180 else "generalizing"
    weight = next(denoiser.network.parameters()).flatten()[0]
    sure = float(weight.abs().clamp(max=1))
    self.looks.append(Look(seen=seen, verdict=Verdict(label=label, confidence=sure)))
    return self.looks[-1]


MemorizationWatch.look = look  # type: ignore[method-assign]


def run(out):
    for _ in train_watched(settings, train_set, held_out, out, data=record, resume=True):
        pass


def dies(name, calls, *, after):
    """os.NAME dies at its n-th call, before or after it has done its work."""
    whole, left = getattr(os, name), [calls]

    def last(*words, **more):
        left[0] -= 1
        if not left[0] and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*words, **more)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, last)


def unlinking(self, missing_ok=False):
    if self.suffix == ".safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
    os.path.exists(self) and os.unlink(self)


draw = random.Random(int(sys.argv[2]))
run(base / "unbroken")
killed = 0
while True:
    pid = os.fork()
    if not pid:
        if draw.random() < 0.2:
            Path.unlink = unlinking  # type: ignore[method-assign]
        else:
            dies("replace", draw.randint(1, 14), after=draw.random() < 0.5)
        run(base / "broken")
        os._exit(0)
    draw.random(), draw.randint(1, 14), draw.random()  # the parent draws on
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    killed += 1
    if killed > 60:
        run(base / "broken")
        break
sys.stdout.write(f"killed {killed} times\n")
