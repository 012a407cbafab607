"""Driver of test_kill.py: trains unbroken, then again in children that die by SIGKILL.

Children are forked, so torch is imported once. Kill points are moments in the child's own program
(half a state file written, before a rename, half a log line) or, for a random moment, a number of
reports that the parent waits for.
"""

import builtins
import json
import os
import random
import signal
import sys
from pathlib import Path

import torch

torch.set_num_threads(1)

from denoscope.images import open_images  # noqa: E402
from denoscope.networks import NetworkSettings  # noqa: E402
from denoscope.training import DataRecord, TrainSettings, folder, loop, state, train  # noqa: E402

loop.STATE_SECONDS = -1.0  # a state at every report
base = Path(sys.argv[1])
digits = open_images("digits")
record = DataRecord.of(digits, 64, where="digits")
pictures = record.split(digits)[0]
network = NetworkSettings(
    arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1, attention=(), dropout=0.1
)
settings = TrainSettings(network=network, kimg=0.16, batch=4, snapshots_kimg=(0.04, 0.1))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_file(calls):
    """At the n-th file of tensors: half of it is written, then the end."""
    whole, left = state.save_file, [calls]

    def save_file(tensors, path, metadata):
        whole(tensors, path, metadata=metadata)
        left[0] -= 1
        if not left[0]:
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])
            die()

    state.save_file = save_file


def before_rename(calls):
    whole, left = os.replace, [calls]

    def replace(one, two):
        left[0] -= 1
        die() if not left[0] else whole(one, two)

    os.replace = replace


def after_rename(calls):
    whole, left = os.replace, [calls]

    def replace(one, two):
        whole(one, two)
        left[0] -= 1
        if not left[0]:
            die()

    os.replace = replace


def half_a_line(calls):
    left = [calls]

    def append_log(path, **values):
        left[0] -= 1
        line = json.dumps(values) + "\n"
        with builtins.open(path, "a") as file:
            file.write(line if left[0] else line[: len(line) // 2])
        if not left[0]:
            die()

    loop.append_log = append_log


def child(arrange, out, pipe):
    arrange()
    for _ in train(settings, pictures, out, data=record, resume=True):
        os.write(pipe, b".")
    os._exit(7)  # it must not come here


draw = random.Random(int(sys.argv[2]))
plan = [
    (lambda: before_rename(1), 0),  # run.json is not there yet
    (lambda: half_a_file(1), 0),  # the very first state
    (lambda: half_a_line(2), 0),
    (lambda: half_a_file(draw.randint(3, 6)), 0),
    (lambda: None, draw.randint(1, 6)),
    (lambda: before_rename(draw.randint(4, 8)), 0),
    (lambda: after_rename(draw.randint(4, 8)), 0),
    (lambda: None, draw.randint(1, 6)),
]
list(train(settings, pictures, base / "unbroken", data=record))
for arrange, reports in plan:
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        try:
            child(arrange, base / "broken", write)
        finally:
            os._exit(8)
    os.close(write)
    if reports:
        for _ in range(reports):
            os.read(read, 1)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(read)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    saved = folder.state_path(base / "broken")
    step = state.read_progress(saved)["step"] if saved.exists() else 0
    sys.stdout.write(f"killed; state at step {step}\n")
list(train(settings, pictures, base / "broken", data=record, resume=True))
