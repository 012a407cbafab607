"""Floats as sums of int8 slices, against the same products in float64."""

import pytest
import torch

from denoscope.closed_form.slices import LEFT, MOST, byte_digits, digit_sums, sliced


def pictures(n: int, d: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(-128, 128, (n, d), dtype=torch.int8, generator=generator)


def rows() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(40, generator=generator).double()
    whole = torch.randint(-128, 128, (40,), generator=generator).double()
    return {
        "pictures": whole,
        "both ends": torch.tensor([-128.0, 127.0] * 20).double(),
        "halves": whole + 0.5,
        "noise": 1e4 * random,
        "small": 1e-9 * random,
        "one large": torch.cat([random[:39], torch.tensor([1e6]).double()]),
        "zeros": torch.zeros(40).double(),
        "positive": random.abs() + 128,
    }


@pytest.mark.parametrize("name", rows())
def test_slices_add_up_to_the_row_but_for_what_is_said_to_be_left(name):
    z = rows()[name][None]
    found = sliced(z)
    back = (found.slices.double() * found.steps.double()[..., None]).sum(0)
    # Steps beyond the first are rounded to float32, which a product's float32 sum does anyway.
    rounding = 2**-24 * found.steps[0].double() * z.shape[1] ** 0.5
    off = torch.linalg.vector_norm(z - back, dim=1)
    assert bool((off <= found.left + rounding).all())
    largest = float(z.abs().max())
    assert float(found.left) <= LEFT * largest * z.shape[1] ** 0.5
    assert len(found.slices) == (1 if name in ("pictures", "both ends", "zeros") else MOST)


def test_products_are_those_of_float64_to_the_bound():
    z, u = torch.stack(list(rows().values())), pictures(23, 40)
    found = sliced(z)
    got = found.products(u, torch.empty(len(z), len(u)))
    off = (got.double() - z @ u.double().T).abs()
    sizes = torch.linalg.vector_norm(u.double(), dim=1)
    z_sizes = torch.linalg.vector_norm(z, dim=1)
    assert bool((off <= (found.left + 8 * 2**-24 * z_sizes)[:, None] * sizes).all())
    assert bool((off > 0).any())  # a bound that could not fail would say nothing


@pytest.mark.parametrize("count", [2, 3])
def test_weights_in_bytes_are_off_by_less_than_a_step_and_cut_off_at_one(count):
    generator = torch.Generator().manual_seed(2)
    weights = torch.rand(5, 300, generator=generator) ** 8
    weights[0, 0], weights[1, 1], weights[2, 2] = 1.0, 3.0, 0.0
    u = pictures(300, 40)
    digits = torch.empty(count, 5, 300, dtype=torch.int8)
    byte_digits(weights.clone(), torch.rand(300, generator=generator), digits)
    products = (digits.flatten(0, 1).long() @ u.long()).int()
    got = digit_sums(products, u.sum(0, dtype=torch.int32), count)
    values = ((digits.double() + 128) * 256.0 ** torch.arange(count)[:, None, None]).sum(0)
    values /= 256**count - 1
    torch.testing.assert_close(got, values @ u.double(), rtol=1e-12, atol=1e-9)
    off = (values - weights.double().clamp(max=1)).abs()
    float32 = 2**-24 * weights.double()  # of weight times unit
    assert bool((off <= 1 / (256**count - 1) + float32).all())


def test_weights_below_a_step_are_kept_on_average():
    """Rounded to the nearest they would all be 0."""
    generator = torch.Generator().manual_seed(3)
    weights, draws = torch.full((1, 100_000), 2e-6), torch.rand(100_000, generator=generator)
    digits = torch.empty(2, 1, 100_000, dtype=torch.int8)
    byte_digits(weights, draws, digits)
    ones = torch.ones(100_000, 1, dtype=torch.int64)
    total = digit_sums((digits[:, 0].long() @ ones).int(), torch.tensor([100_000]), 2)
    assert float(total) == pytest.approx(0.2, rel=0.02)
