import dataclasses
import json
import math

import polars as pl
import pytest

from denoscope.report import audit_charts
from denoscope.report.along_sigma import error_chart
from denoscope.report.source import ChartSource
from denoscope.tables import LatentNote
from synthetic_audit import LEVELS, synthetic_audit

EVERYTHING = [
    "distance-to-closed-forms",
    "toward-multi-delta",
    "train-held-out-gap",
    "denoising-error",
    "copy-ratio",
    "gl",
    "linearity",
    "linearity-norm-ratio",
    "against-simple-denoisers",
    "share-explained",
    "psnr",
    "relative-distance-to-closed-forms",
    "effective-pictures",
]


def names(tables) -> list[str]:
    return [chart.name for chart in audit_charts(tables)]


def points(spec: dict, series: str) -> list[dict]:
    """The drawn points of one line, wherever altair put them in the spec."""
    inline = [layer.get("data", {}) for layer in spec["layer"]] + [spec.get("data", {})]
    rows = [row for data in inline for row in data.get("values", [])]
    found = {row["sigma"]: row for row in rows if row.get("series") == series}
    return [found[sigma] for sigma in sorted(found)]


def test_every_chart_that_has_its_evidence_is_drawn_and_no_other():
    assert names(synthetic_audit()) == EVERYTHING
    alone = names(synthetic_audit(held_out=False, samples=False))
    assert set(EVERYTHING) - set(alone) == {"train-held-out-gap", "copy-ratio", "gl"}
    empty = dataclasses.replace(synthetic_audit(), measurements=[], samples=[])
    assert names(empty) == []


def test_lines_and_bands_are_the_tables_own():
    tables = synthetic_audit()
    chart = audit_charts(tables)[0]
    assert [panel.caption for panel in chart.panels] == [
        "Noisy held-out pictures",
        "Noisy training pictures",
        "Noise alone",
    ]
    assert [style.name for style in chart.styles] == [
        "Network to Gaussian",
        "Network to Multi-delta",
        "Gaussian to Multi-delta",
    ]
    rows = tables.measurements.filter(
        metric="score_error", denoiser="network", reference="gaussian", inputs="held_out"
    ).sort("sigma")
    drawn = points(chart.panels[0].drawing.to_dict(), "Network to Gaussian")
    assert [row["sigma"] for row in drawn] == sorted(LEVELS)
    for row, mean, se in zip(drawn, rows["mean"], rows["se"], strict=True):
        assert row["mean"] == pytest.approx(mean)
        assert row["low"] == pytest.approx(mean - 2 * se)
        assert row["high"] == pytest.approx(mean + 2 * se)


def test_seeds_are_pooled_by_their_counts():
    tables = synthetic_audit(samples=False, pictures=False)
    one = tables.measurements.filter(metric="psnr")
    two = one.with_columns(seed=pl.lit(1, pl.Int64), mean=pl.col("mean") + 4, n=3 * pl.col("n"))
    both = dataclasses.replace(tables, measurements=pl.concat([one, two]))
    keys = ["denoiser", "inputs", "sigma"]
    pooled = ChartSource(both).metric("psnr").sort(keys)
    alone = one.sort(keys)
    assert pooled["mean"].to_list() == pytest.approx((alone["mean"] + 3).to_list())
    assert pooled["n"].to_list() == (4 * alone["n"]).to_list()
    half = 2 * math.sqrt(1 + 9) / 4 * alone["se"]
    assert pooled["half"].to_list() == pytest.approx(half.to_list())


def test_linearity_is_drawn_for_the_equal_mix():
    tables = synthetic_audit(samples=False, pictures=False)
    rows = tables.measurements.filter(metric="linearity_cosine")
    off = rows.with_columns(param=pl.lit(0.99), mean=pl.lit(0.5))
    both = dataclasses.replace(tables, measurements=pl.concat([rows, off]))
    assert ChartSource(both).metric("linearity_cosine")["mean"].min() > 0.8  # type: ignore[operator]


def test_the_gray_ground_ends_where_the_multi_delta_spreads():
    source = ChartSource(synthetic_audit())
    rows = source.metric("effective_pictures").filter(inputs="held_out")
    assert source.collapse is not None
    assert rows.filter(pl.col("sigma") < source.collapse)["mean"].max() < 2  # type: ignore[operator]
    assert rows.filter(pl.col("sigma") > source.collapse)["mean"].min() > 2  # type: ignore[operator]


def test_a_metric_without_a_chart_of_its_own_is_drawn_plainly():
    tables = synthetic_audit(samples=False, pictures=False)
    new = tables.measurements.filter(metric="rmse").with_columns(metric=pl.lit("spectral_error"))
    chart = audit_charts(dataclasses.replace(tables, measurements=new))[-1]
    assert (chart.name, chart.title) == ("spectral-error", "Spectral error")
    assert chart.panels[0].caption == "Noisy training pictures"


def test_infinite_and_lonely_measurements_leave_valid_json():
    tables = synthetic_audit(samples=False, pictures=False)
    odd = pl.when(pl.col("denoiser") == "multi_delta").then(math.inf).otherwise(pl.col("mean"))
    rows = tables.measurements.filter(pl.col("metric").is_in(["psnr", "rmse"]))
    rows = rows.with_columns(mean=odd, se=pl.lit(None, dtype=pl.Float64)).filter(sigma=LEVELS[3])
    for chart in audit_charts(dataclasses.replace(tables, measurements=rows)):
        json.dumps(chart.for_page(), allow_nan=False)
        json.dumps(chart.for_print(), allow_nan=False)


def test_page_and_print_draw_the_same_panels():
    chart = audit_charts(synthetic_audit())[2]
    (page,), printed = chart.for_page(), chart.for_print()
    assert page["width"] == "container"
    assert page["config"]["legend"]["disable"] is True
    assert chart.title in page["description"]
    assert printed["config"]["legend"]["disable"] is False
    assert printed["title"]["text"] == chart.title
    assert len(printed["hconcat"]) == len(chart.panels) == 1


def test_a_distribution_is_the_share_below():
    tables = synthetic_audit()
    chart = next(chart for chart in audit_charts(tables) if chart.name == "copy-ratio")
    spec = chart.panels[0].drawing.to_dict()
    inline = [layer.get("data", {}) for layer in spec["layer"]] + [spec.get("data", {})]
    steps = [row for data in inline for row in data.get("values", []) if "share" in row]
    control = tables.samples.filter(source="held_out")["ratio"]
    own = [row for row in steps if row["series"] == "Held-out pictures"]
    for value in (1 / 3, 0.8, 0.9):
        at = max((row["share"] for row in own if row["value"] <= value), default=0.0)
        assert at == pytest.approx((control <= value).mean())


def test_axes_say_what_sigma_is_measured_in():
    audit = synthetic_audit()
    note = LatentNote(
        autoencoder="AutoencoderKL",
        code="mode of the posterior",
        scale=[0.2],
        shift=[0.0],
        pictures=(1, 32, 32),
        hash="0" * 64,
    )
    run = audit.summary.provenance.model_copy(update={"latents": note})
    latent = dataclasses.replace(
        audit, summary=audit.summary.model_copy(update={"provenance": run})
    )
    for tables, units, others in ((audit, "pixels", "latents"), (latent, "latents", "pixels")):
        axes = json.dumps(error_chart(ChartSource(tables)).for_print())
        assert units in axes
        assert others not in axes
