import math

import numpy as np
import pytest
import torch

from denoscope.errors import InputError
from denoscope.metrics import psnr, rmse, score_error, score_error_norm_ratio


def pair(dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(6, 3, 5, 4, generator=generator, dtype=dtype) for _ in range(2))


def slow_rmse(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    return np.array(
        [math.sqrt(sum((u - v) ** 2 for u, v in zip(p.flat, q.flat, strict=True)) / p.size)
         for p, q in zip(a, b, strict=True)]
    )  # fmt: skip


@pytest.mark.parametrize("metric", [rmse, score_error])
def test_rmse_against_a_sum_pixel_by_pixel(metric):
    a, b = pair()
    value = metric(a, b)
    assert value.dtype == torch.float64
    torch.testing.assert_close(value.numpy(), slow_rmse(a, b), rtol=1e-12, atol=0)


def test_psnr_is_that_of_a_range_of_two():
    a, b = pair()
    expected = [10 * math.log10(4 / r**2) for r in slow_rmse(a, b)]
    torch.testing.assert_close(psnr(a, b).tolist(), expected, rtol=1e-12, atol=0)
    assert torch.isinf(psnr(a, a)).all()


def test_float32_inputs_are_accumulated_in_float64():
    ones = torch.ones(1, 1, 2048, 2048)
    value = rmse(ones * 1e-4, torch.zeros_like(ones))
    torch.testing.assert_close(value.item(), float(np.float32(1e-4)), rtol=1e-12, atol=0)


def test_norm_ratio_divides_by_the_first_and_does_not_square():
    a, b = pair()
    x, y = a.double().numpy().reshape(6, -1), b.double().numpy().reshape(6, -1)
    expected = np.linalg.norm(x - y, axis=1) / np.linalg.norm(x, axis=1)
    torch.testing.assert_close(score_error_norm_ratio(a, b).numpy(), expected, rtol=1e-12, atol=0)
    assert not torch.allclose(score_error_norm_ratio(a, 2 * b), score_error_norm_ratio(2 * b, a))


@pytest.mark.parametrize("metric", [rmse, psnr, score_error, score_error_norm_ratio])
def test_shapes_must_agree(metric):
    a, b = pair()
    with pytest.raises(InputError, match="one shape"):
        metric(a, b[:3])
    with pytest.raises(InputError, match="one a row"):
        metric(a.flatten(), b.flatten())
