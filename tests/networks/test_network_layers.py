"""The layers against slow, obvious formulas."""

import pytest
import torch
from torch.nn import functional

from denoscope.networks.dropout import dropout
from denoscope.networks.layers import (
    FourierEmbedding,
    GroupNorm,
    PositionalEmbedding,
    ResamplingConv,
    UniformInit,
    group_count,
)
from denoscope.networks.residual_block import BlockStyle, ResidualBlock

INIT = UniformInit("mean", bias_gain=1.0)


def filtered(x, taps, resample, padding):
    """Every channel times the outer product of the taps, of gain 1 down and 4 up, by loops."""
    taps = torch.tensor(taps, dtype=x.dtype)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    size = len(taps)
    if resample == "down":
        padded = functional.pad(x, (padding,) * 4)
        rows = (padded.shape[2] - size) // 2 + 1
        columns = (padded.shape[3] - size) // 2 + 1
        result = x.new_zeros(*x.shape[:2], rows, columns)
        for i in range(rows):
            for j in range(columns):
                patch = padded[:, :, 2 * i : 2 * i + size, 2 * j : 2 * j + size]
                result[:, :, i, j] = (patch * kernel).sum((2, 3))
        return result
    height, width = x.shape[2:]
    full = x.new_zeros(*x.shape[:2], 2 * height + size - 2, 2 * width + size - 2)
    for i in range(height):
        for j in range(width):
            full[:, :, 2 * i : 2 * i + size, 2 * j : 2 * j + size] += (
                4 * kernel * x[:, :, i : i + 1, j : j + 1]
            )
    return full[:, :, padding : padding + 2 * height, padding : padding + 2 * width]


@pytest.mark.parametrize("taps", [(1, 1), (1, 3, 3, 1)])
@pytest.mark.parametrize("resample", ["up", "down"])
@pytest.mark.parametrize("kernel", [0, 1, 3])
def test_resampling_then_convolution(taps, resample, kernel):
    layer = ResamplingConv(3, 3 if not kernel else 5, kernel, INIT, resample, taps).double()
    x = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    expected = filtered(x, taps, resample, (len(taps) - 1) // 2)
    if kernel:
        expected = functional.conv2d(expected, layer.weight, layer.bias, padding=kernel // 2)
    # the filter is kept in single precision, and its taps are dyadic: exact
    torch.testing.assert_close(layer(x), expected)


def test_convolution_then_filter():
    taps = (1, 3, 3, 1)
    layer = ResamplingConv(3, 5, 3, INIT, "down", taps, filter_last=True).double()
    x = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    full = functional.conv2d(x, layer.weight, layer.bias, padding=2)
    torch.testing.assert_close(layer(x), filtered(full, taps, "down", 0))


@pytest.mark.parametrize(
    ("channels", "groups"), [(4, 1), (8, 2), (36, 9), (128, 32), (144, 24), (384, 32), (3, 1)]
)
def test_group_count(channels, groups):
    assert group_count(channels) == groups


def test_group_norm():
    layer = GroupNorm(8, eps=1e-6)
    y = layer(3 + 2 * torch.randn(2, 8, 5, 5)).unflatten(1, (2, 4))
    torch.testing.assert_close(y.mean((2, 3, 4)), torch.zeros(2, 2), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var((2, 3, 4), correction=0), torch.ones(2, 2), rtol=0, atol=1e-5)


def test_positional_embedding():
    x = torch.tensor([0.5, -2.0], dtype=torch.float64)
    cosines, sines = PositionalEmbedding(8, endpoint=True)(x)
    for k in range(4):
        torch.testing.assert_close(cosines[:, k], (x * 10000 ** (-k / 3)).cos())
        torch.testing.assert_close(sines[:, k], (x * 10000 ** (-k / 3)).sin())
    cosines, _ = PositionalEmbedding(8, endpoint=False)(x)
    torch.testing.assert_close(cosines[:, 1], (x * 10000 ** (-1 / 4)).cos())


def test_fourier_embedding():
    layer = FourierEmbedding(8).double()
    x = torch.tensor([0.5, -2.0], dtype=torch.float64)
    cosines, sines = layer(x)
    torch.testing.assert_close(cosines, (2 * torch.pi * x[:, None] * layer.freqs).cos())
    torch.testing.assert_close(sines, (2 * torch.pi * x[:, None] * layer.freqs).sin())


@pytest.mark.parametrize(("channels_per_head", "heads"), [(None, 1), (4, 2)])
def test_attention_is_softmax_of_scaled_products(channels_per_head, heads):
    style = BlockStyle(
        embedding=4,
        dropout=0,
        init=INIT,
        init_last=INIT,
        init_attention=INIT,
        eps=1e-6,
        skip_scale=1,
        adaptive_scale=False,
        project_resampled=True,
        channels_per_head=channels_per_head,
    )
    block = ResidualBlock(8, 8, style, attention=True).double()
    x = torch.randn(2, 8, 2, 3, dtype=torch.float64)
    qkv = block.qkv(x).reshape(2, heads, 8 // heads, 3, 6)
    expected = torch.zeros(2, heads, 8 // heads, 6, dtype=torch.float64)
    for b in range(2):
        for head in range(heads):
            q, k, v = (qkv[b, head, :, part] for part in range(3))
            for pixel in range(6):
                weights = (k.T @ q[:, pixel] / (8 // heads) ** 0.5).softmax(0)
                expected[b, head, :, pixel] = v @ weights
    torch.testing.assert_close(block.attended(x), expected.reshape(2, 8, 2, 3))


@pytest.mark.parametrize("probability", [1e-4, 0.13, 0.5, 0.99])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_dropout(probability, dtype):
    torch.manual_seed(0)
    x = torch.ones(1001, 997, dtype=dtype)
    y = dropout(x, probability)
    rate = (y == 0).double().mean().item()
    error = (probability * (1 - probability) / x.numel()) ** 0.5
    assert abs(rate - probability) < 5 * error + 2**-17
    kept = y[y != 0]
    assert (kept == kept[0]).all()
    assert kept[0].item() == pytest.approx(1 / (1 - probability), rel=1e-2)


def test_dropped_elements_are_independent():
    torch.manual_seed(0)
    dropped = (dropout(torch.ones(50_000, 6), 0.3) == 0).double()
    correlations = torch.corrcoef(dropped.T) - torch.eye(6, dtype=torch.float64)
    assert correlations.abs().max() < 5 / 50_000**0.5


def test_dropout_gradient_is_the_mask():
    x = torch.randn(7, 5, requires_grad=True)
    y = dropout(x, 0.5)
    y.sum().backward()
    torch.testing.assert_close(x.grad * x.detach(), y.detach())
    assert dropout(x, 0.0) is x
