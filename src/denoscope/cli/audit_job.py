"""One audit as the command line runs it: measured under a progress bar, saved, drawn, told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoscope.cli.devices import placed
from denoscope.cli.progress import Bar
from denoscope.cli.slow_precision import remark_on_precision
from denoscope.cli.speech import Voice
from denoscope.cli.trained_on import TrainedOn

if TYPE_CHECKING:
    from denoscope.checkpoints import Model
    from denoscope.tables import Summary

__all__ = ["AuditJob", "side_by_side", "tell_verdict"]


@dataclass(frozen=True)
class AuditJob:
    """How much to measure, where, and where to put it. `out` is checked before any work."""

    out: Path
    command: Sequence[str]
    device: str = "auto"
    arithmetic: tuple[str, bool] = ("fp32", False)  # precision, and whether compiled
    seed: int = 0
    pictures: int = 200
    samples: int = 100
    levels: int = 10
    show_pictures: bool = True
    figures: bool = False
    overwrite: bool = False

    @property
    def report(self) -> Path:
        return self.out / "report.html"

    def run(self, voice: Voice, model: "Model", known: TrainedOn) -> "Summary":
        """Audit, write the folder and its report, and return the summary."""
        from denoscope.auditing import audit, count_evaluations
        from denoscope.noise import karras_levels
        from denoscope.report import write_figures, write_report
        from denoscope.tables import ModelNote

        levels = karras_levels(self.levels)
        held_out = 0 if known.held_out is None else len(known.held_out)
        total = count_evaluations(
            len(levels), len(known.train), held_out, self.pictures, self.samples
        )
        denoiser, device = placed(model.denoiser, self.device)
        precision, compiled = self.arithmetic
        remark_on_precision(voice, precision, str(device))
        autoencoder = None if model.autoencoder is None else model.autoencoder.to(device)
        with Bar(voice, "audit", total, "evaluations") as bar:
            found = audit(
                denoiser,
                known.train,
                known.held_out,
                levels=levels,
                seed=self.seed,
                pictures=self.pictures,
                samples=self.samples,
                device=device,
                precision=precision,
                compiled=compiled,
                model=ModelNote(
                    where=model.where,
                    family=model.family,
                    name=denoiser.spec.name,
                    hash=model.content_hash,
                    parameters=model.parameters,
                    condition=model.condition,
                ),
                autoencoder=autoencoder,
                data_where=known.where,
                split_seed=known.split_seed,
                command=self.command,
                on_evaluations=bar.advance,
            )
        found.save(self.out, overwrite=self.overwrite)
        write_report(self.out, pictures=self.show_pictures)
        if self.figures:
            write_figures(self.out)
        return found.tables.summary

    def result(self, summary: "Summary") -> dict[str, Any]:
        """What --json says of a finished audit: its summary, and where things are."""
        return {
            "folder": str(self.out),
            "report": str(self.report),
            **summary.model_dump(mode="json"),
        }


def tell_verdict(voice: Voice, summary: "Summary", report: Path) -> None:
    """Verdict first, then each signal's vote in its own words, warnings, and where the report is."""
    verdict = summary.verdict
    voice.say(f"{verdict.label.replace('_', ' ')} (confidence {verdict.confidence:.0%})")
    for reason in verdict.reasons:
        voice.say(f"  {reason.signal}: {reason.vote.replace('_', ' ')}. {reason.text}")
    if summary.provenance.model.condition:
        voice.say(f"  conditioned on: {summary.provenance.model.condition}")
    if summary.provenance.latents:
        voice.say(f"  denoises latents: {summary.provenance.latents.words}")
    for warning in [*summary.warnings, *summary.provenance.missing_evidence]:
        voice.say(f"  warning: {warning}")
    if summary.provenance.arithmetic:
        voice.say(f"  network in {summary.provenance.arithmetic}")
    voice.say(f"report: {report}")


SHOWN = {
    "memorization_ratio": "samples that copy a training picture",
    "memorization_ratio_control": "held-out pictures that look like copies",
    "gl_pixel": "distance of samples to the training set (GL)",
    "gl_pixel_control": "the same for held-out pictures",
    "score_error_gaussian": "distance to the Gaussian denoiser",
    "score_error_multi_delta": "distance to the multi-delta denoiser",
}


def side_by_side(summaries: "dict[str, Summary]") -> list[tuple[str, ...]]:
    """Rows of a table with one column a model: its training set, the verdict, the headline figures."""
    columns = summaries.values()
    rows = [
        ("", *summaries),
        ("trained on", *(f"{one.provenance.data.n_train} pictures" for one in columns)),
        ("verdict", *(one.verdict.label.upper().replace("_", " ") for one in columns)),
        ("confidence", *(f"{one.verdict.confidence:.0%}" for one in columns)),
    ]
    for name, words in SHOWN.items():
        figures = [one.headline.get(name) for one in columns]
        shares = name.startswith("memorization_ratio")
        cells = (
            "-" if figure is None else f"{figure.value:.0%}" if shares else f"{figure.value:.3f}"
            for figure in figures
        )
        rows.append((words, *cells))
    return rows
