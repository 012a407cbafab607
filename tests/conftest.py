"""What all tests share.

The rooms that hold tensors are imported under jaxtyping's hook with beartype, so the shapes and
types written in their signatures are checked in each call a test makes (signature_checks.py says
how). Nothing is seeded globally: a test that draws says from which seed.
"""

import os

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before torch loads; programs that a test starts inherit it
    os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Not tables, report and cli: they hold no tensors, and beartype refuses polars' type of types.
TENSOR_ROOMS = [
    "noise",
    "denoiser",
    "parametrisations",
    "images",
    "closed_form",
    "networks",
    "sampling",
    "metrics",
    "training",
    "checkpoints",
    "distillation",
    "auditing",
]
install_import_hook([f"denoscope.{room}" for room in TENSOR_ROOMS], "signature_checks.on_return")

# No deadline: the cores are shared with other workers. In CI the same examples every time.
hypothesis.settings.register_profile(
    "denoscope", deadline=None, derandomize=bool(os.environ.get("CI")), database=None
)
hypothesis.settings.load_profile("denoscope")


@pytest.fixture(scope="session")
def digits():
    """All 1,797 of scikit-learn's digits, as Pictures: uint8 (N, 1, 8, 8)."""
    from denoscope.images import open_images

    return open_images("digits")


@pytest.fixture(scope="session")
def few_digits(digits):
    """(train, held_out): 64 digits to learn from, 64 others."""
    train, held_out = digits.split(64, seed=0)
    return train, held_out.take(range(64))
