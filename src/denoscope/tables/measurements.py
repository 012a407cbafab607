"""The three tables of an audit: their columns, and the one function that holds a frame to them.

Long tables: a new metric is new rows, never a new column. What each column and metric means is
told in docs/reference/tables.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import polars as pl

from denoscope.errors import InputError

__all__ = ["INPUTS", "MEASUREMENTS", "SAMPLES", "VALUES", "TableName", "conform"]

TableName = Literal["measurements", "values", "samples"]

INPUTS = ("train", "held_out", "noise")
"""What a denoiser was shown: noisy training pictures, noisy held-out pictures, noise alone."""

_KEYS = {
    "cell": pl.String,  # which model of a study; empty in a single audit
    "seed": pl.Int64,
    "metric": pl.String,
    "denoiser": pl.String,
    "reference": pl.String,  # the second denoiser, or empty
    "inputs": pl.String,
    "sigma": pl.Float64,  # the level asked; null for a metric of finished samples
    "sigma_used": pl.Float64,  # the level the model was called with
    "param": pl.Float64,
    "index": pl.Int64,
}

MEASUREMENTS = pl.Schema({**_KEYS, "mean": pl.Float64, "se": pl.Float64, "n": pl.Int64})
"""One row a metric, denoiser, kind of input and level: mean over pictures, its standard error."""

VALUES = pl.Schema({**_KEYS, "picture": pl.Int64, "value": pl.Float64})
"""One row a picture: what the means were taken over, so that differences stay paired."""

SAMPLES = pl.Schema(
    {
        "cell": pl.String,
        "seed": pl.Int64,
        "denoiser": pl.String,  # who drew it; empty for a held-out control
        "source": pl.String,
        "number": pl.Int64,  # sample number, or the id of the held-out picture
        "nearest_id": pl.Int64,
        "nearest_distance": pl.Float64,
        "outside_id": pl.Int64,  # nearest outside the near-duplicate group of nearest_id
        "outside_distance": pl.Float64,
        "ratio": pl.Float64,
        "group_size": pl.Int64,
        "gl": pl.Float64,
        "copied": pl.Boolean,
        "nearest_name": pl.String,
    }
)
"""One row a generated picture or held-out control, with its nearest training pictures."""

_SCHEMAS: dict[str, pl.Schema] = {
    "measurements": MEASUREMENTS,
    "values": VALUES,
    "samples": SAMPLES,
}
_NULLABLE = {
    *("sigma", "sigma_used", "param", "index", "se"),
    *("outside_id", "outside_distance", "ratio"),
}
_EMPTY_BY_DEFAULT = {"cell", "reference", "denoiser", "nearest_name"}
_ALLOWED = {"inputs": set(INPUTS), "source": {"sample", "held_out"}}
_UNIQUE = {
    "measurements": [*_KEYS],
    "values": [*_KEYS, "picture"],
    "samples": ["cell", "seed", "denoiser", "source", "number"],
}
_NOT_NEGATIVE = {"se", "n", "sigma", "sigma_used", "nearest_distance", "outside_distance", "gl"}


def conform(
    name: TableName, rows: pl.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]]
) -> pl.DataFrame:
    """The table `name` ("measurements", "values" or "samples") from a frame, columns or rows.

    Columns come out in the schema's order and types. Missing columns that may be null are filled
    with null; `cell`, `reference`, `denoiser` and `nearest_name` with "". Infinity passes
    (the PSNR of an exact denoiser), NaN does not.

    Raises InputError for an unknown or missing column, a value of the wrong type, a null or NaN
    where there must be a number, an unknown kind of input, or two rows of one key.
    """
    schema = _SCHEMAS[name]
    frame = _filled(name, schema, _as_frame(name, schema, rows))
    _check_cells(name, frame)
    keys = frame.select(_UNIQUE[name])
    twice = keys.filter(keys.is_duplicated())
    if twice.height:
        first = {key: value for key, value in twice.row(0, named=True).items() if value is not None}
        raise InputError(
            f"{name}: {twice.height} rows share their keys with another, the first at {first}: "
            "write each measurement once"
        )
    return frame


def _as_frame(name: str, schema: pl.Schema, rows: Any) -> pl.DataFrame:
    if isinstance(rows, pl.DataFrame):
        return rows
    try:
        if isinstance(rows, Mapping):
            return pl.DataFrame(dict(rows), strict=False)
        rows = [dict(row) for row in rows]
        given = {key: None for row in rows for key in row}
        typed = {key: schema.get(key) for key in given}  # no guess from the first rows' types
        return pl.DataFrame(rows, schema=typed, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise InputError(f"{name}: these rows are no table: {_one_line(error)}") from error


def _filled(name: str, schema: pl.Schema, frame: pl.DataFrame) -> pl.DataFrame:
    unknown = [column for column in frame.columns if column not in schema]
    if unknown:
        raise InputError(
            f"{name}: unknown column {unknown[0]!r}; it has {', '.join(schema.names())}"
        )
    for column in schema.names():
        if column in frame.columns:
            if column in _EMPTY_BY_DEFAULT:
                frame = frame.with_columns(pl.col(column).fill_null(""))
        elif column in _NULLABLE or frame.height == 0:
            frame = frame.with_columns(pl.lit(None).alias(column))
        elif column in _EMPTY_BY_DEFAULT:
            frame = frame.with_columns(pl.lit("").alias(column))
        else:
            raise InputError(f"{name}: column {column!r} is missing; give it for every row")
    try:
        frame = frame.select(
            pl.col(column).cast(kind, strict=True) for column, kind in schema.items()
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{name}: a value has the wrong type: {_one_line(error)}") from error
    return frame


def _check_cells(name: str, frame: pl.DataFrame) -> None:
    for column, kind in frame.schema.items():
        values = frame[column]
        if column not in _NULLABLE and values.null_count():
            raise InputError(f"{name}: column {column!r} holds a null; it must be known everywhere")
        if kind == pl.Float64 and values.is_nan().any():
            raise InputError(
                f"{name}: column {column!r} holds NaN; leave out what could not be measured"
            )
        if column in _NOT_NEGATIVE and (values < 0).any():
            raise InputError(f"{name}: column {column!r} holds {values.min()}; give 0 or more")
        allowed = _ALLOWED.get(column, set())
        wrong = sorted(set(values.unique().to_list()) - allowed) if allowed else []
        if wrong:
            raise InputError(
                f"{name}: {column} {wrong[0]!r} is unknown; use {', '.join(sorted(allowed))}"
            )


def _one_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
