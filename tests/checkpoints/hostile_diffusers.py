"""Folders of diffusers made to run code, to exhaust memory or time, or to reach elsewhere."""

import functools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers

from checkpoints.diffusers_written import unet, written
from checkpoints.hostile import CANARY, Maker, entry, header

INDEX, NETWORK, SCHEDULER = (
    "model_index.json",
    "unet/config.json",
    "scheduler/scheduler_config.json",
)
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
CODE = f"import os\nos.system({CANARY!r})\n"


@functools.cache
def good_files() -> dict[str, bytes]:
    """A small pipeline that opens."""
    with tempfile.TemporaryDirectory() as place:
        folder = written(Path(place), unet(), diffusers.DDPMScheduler())
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


def good_models(place: Path) -> list[Path]:
    """What opens."""
    return [pipeline()(place)]


def pipeline(**files: bytes | str | None) -> Maker:
    """The good one with these files in place of its own; None leaves one out."""

    def make(place: Path) -> Path:
        folder = place / "pipeline"
        for name, content in {**good_files(), **files}.items():
            if content is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make


def changed(name: str, **settings: object) -> Maker:
    """The good one with these settings in one of its JSON files."""

    def make(place: Path) -> Path:
        content: dict[str, Any] = json.loads(good_files()[name])
        return pipeline(**{name: json.dumps({**content, **settings})})(place)

    return make


def coded(name: str, **settings: object) -> Maker:
    """The same, and code that would leave the canary under every name it could be found by."""

    def make(place: Path) -> Path:
        folder = changed(name, **settings)(place)
        for path in ("own.py", "pipeline.py", "unet/own.py", "unet/unet.py", "unet/__init__.py"):
            (folder / path).write_text(CODE)
        return folder

    return make


def linked(name: str, target: str) -> Maker:
    """The good one, one of whose files is a link."""

    def make(place: Path) -> Path:
        folder = pipeline()(place)
        (folder / name).unlink()
        (place / "outside.json").write_bytes(good_files()[NETWORK])
        os.symlink(target, folder / name)
        return folder

    return make


def sharded(places: object) -> Maker:
    return pipeline(**{WEIGHTS: None, f"{WEIGHTS}.index.json": json.dumps({"weight_map": places})})


def bare(edit: Callable[[dict[str, Any]], object]) -> Maker:
    """A bare model, its configuration changed."""

    def make(place: Path) -> Path:
        content = json.loads(good_files()[NETWORK])
        edit(content)
        return pipeline(**{NETWORK: json.dumps(content)})(place) / "unet"

    return make


