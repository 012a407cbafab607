"""Layers linearised at a point: both products against torch's own derivatives, and values untouched."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from denoscope.metrics.linearised_layers import LinearisedLayers

LAYERS = {
    "plain": nn.Conv2d(4, 6, 3, padding=1),
    "strided": nn.Conv2d(4, 6, 3, stride=2, padding=1),
    "grouped, dilated": nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False),
    "padded by name": nn.Conv2d(4, 6, 3, padding="same"),
    "silu": nn.SiLU(),
    "group norm": nn.GroupNorm(2, 4),
    "group norm without weights": nn.GroupNorm(2, 4, affine=False),
    "one after the other": nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 4, 1)
    ),
}


@pytest.mark.parametrize("copies", [False, True], ids=["different rows", "copies"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_both_products_are_those_of_the_jacobian(layer, copies):
    generator = torch.Generator().manual_seed(0)
    layer = layer.double()
    for parameter in layer.parameters():  # a group norm's start at 1 and 0
        nn.init.normal_(parameter, generator=generator)
    x = torch.randn(2, 4, 6, 6, generator=generator, dtype=torch.float64)
    if copies:
        x[1] = x[0]
    expected = torch.func.jacrev(layer)(x).flatten(0, layer(x).ndim - 1).flatten(1)
    at = x.clone().requires_grad_()
    with LinearisedLayers():
        value = layer(at)
    assert torch.allclose(value, layer(x), atol=1e-12)
    u = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    v = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    cotangent = torch.zeros_like(value, requires_grad=True)
    (gradient,) = torch.autograd.grad(value, at, cotangent, create_graph=True)
    (pulled,) = torch.autograd.grad(value, at, u, retain_graph=True)
    (pushed,) = torch.autograd.grad(gradient, cotangent, v)
    assert torch.allclose(pulled.flatten(), expected.T @ u.flatten(), atol=1e-10)
    assert torch.allclose(pushed.flatten(), expected @ v.flatten(), atol=1e-10)


def test_other_layers_are_torchs_own():
    x = torch.randn(1, 2, 3, 3)
    with LinearisedLayers():
        assert torch.equal(functional.relu(x), x.clamp(min=0))
        assert torch.equal(functional.silu(x.clone(), inplace=True), functional.silu(x))
