"""Eight consequences of the definitions that a reader of the paper must know, each shown by numbers.

They are not in the paper. Each says where a measurement would mislead, and is checked like a figure.
"""

from denoscope.paper.traps import (
    ceiling,
    held_out,
    high_length,
    high_noise,
    memory_linearity,
    memory_model,
    rank,
    weights,
)

__all__ = ["TRAPS"]

TRAPS = (
    held_out.TRAP,
    rank.TRAP,
    ceiling.TRAP,
    high_noise.TRAP,
    weights.TRAP,
    memory_linearity.TRAP,
    memory_model.TRAP,
    high_length.TRAP,
)
