"""The gallery of the paper's figures: every figure has its place, run or not, and says what was measured."""

from pathlib import Path

import pytest

from denoscope.paper import FIGURES
from denoscope.paper.claims import claim_of, claims_json
from denoscope.paper.figure import Check

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def docs(tmp_path):
    """Two studies, one of two figures and one of none, and a page."""
    cpu = tmp_path / "docs" / "studies" / "paper-cpu"
    (cpu / "figures").mkdir(parents=True)
    for name in ("fig-06-a.svg", "fig-06-a.png", "fig-06-samples.png", "fig-16-other.png"):
        (cpu / "figures" / name).touch()
    claims = [
        claim_of(FIGURES["fig6"], Check("rho -1 | a_b < 0.5", True)),
        claim_of(FIGURES["fig7"], Check("rho +0.2", False, "the errors of 4 and 8 overlap")),
    ]
    (cpu / "claims.json").write_bytes(claims_json("cpu", claims))
    page = tmp_path / "docs" / "page.md"
    page.write_text("own words\n<!-- BEGIN paper -->\n<!-- END paper -->\nmore\n")
    return page


def studies(page: Path) -> dict[str, Path]:
    return {name: page.parent / "studies" / f"paper-{name}" for name in ("cpu", "gpu", "paper")}


def section(text: str, number: int) -> str:
    return text.partition(f"## Fig. {number}:")[2].partition("\n## ")[0]


def test_what_was_run_stands_beside_its_claim_and_its_drawings(docs):
    from gallery import gallery

    text = gallery(studies(docs), "cpu", docs)
    assert "Preset `cpu`: 1 of 2 claims hold, 28 not yet run; preset `gpu`: not yet run" in text
    six, seven = section(text, 6), section(text, 7)
    assert f"**Claim.** {FIGURES['fig6'].claim}" in six
    assert r"**Measured.** rho -1 \| a\_b &lt; 0.5. **Holds**." in six
    assert "![Fig. 6: a](studies/paper-cpu/figures/fig-06-a.svg)" in six
    assert "![Fig. 6: samples](studies/paper-cpu/figures/fig-06-samples.png)" in six
    assert "fig-06-a.png" not in text, "a chart once, as SVG"
    assert "**Does not hold**: the errors of 4 and 8 overlap." in seven
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| [")}
    assert rows["| [6](#fig-6)"].endswith("| holds | not yet run | not yet run |")
    assert rows["| [7](#fig-7)"].endswith("| **does not hold** | not yet run | not yet run |")


def test_every_figure_has_its_section_run_or_not(docs):
    from gallery import gallery

    text = gallery(studies(docs), "gpu", docs)
    for number in range(1, 31):
        assert text.count(f"{{ #fig-{number} }}") == 1
        assert "**Measured.** Not yet run." in section(text, number)
    assert "![" not in text
    assert "*Preset `cpu`:* rho +0.2. **Does not hold**" in section(text, 7)


def test_curves_of_other_pictures_stand_beside_those_of_the_study(docs):
    from gallery import gallery

    faces = docs.parent / "studies" / "faces"
    (faces / "figures").mkdir(parents=True)
    (faces / "figures" / "fig-06-distance.svg").touch()
    text = gallery(studies(docs), "cpu", docs, {"Faces": faces})
    assert "*Faces:*\n\n![Fig. 6: distance](studies/faces/figures/fig-06-distance.svg)" in text
    assert text.count("*Faces:*") == 1


def test_the_page_keeps_its_own_words_and_can_be_written_again(docs, monkeypatch):
    import gallery

    words = ["gallery.py", "--studies", str(docs.parent / "studies"), "--page", str(docs)]
    monkeypatch.setattr("sys.argv", words)
    gallery.main()
    first = docs.read_text()
    gallery.main()
    assert docs.read_text() == first
    assert first.startswith("own words\n")
    assert first.endswith("more\n")


def test_the_committed_page_is_up_to_date(docs):
    from gallery import BESIDE, BLOCK, DOCS, gallery

    page = DOCS / "paper-gallery.md"
    text = page.read_text(encoding="utf-8")
    block = text.partition(f"<!-- BEGIN {BLOCK} -->")[2].partition(f"<!-- END {BLOCK} -->")[0]
    expected = gallery(
        {name: DOCS / "studies" / f"paper-{name}" for name in studies(docs)}, "cpu", page, BESIDE
    )
    assert block.strip() == expected.strip(), "run: python benchmarks/gallery.py"


def test_failures_are_listed_with_their_reasons(docs):
    from reproduced import failures

    from denoscope.paper import read_claims

    _, rows = read_claims(docs.parent / "studies" / "paper-cpu" / "claims.json")
    text = failures("cpu", rows)
    assert text.startswith("Preset `cpu`: 1 of 2 claims hold")
    lines = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| [")}
    assert len(lines) == 29
    assert "| [6](paper-gallery.md#fig-6)" not in lines
    seven = lines["| [7](paper-gallery.md#fig-7)"]
    assert seven.endswith("| **does not hold** | the errors of 4 and 8 overlap |")


def test_traps_stand_with_what_was_measured(docs):
    from reproduced import traps

    from denoscope.paper.traps import TRAPS

    study = docs.parent / "studies" / "paper-cpu"
    (study / "traps.json").write_bytes(
        claims_json("cpu", [claim_of(TRAPS[1], Check("0.29 and 0.00", True))])
    )
    (study / "figures" / "trap-2-rank.png").touch()
    text = traps(study, docs)
    assert text.count("### ") == len(TRAPS)
    assert "**Measured.** 0.29 and 0.00. **Holds**." in text
    assert "(studies/paper-cpu/figures/trap-2-rank.png)" in text
    assert "**Measured.** Not yet run." in text


def test_two_studies_are_compared_where_both_ran():
    from reproduced import laws

    six, seven = FIGURES["fig6"], FIGURES["fig7"]
    before = {6: claim_of(six, Check("rho 0", False, "why")), 7: claim_of(seven, Check("b", True))}
    text = laws(before, {6: claim_of(six, Check("rho -1", True))})
    assert text.startswith("Of 1 claims 0 held under EDM's law, 1 hold now.")
    assert "| [6](paper-gallery.md#fig-6) | **does not hold**: rho 0 | holds: rho -1 |" in text
    assert "fig-7" not in text


def test_the_committed_list_is_up_to_date():
    from gallery import DOCS
    from reproduced import failures, laws, traps

    from denoscope.paper import read_claims

    page, study = DOCS / "reproduced.md", DOCS / "studies" / "paper-cpu"
    text = page.read_text(encoding="utf-8")
    preset, rows = read_claims(study / "claims.json")
    _, before = read_claims(study.with_name("paper-cpu-edm-law") / "claims.json")
    blocks = {
        "failures": failures(preset, rows),
        "laws": laws(before, rows),
        "traps": traps(study, page),
    }
    for name, expected in blocks.items():
        block = text.partition(f"<!-- BEGIN {name} -->")[2].partition(f"<!-- END {name} -->")[0]
        assert block.strip() == expected.strip(), "run: python benchmarks/reproduced.py"
