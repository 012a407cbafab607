import math

import pytest
import torch

from denoscope.networks import NetworkSettings, build_network
from networks.small_networks import ARCHITECTURES, noisy, small_network

every_arch = pytest.mark.parametrize("arch", ARCHITECTURES)


@every_arch
@pytest.mark.parametrize("side", [8, 16, 28])
def test_result_is_like_x(arch, side):
    network = small_network(arch, side)
    x, sigma = noisy(3, side)
    assert network(x, sigma).shape == x.shape
    assert network(x, sigma[:1]).dtype == torch.float32


@every_arch
def test_dtypes(arch):
    network = small_network(arch)
    x, sigma = noisy(2)
    exact = network(x, sigma)
    assert network(x.double(), sigma.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(x, sigma)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.05 * exact.norm()
    rough = network.bfloat16()(x, sigma)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.1 * exact.norm()


@every_arch
def test_a_batch_is_its_pictures_one_at_a_time(arch):
    network = small_network(arch, label_dim=3, augment_dim=4)
    x, sigma = noisy(4)
    labels, augment = torch.eye(3)[[0, 2, 1, 1]], torch.randn(4, 4)
    together = network(x, sigma, labels, augment)
    for i in range(4):
        one = slice(i, i + 1)
        alone = network(x[one], sigma[one], labels[one], augment[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)


@every_arch
def test_one_sigma_and_one_label_serve_all(arch):
    network = small_network(arch, label_dim=3)
    x, sigma = noisy(3)
    label = torch.eye(3)[1:2]
    shared = network(x, sigma[:1], label)
    spread = network(x, sigma[:1].expand(3), label.expand(3, -1))
    torch.testing.assert_close(shared, spread, rtol=1e-4, atol=1e-5)


@every_arch
def test_labels_and_augmentation_matter_and_none_is_zero(arch):
    network = small_network(arch, label_dim=3, augment_dim=4)
    x, sigma = noisy(2)
    plain = network(x, sigma)
    torch.testing.assert_close(plain, network(x, sigma, torch.zeros(2, 3), torch.zeros(2, 4)))
    assert (network(x, sigma, torch.eye(3)[:2]) - plain).abs().max() > 1e-3
    assert (network(x, sigma, None, torch.ones(2, 4)) - plain).abs().max() > 1e-3


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own call
@every_arch
def test_forward_mode_derivative_is_the_slope(arch):
    network = small_network(arch, width=64 if arch == "adm" else 8, attention=(8,)).double()
    x, sigma = noisy(2, dtype=torch.float64)
    direction = torch.randn_like(x)

    def denoise(y):
        return network(y, sigma)

    value, derivative = torch.func.jvp(denoise, (x,), (direction,))
    torch.testing.assert_close(value, denoise(x))
    step = 1e-5
    slope = (denoise(x + step * direction) - denoise(x - step * direction)) / (2 * step)
    torch.testing.assert_close(derivative, slope, rtol=1e-5, atol=1e-6)

    # reverse mode is its transpose, and works under vmap
    cotangents = torch.randn(2, *x.shape, dtype=x.dtype)
    _, pull = torch.func.vjp(denoise, x)
    (pulled,) = torch.func.vmap(pull)(cotangents)
    torch.testing.assert_close(
        (pulled * direction).flatten(1).sum(1), (cotangents * derivative).flatten(1).sum(1)
    )


@every_arch
def test_functional_gradients_of_the_weights(arch):
    network = small_network(arch)
    x, sigma = noisy(2)

    def loss(parameters):
        return torch.func.functional_call(network, parameters, (x, sigma)).square().mean()

    parameters = dict(network.named_parameters())
    gradients = torch.func.grad(loss)(parameters)
    loss(parameters).backward()
    for name, parameter in parameters.items():
        torch.testing.assert_close(gradients[name], parameter.grad)
        assert parameter.grad.abs().sum() > 0, name


@every_arch
def test_inputs_and_weights_are_left_alone(arch):
    network = small_network(arch).train()
    x, sigma = noisy(2)
    x_before, sigma_before = x.clone(), sigma.clone()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network(x, sigma)
    assert torch.equal(x, x_before)
    assert torch.equal(sigma, sigma_before)
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_dropout_is_for_training_alone():
    network = small_network("ddpmpp", dropout=0.5)
    x, sigma = noisy(2)
    assert torch.equal(network(x, sigma), network(x, sigma))
    network.train()
    assert not torch.equal(network(x, sigma), network(x, sigma))


@pytest.mark.parametrize(
    ("arch", "side", "label_dim", "augment_dim", "parameters"),
    [
        # counted in the published networks: CIFAR-10, FFHQ / AFHQ 64x64, ImageNet 64x64
        ("ddpmpp", 32, 0, 9, 55_733_891),
        ("ncsnpp", 32, 10, 9, 56_400_643),
        ("ddpmpp", 64, 0, 9, 61_805_571),
        ("ncsnpp", 64, 0, 9, 62_761_091),
        ("adm", 64, 1000, 0, 295_899_267),
    ],
)
def test_the_defaults_are_the_published_networks(arch, side, label_dim, augment_dim, parameters):
    settings = NetworkSettings(
        arch=arch, shape=(3, side, side), label_dim=label_dim, augment_dim=augment_dim
    )
    with torch.device("meta"):
        network = build_network(settings)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@every_arch
def test_initialization(arch):
    torch.manual_seed(0)
    network = build_network(
        NetworkSettings(
            arch=arch, shape=(3, 16, 16), width=64, blocks=1, label_dim=12, augment_dim=9
        )
    ).model
    weights = dict(network.named_parameters())

    def deviation(name):
        return weights[name].std().item()

    def assert_uniform(name, fan, gain=1.0):
        bound = gain * math.sqrt(3 / fan)
        assert weights[name].abs().max() <= bound
        assert deviation(name) == pytest.approx(bound / math.sqrt(3), rel=0.05)

    block = "dec.4x4_in0" if arch != "ncsnpp" else "enc.16x16_block0"
    channels = weights[f"{block}.conv1.weight"].shape[0]
    assert (weights[f"{block}.norm0.weight"] == 1).all()
    if arch == "adm":
        gain = 3**-0.5
        assert_uniform("map_layer0.weight", 64, gain)
        assert_uniform("map_layer1.bias", 256, gain)
        assert_uniform(f"{block}.conv0.weight", 9 * channels, gain)
        assert_uniform(f"{block}.qkv.weight", channels, gain)
        assert deviation("map_label.weight") == pytest.approx(1, rel=0.05)
        for name in ("out_conv.weight", "out_conv.bias", f"{block}.conv1.weight"):
            assert not weights[name].any()
        assert not weights["map_augment.weight"].any()
    else:
        noise = 64 if arch == "ddpmpp" else 128
        assert_uniform("map_layer0.weight", (noise + 256) / 2)
        assert_uniform("map_label.weight", (12 + noise) / 2)
        assert_uniform("map_augment.weight", (9 + noise) / 2)
        assert not weights["map_layer1.bias"].any()
        assert_uniform(f"{block}.conv1.weight", 9 * channels, 1e-5)
        assert_uniform("dec.16x16_aux_conv.weight", 9 * (128 + 3) / 2, 1e-5)
        assert_uniform("dec.4x4_in0.qkv.weight", 2 * 128, math.sqrt(0.2))
    if arch == "ncsnpp":
        assert network.map_noise.freqs.std().item() == pytest.approx(16, rel=0.3)
