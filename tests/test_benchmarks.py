"""The studies' scripts: what they keep, what they never do twice, and what they conclude."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.errors import InputError
from ladder_tables import write_ladder

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def small_cell():
    from cells import Cell

    return Cell(
        "digits", None, 8, seed=1, width=4, multipliers=(1,), kimg=0.2, batch=8, precision="fp32"
    )


def test_a_cell_is_trained_and_audited_once(small_cell, tmp_path):
    from cells import audit_cell, train_cell

    run = train_cell(small_cell, tmp_path / "run")
    weights = run / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    train_cell(small_cell, run)
    first = audit_cell(run, (3,), pictures=6, samples=4)
    summary = run / "audits" / "weights-seed-3" / "summary.json"
    assert list(first) == [3]
    assert first[3].tables.summary.provenance.seed == 3
    assert first[3].tables.summary.provenance.data.n_train == 8
    written = summary.stat().st_mtime_ns
    audit_cell(run, (3,), pictures=6, samples=4)
    assert (weights.stat().st_mtime_ns, summary.stat().st_mtime_ns) == (before, written)
    audit_cell(run, (3,), pictures=6, samples=4, again=True)
    assert summary.stat().st_mtime_ns > written
    common = audit_cell(run, (3,), pictures=6, samples=4, beyond=500)[3].tables.summary.provenance
    assert (common.data.n_train, common.data.n_held_out) == (8, 1797 - 500)
    assert (run / "audits" / "weights-beyond-500-seed-3").is_dir()


def test_a_finished_run_of_other_pictures_is_refused(small_cell, tmp_path):
    from dataclasses import replace

    from cells import train_cell

    run = train_cell(small_cell, tmp_path / "run")
    for other in (replace(small_cell, n=9), replace(small_cell, seed=2)):
        with pytest.raises(InputError, match="give another folder"):
            train_cell(other, run)


def test_a_block_of_a_page_is_replaced_and_nothing_else(tmp_path):
    from doc_blocks import fill_block, markdown_table

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- BEGIN one -->\nold\n<!-- END one -->\nafter\n")
    for _ in range(2):
        fill_block(page, "one", markdown_table(["a", "b"], [["1", "2"]]))
        assert page.read_text() == (
            "before\n<!-- BEGIN one -->\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n<!-- END one -->\nafter\n"
        )
    with pytest.raises(InputError, match="no place for two"):
        fill_block(page, "two", "text")


def test_copies_counted_by_brute_force(few_digits):
    from calibration import independent_copies

    train, held_out = few_digits
    copies, control = independent_copies(MultiDeltaDenoiser(train), train, held_out, 7, count=20)
    assert copies == 1.0
    assert control < 0.1
    blind, _ = independent_copies(GaussianDenoiser.fit(train), train, held_out, 7, count=20)
    assert blind < 0.1


def test_the_rule_applied_to_a_kept_row_gives_the_audit_s_verdict(few_digits):
    from calibration import evidence, with_verdict

    from denoscope.auditing import audit

    train, held_out = few_digits
    for denoiser in (MultiDeltaDenoiser(train), GaussianDenoiser.fit(train)):
        found = audit(denoiser, train, held_out, pictures=32, samples=24)
        kept = with_verdict(json.loads(json.dumps(evidence(found))))
        assert kept["verdict"] == found.verdict.label
        assert kept["confidence"] == pytest.approx(found.verdict.confidence, abs=1e-3)
        assert kept["votes"] == {r.signal: r.vote for r in found.verdict.reasons}


def test_the_calibration_has_enough_rows_each_named_once():
    from calibration import planned

    rows = planned("somewhere/faces32.npz")
    assert len({row.name for row in rows}) == len(rows) >= 24
    assert len({row.cell.where for row in rows}) == 4
    assert {row.expected for row in rows} == {"memorizing", "generalizing", "undertrained"}


def test_the_matrix_counts_false_alarms_and_marks_wrong_rows():
    from calibration import confusion

    signals = {"copies": {"value": 0.0, "low": 0.0, "high": 0.0}}
    base = {"model": "network", "where": "digits", "side": 8, "n": 16, "seed": 0, "kimg": 2.0}
    base |= {"signals": signals, "confidence": 0.9, "votes": {"copies": "memorizing"}}
    base |= {"independent_copy_share": 0.25, "independent_control_share": 0.0}
    pairs = [("generalizing", "generalizing")] * 3 + [("generalizing", "memorizing")]
    pairs += [("memorizing", "memorizing"), ("undertrained", "not_enough_evidence")]
    text = confusion([base | {"expected": e, "verdict": v} for e, v in pairs])
    assert "| **generalizing** | 1 | 0 | 3 | 0 | 0 |" in text
    assert "called memorizing: 1 of 4 (95 % interval by Wilson 5% to 70%)" in text
    assert "Right in all: 4 of 6." in text
    assert text.count("(not as expected)") == 2


def test_claims_are_judged_by_sign_and_by_every_seed(tmp_path):
    from ladder import claims

    found = claims(write_ladder(tmp_path))
    assert all(one["holds"] for one in (*found["along_n"], *found["together"]))
    rhos = {one["measure"]: one["rho"] for one in found["along_n"]}
    assert rhos["linearity_held_out"] == {"0": 1.0, "1": 1.0}
    assert rhos["distance_to_gaussian"] == {"0": -1.0, "1": -1.0}
    assert found["verdicts_in_order"]
    # the memorizing one was nearest to the Gaussian on its way, and so were the others
    assert found["training_length"]["holds"]
    assert [c["nearest_at_kimg"] for c in found["training_length"]["curves"]] == [10.0, 10.0, 10.0]

    table = tmp_path / "measurements.parquet"
    rows = pl.read_parquet(table)
    turned = pl.when(
        (pl.col("metric") == "memorization_ratio")
        & (pl.col("denoiser") == "network")
        & (pl.col("seed") == 1)
    )
    rows.with_columns(mean=turned.then(1 - pl.col("mean")).otherwise("mean")).write_parquet(table)
    found = claims(tmp_path)
    failing = [one["measure"] for one in found["along_n"] if not one["holds"]]
    assert failing == ["memorization_ratio"]
    assert sum(not one["holds"] for one in found["together"]) == 4  # with each of the others


def test_steps_of_linearity_are_paired_and_say_where_there_is_a_tie():
    from ladder import linearity_steps

    rows = [
        {"n": n, "seed": seed, "sigma": sigma, "picture": picture, "value": value}
        for n, gain in ((4, 0.0), (64, 0.1), (1024, 0.1))
        for seed in (0, 1)
        for picture in range(6)
        for sigma in (4.0, 0.5)
        # at 4, the lowest: pictures differ by far more than networks do
        for value in [
            0.1 * picture + gain + (0.001 * (-1) ** picture if n == 1024 else 0) + (sigma < 1)
        ]
    ]
    up, tie = linearity_steps(pl.DataFrame(rows))
    assert (up["from"], up["to"], up["sigma"], up["pairs"]) == (4, 64, 4.0, 12)
    assert (up["difference"], up["se"], up["sure"]) == (pytest.approx(0.1), 0.0, True)
    assert tie["difference"] == 0.0
    assert tie["se"] == pytest.approx(0.001 * (12 / 11) ** 0.5 / 12**0.5, abs=1e-5)
    assert not tie["sure"]


def test_a_constant_measure_has_no_rho_and_does_not_hold(tmp_path):
    from ladder import claims

    folder = write_ladder(tmp_path)
    rows = pl.read_parquet(folder / "measurements.parquet")
    flat = pl.when(pl.col("metric") == "memorization_ratio").then(0.0).otherwise("mean")
    rows.with_columns(mean=flat).write_parquet(folder / "measurements.parquet")
    one = next(c for c in claims(folder)["along_n"] if c["measure"] == "memorization_ratio")
    assert (one["rho"], one["holds"]) == ({"0": None, "1": None}, False)


def test_the_page_says_what_the_claims_say(tmp_path):
    from ladder import claims
    from ladder_page import told

    folder = write_ladder(tmp_path / "study")
    (folder / "figures").mkdir()
    (folder / "figures" / "fig-06-distance-to-gaussian.svg").touch()
    found = claims(folder)
    text = told(folder, found)
    assert "trained on 4, 64, 1,024 pictures of made up at 8x8" in text
    assert "![Fig. 6 (left)](studies/study/figures/fig-06-distance-to-gaussian.svg)" in text
    assert "its mean is 0.895, 0.495, 0.095. **Holds.**" in text
    assert "fig-01" not in text  # no file, no picture of it
    judged = {one["measure"]: one for one in found["along_n"]}
    judged["distance_to_gaussian"]["holds"] = False
    assert "**Does not hold** (distance to gaussian)." in told(folder, found)


@pytest.mark.slow
def test_a_ladder_from_nothing_and_again_from_its_tables(tmp_path, monkeypatch):
    import ladder

    page = tmp_path / "gallery.md"
    page.write_text("<!-- BEGIN study -->\n<!-- END study -->\n")
    words = ["--out", tmp_path / "study", "--page", page]
    made = [
        "--runs",
        f"{tmp_path}/run-{{n}}",
        "--data",
        "digits",
        "--images",
        "8,200",
        "--seeds",
        "0,1",
    ]
    made += [
        "--width",
        "4",
        "--multipliers",
        "1",
        "--kimg",
        "0.4",
        "--snapshots",
        "0.2",
        "--pictures",
    ]
    monkeypatch.setattr(sys, "argv", ["ladder.py", *map(str, [*words, *made])])
    ladder.main()
    study = tmp_path / "study"
    kept = {path.name for path in study.iterdir()}
    assert kept == {"measurements.parquet", "verdicts.json", "claims.json", "figures"}
    assert (study / "figures" / "fig-12-samples.png").is_file()
    cells = json.loads((study / "verdicts.json").read_text())["cells"]
    assert [(c["cell"], c["seed"]) for c in cells] == [
        *[("N=8", 0), ("N=8", 1), ("N=8 at 0.2 kimg", 0)],
        *[("N=200", 0), ("N=200", 1), ("N=200 at 0.2 kimg", 0)],
    ]
    first = page.read_text(), (study / "claims.json").read_text()
    monkeypatch.setattr(sys, "argv", ["ladder.py", *map(str, words)])
    ladder.main()
    assert (page.read_text(), (study / "claims.json").read_text()) == first


def test_early_stopping_is_told_from_what_is_kept():
    import early_stopping as study

    results = json.loads((study.STUDY / "results.json").read_text())
    watch = study.read_watch(study.STUDY / "watch.json")
    assert results["holds"]
    assert study.holds(results["audits"])
    results["audits"]["twin"]["1"]["verdict"] = "transitional"
    assert not study.holds(results["audits"])
    seen = results["pictures_seen"]
    assert (watch.before.seen, watch.onset.seen) == (seen["stopped"], seen["stopped_at"])
    text = study.page({**results, "holds": False}, watch)
    assert "**Does not hold**" in text
    assert f"| {watch.onset.seen:,} | transitional" in text
    block = study.PAGE.read_text().partition("<!-- BEGIN early-stopping -->")[2]
    assert f"stopped after {seen['stopped_at']:,} of" in block


def test_a_family_of_models_is_trained_audited_and_told_once(tmp_path, monkeypatch, few_digits):
    import foreign_families as study

    train, held_out = few_digits
    monkeypatch.setattr(study, "split", lambda n: (train, held_out))
    monkeypatch.setattr(study, "TABLES", tmp_path / "tables")
    family = study.Family("tiny", "10_train_a_flow_with_diffusers", {"widths": (8,)}, "a flow")
    few, many = study.Cell(family, study.FEW, kimg=0.16), study.Cell(family, study.MANY, kimg=0.16)
    monkeypatch.setattr(study, "CELLS", (few, many))
    tables = study.audited(few, tmp_path / "runs")
    assert sorted(path.name for path in tables.iterdir()) == sorted(study.KEPT)
    summary = json.loads((tables / "summary.json").read_text())
    assert summary["provenance"]["model"]["family"] == "diffusers UNet2DModel, flow"
    weights = tmp_path / "runs" / "tiny-16" / "diffusion_pytorch_model.safetensors"
    before = weights.stat().st_mtime_ns
    study.audited(few, tmp_path / "runs")
    assert weights.stat().st_mtime_ns == before
    page = tmp_path / "page.md"
    page.write_text("<!-- BEGIN families -->\n<!-- END families -->\n")
    told = study.written(page)
    assert told in page.read_text()
    # ten steps teach nothing, and the row says that this was not meant to be
    assert "| a flow | 16 | 0.16 | memorizing | undertrained 1.00 **(not as expected)** |" in told
    assert told.endswith("Right: 0 of 1.")
