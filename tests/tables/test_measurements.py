import math

import polars as pl
import pytest

from denoscope.errors import InputError
from denoscope.tables import MEASUREMENTS, SAMPLES, VALUES, conform

ROW = {
    "seed": 0,
    "metric": "rmse",
    "denoiser": "network",
    "inputs": "train",
    "sigma": 1.0,
    "sigma_used": 1.0,
    "mean": 0.25,
    "se": 0.01,
    "n": 16,
}


def test_rows_get_every_column_in_order_and_type():
    frame = conform("measurements", [ROW])
    assert frame.schema == MEASUREMENTS
    row = frame.row(0, named=True)
    assert (row["cell"], row["reference"], row["param"]) == ("", "", None)
    assert (row["mean"], row["n"]) == (0.25, 16)


def test_columns_frames_and_rows_agree():
    rows = [ROW, {**ROW, "sigma": 2, "mean": 1}]
    columns = {key: [row[key] for row in rows] for key in ROW}
    from_rows = conform("measurements", rows)
    assert conform("measurements", columns).equals(from_rows)
    assert conform("measurements", pl.DataFrame(columns)).equals(from_rows)
    assert conform("measurements", from_rows).equals(from_rows)


def test_a_key_missing_from_the_first_rows_is_kept():
    frame = conform("measurements", [ROW, {**ROW, "sigma": 2.0, "param": 0.5, "reference": "x"}])
    assert frame["param"].to_list() == [None, 0.5]
    assert frame["reference"].to_list() == ["", "x"]


def test_empty_tables_have_their_schema():
    for name, schema in (("measurements", MEASUREMENTS), ("values", VALUES), ("samples", SAMPLES)):
        assert conform(name, []).schema == schema  # type: ignore[arg-type]


def test_infinity_passes():
    assert conform("measurements", [{**ROW, "mean": math.inf}])["mean"].item() == math.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": math.nan}, "NaN"),
        ({"mean": None}, "'mean' holds a null"),
        ({"seed": None}, "'seed' holds a null"),
        ({"inputs": "trained"}, "inputs 'trained' is unknown; use held_out, noise, train"),
        ({"colour": 1}, "unknown column 'colour'"),
        ({"seed": "one"}, "no table"),
        ({"se": -0.1}, "'se' holds -0.1; give 0 or more"),
        ({"sigma": -1.0}, "'sigma' holds -1.0"),
    ],
)
def test_what_is_wrong_is_named(change, words):
    with pytest.raises(InputError, match=r"^measurements: ") as caught:
        conform("measurements", [{**ROW, **change}])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'n' is missing"):
        conform("measurements", [{key: value for key, value in ROW.items() if key != "n"}])


def test_a_wrong_type_in_a_frame_is_named():
    with pytest.raises(InputError, match="wrong type"):
        conform("measurements", pl.DataFrame({**{k: [v] for k, v in ROW.items()}, "n": ["many"]}))


def test_a_key_may_stand_once_only():
    with pytest.raises(InputError, match="2 rows share their keys"):
        conform("measurements", [ROW, {**ROW, "mean": 0.5}])


def test_a_source_must_be_known():
    row = {"seed": 0, "source": "dream", "number": 0, "nearest_id": 0, "nearest_distance": 1.0}
    with pytest.raises(InputError, match="source 'dream' is unknown"):
        conform("samples", [{**row, "group_size": 1, "gl": 0.5, "copied": False}])
