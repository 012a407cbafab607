"""The recipes of diffusers' own trainings on Fashion-MNIST: does the verdict know what each model is?

For each family (a DDPM of epsilon, one of v, a flow, a latent one) the numbered examples train one model on few
pictures, which memorizes by construction, and one on many, which cannot. Each is opened from the folder that
diffusers wrote, and audited.

    python benchmarks/foreign_families.py --runs RUNS     # trains and audits what is missing (an hour or two)
    python benchmarks/foreign_families.py                 # writes the page's table again

What is there is never done twice; models and whole audits stay in RUNS, tables go to docs/studies/families.
"""

import argparse
import importlib.util
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from doc_blocks import fill_block, markdown_table

from denoscope.auditing import audit
from denoscope.checkpoints import describe_model
from denoscope.images import Pictures, open_images
from denoscope.tables import ModelNote

ROOT = Path(__file__).resolve().parent.parent
TABLES, PAGE = ROOT / "docs/studies/families", ROOT / "docs/how-to/diffusers.md"
KEPT = ("summary.json", "measurements.parquet")
FEW, MANY, HELD_OUT = 16, 16_384, 2_000
SIGNALS = ("copies", "novelty", "gap", "position", "linearity")


@dataclass(frozen=True)
class Family:
    """One recipe: the example that has it, what the example's `train` is told, and what it is called."""

    name: str
    example: str
    told: dict[str, Any]
    words: str


PIXELS = {"widths": (16, 32, 32)}
AUTOENCODER = {"kimg": 16, "widths": (16, 32, 32)}  # 16x16 pictures to 4x4 latents
FAMILIES = (
    Family("ddpm-epsilon", "09_train_ddpm_with_diffusers", PIXELS, "DDPM, epsilon"),
    Family(
        "ddpm-v", "09_train_ddpm_with_diffusers", PIXELS | {"prediction": "v_prediction"}, "DDPM, v"
    ),
    Family("flow", "10_train_a_flow_with_diffusers", PIXELS, "flow matching"),
    Family("latent", "11_train_latent_diffusion_with_diffusers", {}, "latent DDPM, v"),
)


@dataclass(frozen=True)
class Cell:
    """One model: its family, the pictures it was trained on, and how many thousands it was shown."""

    family: Family
    n: int
    kimg: float = 32

    @property
    def name(self) -> str:
        return f"{self.family.name}-{self.n}"

    @property
    def expected(self) -> str:
        return "memorizing" if self.n == FEW else "generalizing"


EPSILON, VELOCITY, FLOW, LATENT = FAMILIES
CELLS = (
    Cell(EPSILON, FEW, kimg=80),
    Cell(EPSILON, MANY),
    Cell(VELOCITY, FEW, kimg=80),
    Cell(VELOCITY, MANY, kimg=24),
    Cell(FLOW, FEW),
    Cell(FLOW, MANY, kimg=48),
    Cell(LATENT, FEW, kimg=128),
    Cell(LATENT, MANY),
)


@cache
def split(n: int) -> tuple[Pictures, Pictures]:
    """(train, held_out): the first n of the split, and pictures that no model of the study saw."""
    whole = open_images("fashion-mnist", size=16)
    return whole.split(n, seed=0)[0], whole.split(MANY, seed=0)[1].take(slice(0, HELD_OUT))


def recipe(example: str) -> Any:
    """A numbered example as a module."""
    spec = importlib.util.spec_from_file_location(example, ROOT / f"examples/{example}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(family: Family, runs: Path) -> dict[str, Any]:
    """What the example's `train` is told; the latent models share an autoencoder of MANY pictures."""
    if family.name != "latent":
        return family.told
    from diffusers import AutoencoderKL

    folder = runs / "autoencoder"
    if not (folder / "config.json").is_file():
        made = recipe(family.example).train_autoencoder(split(MANY)[0], **AUTOENCODER)
        made.save_pretrained(folder)
    return family.told | {"vae": AutoencoderKL.from_pretrained(folder).eval()}


def trained(cell: Cell, runs: Path) -> Path:
    """The folder that diffusers wrote; a training that was cut short is done again."""
    folder, writing = runs / cell.name, runs / ".writing" / cell.name
    if not folder.is_dir():
        shutil.rmtree(writing, ignore_errors=True)
        recipe(cell.family.example).train(
            split(cell.n)[0], writing, kimg=cell.kimg, **told(cell.family, runs)
        )
        writing.rename(folder)
    return folder


def audited(cell: Cell, runs: Path) -> Path:
    """The whole audit of a cell, whose tables are then among the study's."""
    out = runs / "audits" / cell.name
    if not (out / "summary.json").is_file():
        model = describe_model(trained(cell, runs))
        train, held_out = split(cell.n)
        if model.autoencoder is not None:
            train, held_out = map(model.autoencoder.latents, (train, held_out))
        note = ModelNote(
            where=cell.name,
            family=model.family,
            name=model.denoiser.spec.name,
            hash=model.content_hash,
            parameters=model.parameters,
        )
        found = audit(
            model.denoiser,
            train,
            held_out,
            model=note,
            autoencoder=model.autoencoder,
            data_where="fashion-mnist",
            split_seed=0,
        )
        found.save(out)
    (TABLES / cell.name).mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(out / name, TABLES / cell.name / name)
    return TABLES / cell.name


def line(cell: Cell, summary: dict[str, Any]) -> list[str]:
    """One row of the page: what the model is, its verdict, and the signals that it rests on."""
    verdict = summary["verdict"]
    values = {reason["signal"]: reason["value"] for reason in verdict["reasons"]}
    mark = "" if verdict["label"] == cell.expected else " **(not as expected)**"
    return [
        cell.family.words,
        f"{cell.n:,}",
        f"{cell.kimg:g}",
        cell.expected,
        f"{verdict['label'].replace('_', ' ')} {verdict['confidence']:.2f}{mark}",
        *(f"{values[name]:.2f}" if name in values else "-" for name in SIGNALS),
    ]


def written(page: Path) -> str:
    """The table of all cells whose tables are there, put into the page."""
    summaries = [
        (cell, json.loads((TABLES / cell.name / "summary.json").read_text()))
        for cell in CELLS
        if (TABLES / cell.name / "summary.json").is_file()
    ]
    if not summaries:
        raise SystemExit(f"no tables in {TABLES}: give --runs to make some")
    right = sum(s["verdict"]["label"] == cell.expected for cell, s in summaries)
    head = ["trained as", "N", "kimg", "by construction", "verdict", *SIGNALS]
    text = markdown_table(head, [line(cell, one) for cell, one in summaries])
    text += f"\n\nRight: {right} of {len(summaries)}."
    fill_block(page, "families", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=Path, help="train and audit what is missing, in this folder")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    words = parser.parse_args()
    for cell in CELLS if words.runs else ():
        if words.only in cell.name:
            print(cell.name, "...", flush=True)
            verdict = json.loads((audited(cell, words.runs) / "summary.json").read_text())[
                "verdict"
            ]
            print(
                f"  {cell.expected} -> {verdict['label']} {verdict['confidence']:.2f}", flush=True
            )
    print(written(PAGE))


if __name__ == "__main__":
    main()
