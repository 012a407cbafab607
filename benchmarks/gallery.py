"""The gallery of the paper's figures: claim, acceptance, what was measured and the drawings, out of the
studies that `denoscope reproduce --tables` left.

    python benchmarks/gallery.py                # docs/studies/paper-{cpu,gpu,paper} -> docs/paper-gallery.md
    python benchmarks/gallery.py --show gpu     # another study's drawings

A study is claims.json and figures/. Every figure has a section and a row; where a study has no row of it,
or is not there, it says "not yet run". The page's own words stand outside of the block and are kept.
"""

import argparse
import os
from pathlib import Path

from doc_blocks import fill_block, markdown_table

from denoscope.paper import FIGURES, PRESETS, Claim, Figure
from denoscope.paper.claims import not_run, read_claims

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
STUDIES = ("cpu", "gpu", "paper")  # presets, each in docs/studies/paper-NAME
BLOCK = "paper"
NOT_RUN = "not yet run"
BESIDE = {
    "The same curves for colour faces at 32x32, N = 64 and 16,000": DOCS / "studies" / "faces32"
}
SIGNS = {"holds": "holds", "does not hold": "**does not hold**", "cannot tell": "cannot tell"}

__all__ = ["DOCS", "SIGNS", "STUDIES", "gallery", "judged", "plain", "summary"]


def gallery(
    studies: dict[str, Path], show: str, page: Path, beside: dict[str, Path] | None = None
) -> str:
    """The block of `page`: a table of all figures by study, then a section a figure.

    studies: preset -> its folder, there or not. show: the study whose drawings are shown. beside:
    words -> the folder of a study of other pictures, whose curves of the same figures are shown too.
    """
    claims = {name: read_claims(study / "claims.json")[1] for name, study in studies.items()}
    shown = studies[show]
    parts = [_setting(show), summary(claims), _table(claims)]
    for figure in FIGURES.values():
        row = claims[show].get(figure.number) or not_run(figure, NOT_RUN)
        title = f"## Fig. {figure.number}: {plain(row.title)} {{ #fig-{figure.number} }}"
        parts += [title, *_words(row)]
        parts += _drawings(shown, figure, page)
        for study_words, folder in (beside or {}).items():
            curves = _drawings(folder, figure, page)
            parts += [f"*{study_words}:*", *curves] if curves else []
        others = {name: rows.get(figure.number) for name, rows in claims.items() if name != show}
        parts += [
            f"*Preset `{name}`:* {judged(other)}"
            for name, other in others.items()
            if other is not None and other.state != "not run"
        ]
    return "\n\n".join(parts)


def _setting(name: str) -> str:
    preset = PRESETS[name]
    sets = []
    for family in (preset.main, preset.second):
        data = family.data
        sets.append(
            f"{data.where} at {data.shape[1]}x{data.shape[2]} (N = "
            f"{', '.join(f'{n:,}' for n in family.images)}; widths "
            f"{', '.join(map(str, family.widths))}; {family.kimg:,g} thousand pictures a training)"
        )
    return f"Drawings of the preset `{name}`: {sets[0]}; the second set is {sets[1]}."


def summary(claims: dict[str, dict[int, Claim]]) -> str:
    told = []
    for name, rows in claims.items():
        run = [row for row in rows.values() if row.state != "not run"]
        kept = sum(row.state == "holds" for row in run)
        words = f"{kept} of {len(run)} claims hold" if run else NOT_RUN
        if run and len(run) < len(FIGURES):
            words += f", {len(FIGURES) - len(run)} {NOT_RUN}"
        told.append(f"preset `{name}`: {words}")
    return "; ".join(told).capitalize() + "."


def _table(claims: dict[str, dict[int, Claim]]) -> str:
    rows = [
        [
            f"[{figure.number}](#fig-{figure.number})",
            plain(figure.claim),
            *(_state(found.get(figure.number)) for found in claims.values()),
        ]
        for figure in FIGURES.values()
    ]
    return markdown_table(["Fig.", "claim", *(f"`{name}`" for name in claims)], rows)


def _state(row: Claim | None) -> str:
    return NOT_RUN if row is None or row.state == "not run" else SIGNS[row.state]


def _words(row: Claim) -> list[str]:
    return [
        f"**Claim.** {plain(row.claim)}",
        f"**Holds if** {plain(row.acceptance)}.",
        f"**Measured.** {judged(row)}",
    ]


def judged(row: Claim) -> str:
    """What was measured, and whether the claim holds."""
    if row.state == "not run":
        reason = "" if row.reason in ("", NOT_RUN) else f": {plain(row.reason)}"
        return f"{NOT_RUN.capitalize()}{reason}."
    judged = f"**{row.state.capitalize()}**" + (f": {plain(row.reason)}" if row.reason else "")
    return f"{plain(row.measured)}. {judged}."


def _drawings(study: Path, figure: Figure, page: Path) -> list[str]:
    """The figure's drawings, a chart as SVG where that is kept."""
    found = {
        path.stem: path
        for ending in ("png", "svg")
        for path in sorted((study / "figures").glob(f"fig-{figure.number:02}-*.{ending}"))
    }
    folder = Path(os.path.relpath(study, page.parent)).as_posix()
    return [
        f"![Fig. {figure.number}: {stem[7:].replace('-', ' ')}]({folder}/figures/{path.name})"
        for stem, path in sorted(found.items())
    ]


def plain(words: str) -> str:
    """Words as they are, where markdown or a table would read signs."""
    for sign in "\\|*_":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("<", "&lt;")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    words.add_argument("--studies", type=Path, default=DOCS / "studies")
    words.add_argument("--show", choices=STUDIES, default="cpu")
    words.add_argument("--page", type=Path, default=DOCS / "paper-gallery.md")
    given = words.parse_args()
    page = given.page.resolve()
    studies = {name: given.studies.resolve() / f"paper-{name}" for name in STUDIES}
    fill_block(page, BLOCK, gallery(studies, given.show, page, BESIDE))


if __name__ == "__main__":
    main()
