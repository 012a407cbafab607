import pytest
from pydantic import ValidationError

from denoscope.networks import NetworkSettings, build_network
from networks.small_networks import ARCHITECTURES


def message(**settings):
    with pytest.raises(ValueError, match=r".") as caught:
        NetworkSettings(**({"arch": "ddpmpp", "shape": (1, 28, 28)} | settings))
    assert isinstance(caught.value, ValidationError)
    (error,) = caught.value.errors()
    assert "\n" not in error["msg"]
    return ".".join(map(str, error["loc"])) + ": " + error["msg"]


@pytest.mark.parametrize(
    ("arch", "side", "multipliers", "attention"),
    [
        ("ddpmpp", 8, (2, 2), ()),
        ("ddpmpp", 16, (2, 2, 2), (16,)),
        ("ddpmpp", 28, (2, 2, 2), ()),
        ("ncsnpp", 32, (2, 2, 2), (16,)),
        ("ncsnpp", 64, (1, 2, 2, 2), (16,)),
        ("ddpmpp", 27, (2,), ()),
        ("adm", 8, (1, 2), (8,)),
        ("adm", 28, (1, 2, 3), ()),
        ("adm", 64, (1, 2, 3, 4), (32, 16, 8)),
    ],
)
def test_defaults_fit_the_side(arch, side, multipliers, attention):
    settings = NetworkSettings(arch=arch, shape=(3, side, side))
    assert settings.multipliers == multipliers
    assert settings.attention == attention
    assert settings.width == (192 if arch == "adm" else 128)
    assert settings.blocks == (3 if arch == "adm" else 4)


def test_default_attention_follows_the_given_levels():
    settings = NetworkSettings(arch="ddpmpp", shape=(3, 64, 64), multipliers=(1, 1))
    assert settings.attention == ()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_json_round_trip(arch):
    settings = NetworkSettings(arch=arch, shape=(3, 32, 32), width=36, label_dim=10)
    assert NetworkSettings.model_validate_json(settings.model_dump_json()) == settings
    assert NetworkSettings.model_validate(settings.model_dump()) == settings
    assert hash(settings) == hash(settings.model_copy())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"multipliers": (1, 2, 2, 2)}, "28 pixels allows at most 3 levels"),
        ({"shape": (1, 27, 27), "multipliers": (1, 2)}, "27 pixels allows at most 1 level,"),
        ({"multipliers": ()}, "multipliers are positive, one a level"),
        ({"multipliers": (1, 0)}, "multipliers are positive, one a level"),
        (
            {"attention": (16,)},
            "attention at [16] meets no level; the levels' sides are (28, 14, 7)",
        ),
        ({"shape": (1, 28, 30)}, "shape is (channels, side, side)"),
        ({"shape": (0, 28, 28)}, "shape is (channels, side, side)"),
        ({"shape": (28, 28)}, "shape"),
        ({"shape": 28}, "shape"),
        ({"arch": "unet"}, "arch: Input should be 'ddpmpp', 'ncsnpp' or 'adm'"),
        ({"width": 6}, "width: Input should be a multiple of 4"),
        ({"width": 0}, "width: Input should be greater than or equal to 4"),
        ({"blocks": 0}, "blocks: "),
        ({"dropout": 1.0}, "dropout: "),
        ({"label_dim": -1}, "label_dim: "),
        ({"sigma_data": 0.0}, "sigma_data: "),
        ({"widht": 32}, "widht: Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_say_what_is_allowed(wrong, says):
    assert says in message(**wrong)


def test_settings_are_frozen():
    settings = NetworkSettings(arch="ddpmpp", shape=(1, 8, 8))
    with pytest.raises(ValidationError):
        settings.width = 4


def test_settings_reach_the_network():
    settings = NetworkSettings(
        arch="ddpmpp", shape=(1, 8, 8), width=8, blocks=2, dropout=0.25, sigma_data=0.3
    )
    network = build_network(settings)
    assert network.sigma_data == 0.3
    blocks = [name for name in network.model.enc if name.startswith("8x8_block")]
    assert blocks == ["8x8_block0", "8x8_block1"]
    assert network.model.enc["8x8_block0"].dropout == 0.25
