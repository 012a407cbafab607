"""Small audits of closed forms of digits, each made once."""

import functools
import sys
from pathlib import Path

import pytest
import torch

from denoscope.auditing import audit
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec

sys.path.insert(0, str(Path(__file__).parent))  # for planted_mistakes


@pytest.fixture(scope="session")
def planted():
    """planted(function, levels=None): a denoiser of digits' shape from a function of x, sigma."""

    def make(function, levels=None):
        return FunctionDenoiser(function, Spec("planted", (1, 8, 8), levels=levels))

    return make


@pytest.fixture(scope="session")
def small_sets(digits):
    """(train, held_out): 64 digits to learn from, 40 others."""
    train, held_out = digits.split(64, seed=0)
    return train, held_out.take(range(40))


@pytest.fixture(scope="session")
def audit_of(small_sets):
    """audit_of("gaussian" | "multi_delta" | "between"): 24 pictures, 12 samples, made once."""
    train, held_out = small_sets
    gaussian, delta = GaussianDenoiser.fit(train), MultiDeltaDenoiser(train)
    denoisers = {
        "gaussian": gaussian,
        "multi_delta": delta,
        "between": FunctionDenoiser(
            lambda x, sigma: (gaussian(x, sigma.reshape(-1)) + delta(x, sigma.reshape(-1))) / 2,
            Spec("between", (1, 8, 8)),
        ),
    }

    @functools.cache
    def make(name, batch=64, held=True, repeat=0):
        with torch.no_grad():
            return audit(
                denoisers[name],
                train,
                held_out if held else None,
                pictures=24,
                samples=12,
                batch=batch,
            )

    return make
