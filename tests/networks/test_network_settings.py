import pytest
import torch
from pydantic import ValidationError

from denoscope.networks import (
    EDMPreconditioning,
    NetworkSettings,
    NoPreconditioning,
    VEPreconditioning,
    VPPreconditioning,
    build_network,
)
from denoscope.networks.settings import HAS
from denoscope.training import TrainSettings
from networks.small_networks import ARCHITECTURES, ELSEWHERE


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
    given = {"width": 36, "label_dim": 10}
    given = {name: value for name, value in given.items() if name in HAS[arch]}
    given |= {"steps": 7, "prediction": "x0"} if arch in ("guided", "lucid") else {}
    given |= {"width": 32} if arch == "guided" else {}
    settings = NetworkSettings(arch=arch, shape=(3, 32, 32), **given)
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
        (
            {"arch": "unet"},
            "arch: Input should be 'ddpmpp', 'ncsnpp', 'adm', 'skip', 'dit', 'linear', 'guided',",
        ),
        ({"width": 6}, "width: Input should be a multiple of 4"),
        ({"width": 0}, "width: Input should be greater than or equal to 4"),
        ({"blocks": 0}, "blocks: "),
        ({"dropout": 1.0}, "dropout: "),
        ({"label_dim": -1}, "label_dim: "),
        ({"sigma_data": 0.0}, "sigma_data: "),
        ({"widht": 32}, "widht: Extra inputs are not permitted"),
        ({"heads": 2}, "heads: Value error, ddpmpp has none, leave it out"),
        ({"arch": "linear", "width": 8}, "width: Value error, linear has none, leave it out"),
        ({"arch": "skip", "dropout": 0.1}, "dropout: Value error, skip has none"),
        ({"arch": "skip", "width": 0}, "width: Input should be greater than or equal to 4"),
        ({"arch": "skip", "multipliers": (1, 1, 1, 1)}, "at most 3 levels"),
        ({"arch": "dit", "attention": (28,)}, "attention: Value error, dit has none"),
        ({"arch": "dit", "augment_dim": 9}, "augment_dim: Value error, dit has none"),
        ({"arch": "dit", "patch": 3}, "a side of 28 pixels is not cut by patches of 3"),
        ({"arch": "dit", "heads": 5}, "a width of 384 does not divide among 5 heads"),
        ({"arch": "dit", "heads": 0}, "heads: Input should be greater than or equal to 1"),
        ({"preconditioning": "ddpm"}, "preconditioning: Input should be 'edm', 'vp', 've'"),
        ({"arch": "skip", "preconditioning": "edm"}, "skip is not told the noise level"),
        ({"arch": "edm2", "edm2": {"taps": (1, 2, 1)}}, "edm2.taps: Value error, a filter that"),
        ({"arch": "edm2", "edm2": {"clip": -1}}, "edm2.clip: Input should be greater than 0"),
        ({"arch": "edm2", "edm2": None}, "edm2: Value error, edm2 has one, give it"),
        ({"arch": "edm2", "width": 100, "edm2": {"head_width": 34}}, "into heads of 34"),
        ({"arch": "edm2", "guided": {"heads": 1}}, "guided: Value error, edm2 has none"),
        ({"arch": "lucid", "steps": 3, "blocks": 2}, "blocks: Value error, lucid has none"),
        ({"arch": "lucid", "steps": 3, "lucid": {}}, "heads and head_widths of each of its 3"),
        (
            {"arch": "guided", "steps": 3, "guided": {"heads": 1, "head_width": 8}},
            "either heads or a head_width",
        ),
        ({"prediction": "x0"}, "prediction is of the preconditioning table alone"),
        ({"preconditioning": "ve", "sigma_data": 0.3}, "sigma_data is of the preconditioning edm"),
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


@pytest.mark.parametrize(
    ("side", "patch"), [(8, 2), (16, 2), (28, 2), (32, 2), (64, 4), (27, 3), (7, 7), (1, 1)]
)
def test_default_patches_divide_the_side(side, patch):
    assert NetworkSettings(arch="dit", shape=(1, side, side)).patch == patch


@pytest.mark.parametrize(("width", "heads"), [(384, 6), (128, 2), (96, 1), (8, 1), (200, 2)])
def test_default_heads_follow_the_width(width, heads):
    assert NetworkSettings(arch="dit", shape=(1, 8, 8), width=width).heads == heads


@pytest.mark.parametrize(
    ("arch", "kind"),
    [("ddpmpp", "edm"), ("dit", "edm"), ("skip", "none"), ("linear", "none")],
)
def test_default_preconditioning(arch, kind):
    assert NetworkSettings(arch=arch, shape=(1, 8, 8)).preconditioning == kind


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("edm", EDMPreconditioning),
        ("vp", VPPreconditioning),
        ("ve", VEPreconditioning),
        ("none", NoPreconditioning),
    ],
)
def test_preconditioning_reaches_the_network(kind, made):
    settings = NetworkSettings(arch="ddpmpp", shape=(1, 8, 8), width=4, preconditioning=kind)
    assert type(build_network(settings)) is made


def test_settings_of_older_runs_read_as_they_were():
    """Fields that came later have the value that the older network had."""
    older = {"arch": "ddpmpp", "shape": [1, 28, 28], "width": 16, "multipliers": [1, 3, 4]}
    older |= {"blocks": 1, "attention": [], "dropout": 0.0, "label_dim": 0, "augment_dim": 0}
    settings = NetworkSettings.model_validate(older | {"sigma_data": 0.5})
    later = {"preconditioning": "edm", "heads": 0, "patch": 0, "steps": 0, "prediction": "epsilon"}
    later |= dict.fromkeys(("guided", "edm2", "lucid"))
    assert settings.model_dump(mode="json") == older | {"sigma_data": 0.5} | later


def test_iddpm_is_built_with_twice_the_channels_and_not_trained():
    settings = NetworkSettings(arch="adm", shape=(3, 8, 8), width=8, preconditioning="iddpm")
    with torch.device("meta"):
        assert build_network(settings).model.out_conv.weight.shape[0] == 6
    with pytest.raises(ValidationError, match="trained elsewhere"):
        TrainSettings(network=settings)


@pytest.mark.parametrize("arch", ELSEWHERE)
def test_architectures_of_others_are_not_trained(arch):
    steps = {} if arch == "edm2" else {"steps": 5}
    with pytest.raises(ValidationError, match="trained elsewhere"):
        TrainSettings(network=NetworkSettings(arch=arch, shape=(3, 8, 8), **steps))
