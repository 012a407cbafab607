"""A remark where bf16 is slower than fp32: as on processors without fast instructions for it."""

import time

from denoscope.cli.speech import Voice

__all__ = ["bf16_cost", "remark_on_precision"]

SLOWER = 1.2  # less is not worth a remark


def remark_on_precision(voice: Voice, precision: str, device: str) -> None:
    """Say it where bf16 was asked and this processor is slower at it. The work goes on."""
    if precision == "bf16" and device == "cpu" and (cost := bf16_cost()) > SLOWER:
        voice.say(
            f"bf16 takes {cost:.2g} times as long as fp32 on this processor, by one convolution: "
            "--precision fp32 is faster here"
        )


def bf16_cost() -> float:
    """Time of a small convolution in bf16 over that in fp32 on the CPU, the least of five each."""
    import torch

    times = []
    for dtype in (torch.float32, torch.bfloat16):
        x, weight = torch.ones(4, 32, 16, 16, dtype=dtype), torch.ones(32, 32, 3, 3, dtype=dtype)
        tries = []
        for _ in range(5):
            started = time.perf_counter()
            torch.conv2d(x, weight, padding=1)
            tries.append(time.perf_counter() - started)
        times.append(min(tries))
    return times[1] / times[0]
