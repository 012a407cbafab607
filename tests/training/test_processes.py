"""Two processes under accelerate: one run folder, the weights of one process up to rounding.

Started by torchrun: `accelerate launch --cpu` starts one process only, unless by mpirun.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import denoscope
from denoscope.training import train, untrained

SOURCE = Path(denoscope.__file__).parents[1]
SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from denoscope.images import open_images
from denoscope.training import RunRecord, train
record = RunRecord.model_validate_json(Path(sys.argv[1]).read_text())
pictures = record.data.split(open_images("digits"))[0]
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
assert accelerator.num_processes == 2
for progress in train(record.settings, pictures, Path(sys.argv[2]), data=record.data, accelerator=accelerator):
    pass
accelerator.end_training()
"""


def away(one, two):
    return sum(float((one[n] - two[n]).double().square().sum()) for n in one) ** 0.5


@pytest.mark.slow
def test_two_processes_train_one_run(tmp_path, settings_of, pictures, record):
    settings = settings_of(augment="flip", warmup_kimg=0.0)
    list(train(settings, pictures, tmp_path / "one", data=record))
    (tmp_path / "two.py").write_text(SCRIPT)
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--standalone", "--nproc_per_node", "2"),
            *(tmp_path / "two.py", tmp_path / "one" / "run.json", tmp_path / "two"),
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr[-3000:]
    files = [
        sorted(str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).rglob("*.*"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    # The same pictures, levels and noise; sums run in another order. Measured against the way
    # the averaged weights have gone, which a share of the rate in every weight would fill.
    start = untrained(settings).state_dict()
    assert away(one, two) < 1e-3 * away(one, start)
    assert all(bool(torch.isfinite(value).all()) for value in two.values())
