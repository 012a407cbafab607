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
    from gallery import BLOCK, DOCS, gallery

    page = DOCS / "paper-gallery.md"
    text = page.read_text(encoding="utf-8")
    block = text.partition(f"<!-- BEGIN {BLOCK} -->")[2].partition(f"<!-- END {BLOCK} -->")[0]
    expected = gallery(
        {name: DOCS / "studies" / f"paper-{name}" for name in studies(docs)}, "cpu", page
    )
    assert block.strip() == expected.strip(), "run: python benchmarks/gallery.py"
