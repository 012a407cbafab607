import base64
import dataclasses
import functools
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from denoscope.errors import InputError
from denoscope.report import page_html, write_report
from denoscope.tables import AuditTables, Figure, Reason, Verdict, write_audit
from synthetic_audit import synthetic_audit

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


@functools.cache
def full_page() -> str:
    return page_html(synthetic_audit())


def without_charts(tables: AuditTables, **summary) -> AuditTables:
    changed = tables.summary.model_copy(update=summary)
    return dataclasses.replace(tables, measurements=[], summary=changed)


class Outline(HTMLParser):
    """Tags with attributes, text by tag, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("h1", "h2", "h3"):
            self.open = tag
            self.headings.append((tag, ""))
        if tag == "script":
            self.open = "script" if dict(attrs).get("type") is None else ""
            if self.open:
                self.scripts.append("")

    def handle_endtag(self, tag):
        if tag == self.open:
            self.open = ""

    def handle_data(self, data):
        if self.open == "script":
            self.scripts[-1] += data
        elif self.open:
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, text + data)


def test_the_verdict_comes_first_then_everything_in_order():
    headings = [text for tag, text in Outline(full_page()).headings if tag in ("h1", "h2")]
    assert headings == [
        "This model memorizes.",
        "What says so",
        "Warnings",
        "Headline figures",
        "Three denoisers, compared at every noise level",
        "The same noise through each denoiser",
        "24 of 24 samples copy a training picture",
        "The noise levels in pictures",
        "Measurements along the noise levels",
        "Level by level",
        "How it was run",
        "References",
    ]


def test_reasons_carry_their_figure_and_interval():
    page = full_page()
    assert "Confidence 94 %" in page
    assert "Held-out pictures are denoised far worse" in page
    assert "<b>0.312</b><span>0.287 to 0.337</span>" in page
    assert "denoscope audit runs/digits-48 --data digits --split 48" in page
    assert "arXiv:2410.24060" in page
    assert "T. Karras" in page


def test_nothing_on_the_page_points_outside():
    outline = Outline(full_page())
    for tag, attributes in outline.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form", "audio", "video")
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, name, target)
        assert not [name for name in attributes if name.startswith("on")]
    style = full_page().split("<style>", 1)[1].split("</style>", 1)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_names_exactly_the_page_s_own_scripts():
    outline = Outline(full_page())
    policy = next(
        a["content"]
        for t, a in outline.tags
        if t == "meta" and "content" in a and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert len(outline.scripts) == 2
    for script in outline.scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_pictures_have_words_and_tables_have_headers():
    tags = Outline(full_page()).tags
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert len(images) > 100
    assert all(attributes.get("alt") for attributes in images)
    assert all(a.get("scope") in ("col", "row") for tag, a in tags if tag == "th")
    assert [a.get("lang") for tag, a in tags if tag == "html"] == ["en"]
    targets = {a.get("id") for _, a in tags}
    assert {a["href"][1:] for tag, a in tags if tag == "a" and a.get("href")} <= targets  # type: ignore[index]


def test_without_pictures_the_file_holds_no_pixel():
    page = page_html(synthetic_audit(), pictures=False)
    assert "data:image" not in page
    assert "Pictures are left out of this page" in page
    assert "This page shows training pictures" not in page
    assert "digits[33]" in page  # what was copied is still named


def test_the_page_says_that_it_shows_training_pictures():
    assert "This page shows training pictures." in full_page()
    kept_none = without_charts(synthetic_audit(pictures=False))
    assert "This audit kept no pictures" in page_html(kept_none)


def test_what_is_missing_is_said_and_left_out():
    page = page_html(without_charts(synthetic_audit(held_out=False, samples=False)))
    assert "This model <em>cannot be judged yet</em>" in page
    assert "no held-out pictures: the gap and the controls could not be measured" in page
    headings = [text for _, text in Outline(page).headings]
    assert "What this audit could not see" in headings
    assert "The same noise through each denoiser" not in headings
    assert not [text for text in headings if "cop" in text]


@pytest.mark.parametrize("colour", [False, True])
def test_a_generalizing_model_has_no_copies(colour):
    page = page_html(without_charts(synthetic_audit("generalizing", colour=colour)))
    headings = [text for _, text in Outline(page).headings]
    assert "This model generalizes." in headings
    assert "No sample copies a training picture" in headings


@pytest.mark.parametrize("label", ["transitional", "undertrained"])
def test_every_label_has_its_sentence(label):
    verdict = Verdict(label=label, confidence=0.5, reasons=[])
    tables = without_charts(synthetic_audit(samples=False, pictures=False), verdict=verdict)
    assert f"--label: var(--{label})" in page_html(tables)


def test_strings_from_outside_cannot_become_markup():
    tables = synthetic_audit(n_samples=4, where=HOSTILE)
    run = tables.summary.provenance
    model = run.model.model_copy(update={"name": HOSTILE, "where": HOSTILE, "hash": HOSTILE})
    data = run.data.model_copy(update={"name": HOSTILE})
    update = {"model": model, "data": data, "command": ["denoscope", HOSTILE], "device": HOSTILE}
    update |= {"citations": [HOSTILE], "versions": {HOSTILE: HOSTILE}, "created": HOSTILE}
    reason = Reason(signal=HOSTILE, vote="none", text=HOSTILE, value=1)
    levels = [tables.summary.levels[0].model_copy(update={"note": HOSTILE, "sigma_used": 1.0})]
    changed = tables.summary.model_copy(
        update={
            "provenance": run.model_copy(update=update),
            "verdict": Verdict(label="memorizing", confidence=1, reasons=[reason]),
            "warnings": [HOSTILE],
            "levels": levels,
            "headline": {HOSTILE: Figure(value=1, note=HOSTILE)},
        }
    )
    rows = tables.measurements.filter(metric="psnr", inputs="train").to_dicts()
    for row in rows:
        row |= {"metric": HOSTILE, "denoiser": HOSTILE + row["denoiser"]}
    odd = dataclasses.replace(tables, summary=changed, measurements=rows)
    outline = Outline(page_html(odd))
    assert len(outline.scripts) == 2
    assert not any("alert(1)" in script for script in outline.scripts)
    assert all(a.get("src", "").startswith("data:") for tag, a in outline.tags if tag == "img")  # type: ignore[union-attr]
    assert all("onerror" not in attributes for _, attributes in outline.tags)


def test_a_page_with_large_pictures_stays_under_six_megabytes():
    tables = synthetic_audit()
    draw = np.random.default_rng(0)

    def large(*lead: int) -> np.ndarray:
        return draw.integers(0, 256, (*lead, 3, 160, 160), dtype=np.uint8)

    one = large(24)
    pictures = {f"sample/{name}": one for name in ("network", "gaussian", "multi_delta", "nearest")}
    pictures |= {f"trajectory/{name}": large(2, 10) for name in ("network", "gaussian")}
    pictures |= {f"denoise/{name}": large(2, 10) for name in ("noisy", "network")}
    page = page_html(dataclasses.replace(tables, pictures=pictures))
    assert 2_000_000 < len(page.encode()) < 6_000_000
    assert re.search(r"\d+ of 24 samples\.", page)


def test_the_report_is_written_into_the_audit_or_elsewhere(tmp_path):
    small = without_charts(synthetic_audit(samples=False, pictures=False))
    folder = write_audit(tmp_path / "audit", small)
    assert write_report(folder) == folder / "report.html"
    other = write_report(folder, tmp_path / "elsewhere" / "page.html", pictures=False)
    assert other.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(InputError, match="is no folder"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(folder, tmp_path)
