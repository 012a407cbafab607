import math

import pytest
import torch

from denoscope.networks import DiT, NetworkSettings, build_network
from denoscope.networks.dit import DiTBlock, grid_positions
from denoscope.networks.settings import HAS
from networks.small_networks import (
    ARCHITECTURES,
    BLIND,
    LABELLED,
    U_NETS,
    noisy,
    small_network,
)

every_arch = pytest.mark.parametrize("arch", ARCHITECTURES)
u_nets = pytest.mark.parametrize("arch", U_NETS)


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


def told(arch, rows):
    """The labels and augmentations that an architecture knows, and the settings that say so."""
    settings, words = {}, [None, None]
    if "label_dim" in HAS[arch]:
        settings["label_dim"], words[0] = 3, torch.eye(3)[torch.arange(rows) % 3]
    if "augment_dim" in HAS[arch]:
        settings["augment_dim"], words[1] = 4, torch.randn(rows, 4)
    return settings, words


@every_arch
def test_a_batch_is_its_pictures_one_at_a_time(arch):
    settings, words = told(arch, 4)
    network = small_network(arch, **settings)
    x, sigma = noisy(4)
    together = network(x, sigma, *words)
    for i in range(4):
        one = slice(i, i + 1)
        alone = network(x[one], sigma[one], *(w if w is None else w[one] for w in words))
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", LABELLED)
def test_one_sigma_and_one_label_serve_all(arch):
    network = small_network(arch, label_dim=3)
    x, sigma = noisy(3)
    label = torch.eye(3)[1:2]
    shared = network(x, sigma[:1], label)
    spread = network(x, sigma[:1].expand(3), label.expand(3, -1))
    torch.testing.assert_close(shared, spread, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", LABELLED)
def test_labels_and_augmentation_matter_and_none_is_zero(arch):
    settings, words = told(arch, 2)
    network = small_network(arch, **settings)
    x, sigma = noisy(2)
    plain = network(x, sigma)
    torch.testing.assert_close(
        plain, network(x, sigma, *(w if w is None else torch.zeros_like(w) for w in words))
    )
    assert (network(x, sigma, words[0], None) - plain).abs().max() > 1e-3
    if words[1] is not None:
        assert (network(x, sigma, None, words[1]) - plain).abs().max() > 1e-3


@every_arch
def test_who_is_told_the_noise_level(arch):
    network = small_network(arch).model
    x, _ = noisy(2)
    one, other = (network(x, torch.tensor([c])) for c in (-0.5, 0.3))
    assert torch.equal(one, other) == (arch in BLIND)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own call
@pytest.mark.parametrize(
    ("arch", "preconditioning"),
    [
        *[(arch, name) for arch in (*U_NETS, "dit") for name in ("edm", "vp", "ve", "none")],
        *[(arch, "none") for arch in BLIND],
        *[("edm2", "edm"), ("guided", "table"), ("lucid", "table")],
    ],
)
def test_forward_mode_derivative_is_the_slope(arch, preconditioning):
    sizes = {"attention": (8,)} if arch in U_NETS else {}
    sizes |= {"width": 64} if arch == "adm" else {}
    network = small_network(arch, preconditioning=preconditioning, **sizes)
    x, sigma = noisy(2, dtype=torch.float64)
    direction = torch.randn_like(x)

    def denoise(y):
        return network(y, sigma)

    _, single = torch.func.jvp(denoise, (x.float(),), (direction.float(),))
    network.double()
    value, derivative = torch.func.jvp(denoise, (x,), (direction,))
    assert (single - derivative).norm() < 1e-3 * derivative.norm()
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
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-5)
        assert parameter.grad.abs().sum() > 0, name


@every_arch
def test_inputs_and_weights_are_left_alone(arch):
    network = small_network(arch).train(arch != "skip")  # batch norm notes what it sees
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
        # DiT-S/2 on four channels, less what we leave out: positions (fixed), the class of the
        # unlabelled, and the half of the last layer that predicts a variance
        ("dit", 32, 1000, 0, 32_963_360 - 256 * 384 - 384 - 4 * 4 * 385),
    ],
)
def test_the_defaults_are_the_published_networks(arch, side, label_dim, augment_dim, parameters):
    channels = 4 if arch == "dit" else 3
    settings = NetworkSettings(
        arch=arch, shape=(channels, side, side), label_dim=label_dim, augment_dim=augment_dim
    )
    with torch.device("meta"):
        network = build_network(settings)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@u_nets
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


@pytest.mark.parametrize("arch", ["dit", "linear"])
def test_nothing_is_answered_at_first(arch):
    """DiT's last projection starts at zero, as do its gates; linear's W and b."""
    network = build_network(NetworkSettings(arch=arch, shape=(2, 8, 8))).model
    x, sigma = noisy(2)
    assert not network(x, sigma).any()
    if arch == "dit":
        tokens, condition = torch.randn(2, 16, 384), torch.randn(1, 384)
        assert torch.equal(network.blocks[0](tokens, condition), tokens)


def test_tokens_are_the_patches_in_rows():
    network = DiT(6, 2, 2, width=8, blocks=1, heads=1, patch=3)
    x = torch.randn(2, 2, 6, 6)
    tokens = network.cut(x)
    for row in range(2):
        for column in range(2):
            patch = x[:, :, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
            assert torch.equal(tokens[:, 2 * row + column], patch.flatten(1))
    assert torch.equal(network.joined(tokens), x)


def test_positions_are_waves_of_row_and_column():
    positions = grid_positions(16, 5).double()
    for row in range(5):
        for column in range(5):
            expected = [
                wave(place * 10000 ** (-k / 4))
                for place in (row, column)
                for wave in (math.sin, math.cos)
                for k in range(4)
            ]
            expected = torch.tensor(expected, dtype=torch.float64)
            torch.testing.assert_close(positions[5 * row + column], expected, rtol=0, atol=1e-6)


def test_attention_of_tokens_is_softmax_of_scaled_products():
    block = DiTBlock(8, 2).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    q, k, v = block.qkv(x).unflatten(2, (3, 2, 4)).unbind(2)
    expected = torch.zeros(2, 5, 2, 4, dtype=torch.float64)
    for b in range(2):
        for head in range(2):
            for token in range(5):
                weights = (k[b, :, head] @ q[b, token, head] / 2).softmax(0)
                expected[b, token, head] = weights @ v[b, :, head]
    torch.testing.assert_close(block.attended(x), expected.flatten(2))


def test_batch_norm_uses_the_batch_in_training_and_its_record_afterwards():
    network = small_network("skip")
    x, sigma = noisy(4)
    before = network(x, sigma)
    assert not torch.equal(network.train()(x, sigma), before)
    assert not torch.equal(network.eval()(x, sigma), before)  # the record has moved
