from xml.etree import ElementTree

import pytest

from denoscope.errors import InputError
from denoscope.report.ladder import read_ladder
from denoscope.report.ladder_charts import ladder_charts, write_ladder_figures
from ladder_tables import VERDICTS, level_of, write_ladder

CHARTS = [
    "fig-01-linearity",
    "fig-05-two-regimes",
    "fig-06-distance-to-gaussian",
    "fig-08-training-length",
    "fig-13-along-n",
    "fig-16-low-noise",
    "verdict-signals",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_ladder(tmp_path_factory.mktemp("ladder") / "study")


@pytest.fixture(scope="module")
def charts(folder):
    return {chart.name: chart for chart in ladder_charts(read_ladder(folder))}


def drawn(chart, panel: int) -> list[dict]:
    """Every row of data in one panel's spec."""
    spec = chart.panels[panel].drawing.to_dict()
    inline = [layer.get("data", {}) for layer in spec["layer"]] + [spec.get("data", {})]
    return [row for data in inline for row in data.get("values", [])]


def test_measures_are_what_the_tables_say(folder):
    measures = read_ladder(folder).measures().filter("finished")
    for n in VERDICTS:
        for seed in (0, 1):
            level = level_of(n, seed)
            found = dict(measures.filter(n=n, seed=seed).select("measure", "mean").rows())
            assert found == pytest.approx(
                {
                    "linearity_held_out": 0.8 + 0.2 * level,
                    "linearity_norm_ratio": 1 - level,
                    "linearity_noise": 0.8 + 0.2 * level,
                    "distance_to_gaussian": 1 - level,  # sigma 4 and 0.5: not 80, not 0.002
                    "low_noise_distance": 0.3 * (1 - level),
                    "low_noise_distance_train": 0.0,
                    "gl": level,
                    "gl_over_control": level / 2,
                    "memorization_ratio": 1 - level,
                }
            )
    half = measures.filter(measure="gl_over_control", n=64, seed=0)["half"].item()
    relative = ((0.001 / 0.5) ** 2 + (0.001 / 2) ** 2) ** 0.5
    assert half == pytest.approx(2 * 0.25 * relative)


def test_every_figure_has_a_chart_and_snapshots_make_one_more(folder, charts, tmp_path):
    assert list(charts) == CHARTS
    plain = ladder_charts(read_ladder(write_ladder(tmp_path, snapshots=False)))
    assert [chart.name for chart in plain] == [n for n in CHARTS if n != "fig-08-training-length"]


def test_lines_are_dashed_by_verdict_and_ordered_by_n(charts):
    styles = charts["fig-01-linearity"].styles
    assert [style.name for style in styles] == ["N = 4", "N = 64", "N = 1,024", "Gaussian"]
    assert [style.dash for style in styles[:3]] == [(7, 3), (2, 3), (1, 0)]
    assert len({style.colour for style in styles}) == 4


def test_seeds_are_pooled_and_snapshots_left_out(charts):
    rows = [row for row in drawn(charts["fig-06-distance-to-gaussian"], 0) if "series" in row]
    at = {row["series"]: row["mean"] for row in rows if row["sigma"] == 4.0}
    assert at == pytest.approx({"N = 4": 0.895, "N = 64": 0.495, "N = 1,024": 0.095})
    assert len({(row["series"], row["sigma"], row["mean"]) for row in rows}) == 3 * 4


def test_the_low_noise_chart_ends_at_one_and_shows_training_inputs(charts):
    chart = charts["fig-16-low-noise"]
    assert [panel.caption for panel in chart.panels] == [
        "Noisy held-out pictures",
        "Noisy training pictures",
    ]
    rows = [row for panel in (0, 1) for row in drawn(chart, panel) if "sigma" in row]
    assert max(row["sigma"] for row in rows) == 0.5


def test_along_n_every_measure_stands_beside_its_reference(charts):
    gl, linear, copies = (drawn(charts["fig-13-along-n"], panel) for panel in range(3))
    assert {row["series"] for row in gl if "series" in row} == {
        "Network",
        "Gaussian",
        "Held-out pictures",
    }
    assert {row["series"] for row in linear if "series" in row} == {"Network", "Gaussian"}
    ratio = {row["x"]: row["mean"] for row in copies if row.get("series") == "Network"}
    assert ratio == pytest.approx({4: 0.895, 64: 0.495, 1024: 0.095})


def test_figures_are_whole_files(folder, tmp_path):
    written = write_ladder_figures(folder, tmp_path / "out")
    assert [path.name for path in written] == [f"{n}.{e}" for n in CHARTS for e in ("svg", "png")]
    text = " ".join(ElementTree.parse(written[0]).getroot().itertext())
    assert "Linearity of networks" in text
    assert "N = 1,024" in text
    assert "NaN" not in written[0].read_text()
    assert written[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("broken", ["measurements.parquet", "verdicts.json"])
def test_a_folder_that_is_no_ladder_is_refused_in_one_line(tmp_path, broken):
    folder = write_ladder(tmp_path)
    (folder / broken).write_bytes(b"{}")
    with pytest.raises(InputError, match="is not a ladder") as refused:
        read_ladder(folder)
    assert "\n" not in str(refused.value)
    (folder / broken).unlink()
    with pytest.raises(InputError, match="is not a ladder"):
        read_ladder(folder)