DEEP = "[" * 100_000
BOMBS: dict[str, Maker] = {
    "an index in an index": pipeline(**{INDEX: DEEP}),
    "objects in objects": pipeline(**{NETWORK: '{"a":' * 100_000}),
    "a scheduler in a scheduler": pipeline(**{SCHEDULER: '{"a":' * 50 + "1" + "}" * 50}),
    "an index of two megabytes": pipeline(**{INDEX: " " * 2_000_000 + "{}"}),
    "a number of half a million digits": pipeline(**{NETWORK: '{"a": ' + "9" * 500_000 + "}"}),
    "widths of a billion": changed(NETWORK, block_out_channels=[2**30, 2**30]),
    "widths of 2^60": changed(NETWORK, block_out_channels=[2**60, 2**60]),
    "a billion layers": changed(NETWORK, layers_per_block=10**9),
    "ten thousand blocks": changed(
        NETWORK,
        block_out_channels=[8] * 10_000,
        down_block_types=["DownBlock2D"] * 10_000,
        up_block_types=["UpBlock2D"] * 10_000,
    ),
    "a side of a billion": changed(NETWORK, sample_size=10**9),
    "a billion classes": changed(NETWORK, num_class_embeds=10**9),
    "a billion learned times": changed(
        NETWORK, time_embedding_type="learned", num_train_timesteps=10**9
    ),
    "a billion steps": changed(SCHEDULER, num_train_timesteps=10**9),
    "a billion channels": changed(NETWORK, in_channels=10**9, out_channels=10**9),
    "a header of 2^60": pipeline(**{WEIGHTS: header({}, length=2**60)}),
    "a header in itself": pipeline(**{WEIGHTS: header(b"[" * 1_000_000)}),
    "a shape of 2^62": pipeline(
        **{WEIGHTS: header({"conv_in.weight": entry([2**31, 2**31], 0, 4)}, bytes(4))}
    ),
    "weights that are /dev/zero": linked(WEIGHTS, "/dev/zero"),
    "a configuration that is /dev/zero": linked(NETWORK, "/dev/zero"),
}
FILES: dict[str, Maker] = BOMBS | {
    "a pipeline of its own": coded(INDEX, _class_name=["own", "Own"]),
    "a network of its own": coded(INDEX, unet=["own", "UNet2DModel"]),
    "a network by a path": coded(INDEX, unet=["../../own", "UNet2DModel"]),
    "a scheduler of the system": coded(INDEX, scheduler=["os", "system"]),
    "an auto_map": coded(NETWORK, auto_map={"AutoModel": "own.Own"}),
    "a class that is a list": coded(NETWORK, _class_name=["own", "Own"]),
    "a class that is a path": coded(NETWORK, _class_name="own.UNet2DModel"),
    "a class of diffusers that is no network": changed(NETWORK, _class_name="DiffusionPipeline"),
    "a scheduler that is no scheduler": changed(SCHEDULER, _class_name="DiffusionPipeline"),
    "a scheduler that is no word": changed(SCHEDULER, _class_name=["own", "Own"]),
    "a part that climbs": pipeline(
        **{
            INDEX: json.dumps(
                {
                    "_class_name": "DDPMPipeline",
                    "../../../etc": ["diffusers", "UNet2DModel"],
                    "scheduler": ["diffusers", "DDPMScheduler"],
                }
            )
        }
    ),
    "two networks": changed(INDEX, other=["diffusers", "UNet2DModel"]),
    "no network": pipeline(**{INDEX: json.dumps({"_class_name": "DDPMPipeline"})}),
    "no scheduler": changed(INDEX, scheduler=[None, None]),
    "another class than the index says": changed(NETWORK, _class_name="DiTTransformer2DModel"),
    "an index that is a list": pipeline(**{INDEX: "[]"}),
    "an index that is cut": pipeline(**{INDEX: good_files()[INDEX][:50]}),
    "an index in no text": pipeline(**{INDEX: b"\xff\xfe{}"}),
    "a configuration outside": linked(NETWORK, "../../outside.json"),
    "a link to itself": linked(NETWORK, "config.json"),
    "no weights": pipeline(**{WEIGHTS: None}),
    "weights of nothing": pipeline(**{WEIGHTS: b""}),
    "weights cut off": pipeline(**{WEIGHTS: good_files()[WEIGHTS][:5000]}),
    "overlapping tensors": pipeline(
        **{
            WEIGHTS: header({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)),
        }
    ),
    "shards that climb": sharded({"conv_in.weight": "../../outside.safetensors"}),
    "shards without a path": sharded({"conv_in.weight": "/etc/passwd.safetensors"}),
    "shards that are no words": sharded({"conv_in.weight": {"a": 1}}),
    "shards that are missing": sharded({"conv_in.weight": "a.safetensors"}),
    "shards that are a list": sharded(["a"]),
    "a block by another name": changed(NETWORK, down_block_types=["os.system", "DownBlock2D"]),
    "an activation by another name": changed(NETWORK, act_fn="os.system"),
    "settings of words": changed(NETWORK, layers_per_block="many"),
    "steps of words": changed(SCHEDULER, num_train_timesteps="1000"),
    "a prediction of the future": changed(SCHEDULER, prediction_type="future"),
    "betas of nothing": changed(SCHEDULER, trained_betas=[]),
    "betas of no number": changed(SCHEDULER, trained_betas=[float("nan"), 0.1]),
    "betas that are words": changed(SCHEDULER, beta_start="a"),
    "a schedule by another name": changed(SCHEDULER, beta_schedule="__import__"),
    "no picture's size": bare(lambda content: content.pop("sample_size")),
    "EDM of no deviation": changed(SCHEDULER, _class_name="EDMEulerScheduler", sigma_data=0),
    "EDM of an infinite level": pipeline(
        **{SCHEDULER: '{"_class_name": "EDMEulerScheduler", "sigma_max": Infinity}'}
    ),
}
