"""What tests of distillation share: digits to learn from, digits to distil on, fits of a given size."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fitting


@pytest.fixture(scope="session")
def learned(digits):
    """64 digits: what a denoiser of the tests was made of."""
    return digits.split(64, seed=0)[0]


@pytest.fixture(scope="session")
def others(digits):
    """400 digits that it was not made of."""
    return digits.split(64, seed=0)[1].take(range(400))
