"""A ladder's section of the gallery in markdown: every figure with the paper's claim and what "
"was measured."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from doc_blocks import markdown_table

from denoscope.report.ladder import read_ladder

__all__ = ["told"]

COLUMNS = {
    "linearity_held_out": "lowest linearity, held-out",
    "linearity_noise": "the same, noise alone",
    "linearity_norm_ratio": "largest norm ratio",
    "distance_to_gaussian": "distance to Gaussian",
    "gl": "GL",
    "gl_over_control": "GL / control",
    "memorization_ratio": "memorization ratio",
}
SET_ON = ("fashion-mnist", 16)
THRESHOLDS = (
    "This ladder is one of those that set the verdict's thresholds: it shows what they were set on, "
    "and proves nothing."
)


def told(folder: Path, found: dict[str, Any]) -> str:
    """The whole section, every number out of the tables in `folder` and of its claims."""
    study = json.loads((folder / "verdicts.json").read_text())
    parts = [
        _setting(study, found),
        _cells_table(folder, study),
        _claims_table(found),
        _notes(found),
    ]
    first = next(iter(study["networks"].values()))
    told_before = THRESHOLDS if (first["data"], first["side"]) == SET_ON else ""
    for figure, words in _figures(found, told_before):
        name = f"{figure}.svg"
        if (folder / "figures" / name).is_file():
            alt = words.split("**")[1].rstrip(".") if words.startswith("**") else "Signals"
            parts += [f"![{alt}](studies/{folder.name}/figures/{name})", words]
    if (folder / "figures" / "fig-12-samples.png").is_file():
        listed = ", ".join(f"{n:,}" for n in found["images"])
        parts += [
            "![Samples above their nearest training "
            f"pictures](studies/{folder.name}/figures/fig-12-samples.png)",
            f"**Fig. 12.** Samples (upper rows) and the training picture nearest to each (lower rows), for "
            f"N = {listed} from the top. *Paper:* with few pictures what is generated is in the "
            "training set.",
        ]
    return "\n\n".join(parts)


def _setting(study: dict[str, Any], found: dict[str, Any]) -> str:
    networks = list(study["networks"].values())
    first = networks[0]
    colour = ", in colour" if first["channels"] == 3 else ""
    words = (
        f"{len(networks)} networks ({first['arch']}), trained on "
        f"{', '.join(f'{n:,}' for n in found['images'])} pictures of {first['data']} at "
        f"{first['side']}x{first['side']}{colour}, each audited with the sampling seeds "
        f"{', '.join(map(str, found['seeds']))} on the same held-out pictures, which none was trained on. "
    )
    if all(one == first for one in networks):
        return words + (
            f"All have width {first['width']}, multipliers {_joined(first['multipliers'])} and saw "
            f"{first['kimg']:g} thousand pictures in batches of {first['batch']} (learning rate "
            f"{first['learning_rate']:g}, {first['precision']})."
        )
    each = "; ".join(
        f"{name}: width {one['width']}, multipliers {_joined(one['multipliers'])}, "
        f"{one['kimg']:g} thousand pictures in batches of {one['batch']}"
        for name, one in study["networks"].items()
    )
    return f"{words}They differ in their training ({each})."


def _joined(values: list[int]) -> str:
    return "-".join(map(str, values))


def _cells_table(folder: Path, study: dict[str, Any]) -> str:
    measures = read_ladder(folder).measures().filter("finished")
    rows = []
    for cell, n in measures.select("cell", "n").unique().sort("n").rows():
        some = measures.filter(cell=cell)
        audits = [one for one in study["cells"] if one["cell"] == cell]
        control = [one["headline"]["memorization_ratio_control"]["value"] for one in audits]
        labels = [f"{_plain(one['verdict'])} {one['confidence']:.2f}" for one in audits]
        figures = [some.filter(measure=measure)["mean"] for measure in COLUMNS]
        rows.append(
            [f"{n:,}", *map(_mean, figures), _mean(pl.Series(control)), ", ".join(labels)],
        )
    return markdown_table(["N", *COLUMNS.values(), "its control", "verdict by seed"], rows)


def _mean(values: pl.Series) -> str:
    return f"{values.mean():.3f}" if len(values) else "-"


def _claims_table(found: dict[str, Any]) -> str:
    rows = [
        [
            one["paper"],
            one["words"],
            "rises" if one["expected_sign"] > 0 else "falls",
            _rhos(one["rho"]),
            "holds" if one["holds"] else "**does not hold**",
        ]
        for one in found["along_n"]
    ]
    seeds = ", ".join(map(str, found["seeds"]))
    return markdown_table(["paper", "measure", "with N it", f"rho, seeds {seeds}", "here"], rows)


def _rhos(rho: dict[str, float | None]) -> str:
    return ", ".join("undefined" if one is None else f"{one:+.2f}" for one in rho.values())


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _notes(found: dict[str, Any]) -> str:
    words = (
        "rho is Spearman's, between N and the measure. A claim *holds* where it has the expected "
        "sign and is at "
        f"least {found['holds_at']} in size for every seed."
    )
    if len(found["images"]) < 4:
        words += f" With {len(found['images'])} networks it says no more than which is the larger."
    pairs = found["together"]
    kept = sum(pair["holds"] for pair in pairs)
    words += (
        f" Held against each other, {kept} of {len(pairs)} pairs of five measures (linearity on held-out "
        "inputs in both forms, distance to the Gaussian, GL over its control, memorization ratio) move "
        "together in that sense"
    )
    failing = [
        f"{_plain(pair['pair'][0])} and {_plain(pair['pair'][1])} ({_rhos(pair['rho'])})"
        for pair in pairs
        if not pair["holds"]
    ]
    words += f"; **not so** {'; '.join(failing)}." if failing else "."
    order = "go" if found["verdicts_in_order"] else "do **not** go"
    return f"{words} The verdicts {order} from memorizing to generalizing in the order of N for every seed."


def _steps(steps: list[dict[str, Any]]) -> str:
    """Which neighbours along N differ at all."""
    if not steps:
        return ""
    told = "; ".join(
        f"{one['from']:,} to {one['to']:,} {one['difference']:+.4f} ± {2 * one['se']:.4f}"
        + ("" if one["sure"] else " (a tie)")
        for one in steps
    )
    return (
        f" Step by step on held-out inputs at sigma {steps[0]['sigma']:.3g}, by the same pairs under the same "
        f"noise, ± two standard errors: {told}."
    )


def _figures(found: dict[str, Any], told_before: str) -> list[tuple[str, str]]:
    """(file, words) in the paper's order; the words are the claim, what was measured, whether it holds."""
    by = {one["measure"]: one for one in found["along_n"]}
    images = found["images"]

    def ends(measure: str) -> str:
        values = [
            sum(column) / len(column)
            for column in zip(*by[measure]["values"].values(), strict=True)
        ]
        return ", ".join(f"{value:.3f}" for value in values)

    def judged(*measures: str) -> str:
        failing = [m for m in measures if not by[m]["holds"]]
        return (
            "**Holds.**"
            if not failing
            else f"**Does not hold** ({', '.join(map(_plain, failing))})."
        )

    listed = ", ".join(f"{n:,}" for n in images)
    figures = [
        (
            "fig-01-linearity",
            "**Fig. 1.** *Paper:* at intermediate noise the linearity score rises with N, and it "
            "goes to 1 as "
            f"sigma goes to 0. *Here:* for N = {listed} its lowest value is {ends('linearity_held_out')} on "
            f"held-out inputs and {ends('linearity_noise')} on noise alone. "
            + judged("linearity_held_out", "linearity_noise")
            + _steps(found["linearity_steps"]),
        ),
        (
            "fig-05-two-regimes",
            "**Figs 2 and 5.** *Paper:* a generalizing network is close to the Gaussian "
            "denoiser, a memorizing "
            "one is not. *Here:* the two ends of the ladder, each against both closed forms.",
        ),
        (
            "fig-06-distance-to-gaussian",
            "**Fig. 6 (left).** *Paper:* for sigma in [0.116, 20] the distance to the Gaussian "
            "falls as N grows. "
            f"*Here:* its mean is {ends('distance_to_gaussian')}. "
            + judged("distance_to_gaussian"),
        ),
    ]
    length = found["training_length"]
    if length:
        memorizing = [one for one in length["curves"] if one["verdict"] == "memorizing"]
        seen = "; ".join(
            f"N = {one['n']:,} is nearest after {one['nearest_at_kimg']:g} of {one['kimg'][-1]:g} "
            "thousand pictures "
            f"({min(one['distance_to_gaussian']):.3f}, at the end "
            f"{one['distance_to_gaussian'][-1]:.3f}), its "
            f"memorization ratio goes {', '.join(f'{v:.2f}' for v in one['memorization_ratio'])}"
            for one in memorizing
        )
        figures.append(
            (
                "fig-08-training-length",
                "**Fig. 8.** *Paper:* a network of few pictures nears the Gaussian first and leaves it as it "
                f"comes to memorize. *Here*, of the memorizing ones: {seen or 'there is none'}. "
                + ("**Holds.**" if length["holds"] else "**Does not hold.**"),
            )
        )
    figures += [
        (
            "fig-13-along-n",
            "**Fig. 13.** *Paper:* GL rises with N, and linearity with it. GL of real pictures falls with N, "
            "so we read it beside that control. "
            f"*Here:* GL is {ends('gl')}, over its control {ends('gl_over_control')}; the "
            "memorization ratio is "
            f"{ends('memorization_ratio')}. "
            + judged("gl", "gl_over_control", "memorization_ratio"),
        ),
        (
            "fig-16-low-noise",
            "**Fig. 16.** *Paper:* as sigma goes to 0 the distance to the Gaussian on held-out "
            "inputs does not "
            f"vanish where N pictures span less than the space. *Here:* {ends('low_noise_distance')} at the "
            "lowest level. " + judged("low_noise_distance"),
        ),
        (
            "verdict-signals",
            "The signals of [the verdict](verdict.md) along the ladder."
            + (told_before and f" {told_before}"),
        ),
    ]
    return figures
