"""The names and shapes of the published checkpoints, stated by hand for small networks."""

import torch

from denoscope.networks import NetworkSettings, build_network


def shapes_of(**settings):
    with torch.device("meta"):
        network = build_network(NetworkSettings(**settings))
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def affine(name, *weight):
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def block(name, inputs, outputs, embedding, *, adaptive=False, attention=False, skip=False):
    facts = {
        **affine(f"{name}.norm0", inputs),
        **affine(f"{name}.conv0", outputs, inputs, 3, 3),
        **affine(f"{name}.affine", outputs * (2 if adaptive else 1), embedding),
        **affine(f"{name}.norm1", outputs),
        **affine(f"{name}.conv1", outputs, outputs, 3, 3),
    }
    if attention:
        facts |= affine(f"{name}.norm2", outputs)
        facts |= affine(f"{name}.qkv", 3 * outputs, outputs, 1, 1)
        facts |= affine(f"{name}.proj", outputs, outputs, 1, 1)
    if skip:
        facts |= affine(f"{name}.skip", outputs, inputs, 1, 1)
    return facts


def filters(name, side=2):
    shape = (1, 1, side, side)
    return {f"{name}.conv0.resample_filter": shape, f"{name}.skip.resample_filter": shape}


def test_ddpmpp():
    assert shapes_of(
        arch="ddpmpp",
        shape=(3, 8, 8),
        width=8,
        multipliers=(1, 2),
        blocks=1,
        attention=(8,),
        label_dim=5,
        augment_dim=9,
    ) == {
        **affine("model.map_label", 8, 5),
        "model.map_augment.weight": (8, 9),
        **affine("model.map_layer0", 32, 8),
        **affine("model.map_layer1", 32, 32),
        **affine("model.enc.8x8_conv", 8, 3, 3, 3),
        **block("model.enc.8x8_block0", 8, 8, 32, attention=True),
        **block("model.enc.4x4_down", 8, 8, 32, skip=True),
        **filters("model.enc.4x4_down"),
        **block("model.enc.4x4_block0", 8, 16, 32, skip=True),
        **block("model.dec.4x4_in0", 16, 16, 32, attention=True),
        **block("model.dec.4x4_in1", 16, 16, 32),
        **block("model.dec.4x4_block0", 16 + 16, 16, 32, skip=True),
        **block("model.dec.4x4_block1", 16 + 8, 16, 32, skip=True),
        **block("model.dec.8x8_up", 16, 16, 32, skip=True),
        **filters("model.dec.8x8_up"),
        **block("model.dec.8x8_block0", 16 + 8, 8, 32, skip=True),
        **block("model.dec.8x8_block1", 8 + 8, 8, 32, skip=True, attention=True),
        **affine("model.dec.8x8_aux_norm", 8),
        **affine("model.dec.8x8_aux_conv", 3, 8, 3, 3),
    }


def test_ncsnpp():
    assert shapes_of(
        arch="ncsnpp", shape=(3, 8, 8), width=8, multipliers=(1, 2), blocks=1, attention=()
    ) == {
        "model.map_noise.freqs": (8,),
        **affine("model.map_layer0", 32, 16),
        **affine("model.map_layer1", 32, 32),
        **affine("model.enc.8x8_conv", 8, 3, 3, 3),
        **block("model.enc.8x8_block0", 8, 8, 32),
        **block("model.enc.4x4_down", 8, 8, 32, skip=True),
        **filters("model.enc.4x4_down", 4),
        **affine("model.enc.4x4_aux_residual", 8, 3, 3, 3),
        "model.enc.4x4_aux_residual.resample_filter": (1, 1, 4, 4),
        **block("model.enc.4x4_block0", 8, 16, 32, skip=True),
        **block("model.dec.4x4_in0", 16, 16, 32, attention=True),
        **block("model.dec.4x4_in1", 16, 16, 32),
        **block("model.dec.4x4_block0", 16 + 16, 16, 32, skip=True),
        **block("model.dec.4x4_block1", 16 + 8, 16, 32, skip=True),
        **block("model.dec.8x8_up", 16, 16, 32, skip=True),
        **filters("model.dec.8x8_up", 4),
        **block("model.dec.8x8_block0", 16 + 8, 8, 32, skip=True),
        **block("model.dec.8x8_block1", 8 + 8, 8, 32, skip=True),
        **affine("model.dec.8x8_aux_norm", 8),
        **affine("model.dec.8x8_aux_conv", 3, 8, 3, 3),
    }


def test_adm():
    # 32 channels have no attention, 64 one head; resampling alone has no 1x1 convolution
    adaptive = {"adaptive": True}
    assert shapes_of(
        arch="adm",
        shape=(3, 8, 8),
        width=32,
        multipliers=(1, 2),
        blocks=1,
        attention=(8, 4),
        label_dim=5,
        augment_dim=9,
    ) == {
        "model.map_label.weight": (128, 5),
        "model.map_augment.weight": (32, 9),
        **affine("model.map_layer0", 128, 32),
        **affine("model.map_layer1", 128, 128),
        **affine("model.enc.8x8_conv", 32, 3, 3, 3),
        **block("model.enc.8x8_block0", 32, 32, 128, **adaptive),
        **block("model.enc.4x4_down", 32, 32, 128, **adaptive),
        **filters("model.enc.4x4_down"),
        **block("model.enc.4x4_block0", 32, 64, 128, **adaptive, skip=True, attention=True),
        **block("model.dec.4x4_in0", 64, 64, 128, **adaptive, attention=True),
        **block("model.dec.4x4_in1", 64, 64, 128, **adaptive),
        **block("model.dec.4x4_block0", 64 + 64, 64, 128, **adaptive, skip=True, attention=True),
        **block("model.dec.4x4_block1", 64 + 32, 64, 128, **adaptive, skip=True, attention=True),
        **block("model.dec.8x8_up", 64, 64, 128, **adaptive),
        **filters("model.dec.8x8_up"),
        **block("model.dec.8x8_block0", 64 + 32, 32, 128, **adaptive, skip=True),
        **block("model.dec.8x8_block1", 32 + 32, 32, 128, **adaptive, skip=True),
        **affine("model.out_norm", 32),
        **affine("model.out_conv", 3, 32, 3, 3),
    }
