"""Audits side by side: differences of every measurement, paired where the audits share noise.

Noise depends on (seed, kind of input, picture) alone. Two audits of one seed therefore showed the same
noisy pictures to both models where they measured the same pictures, and drew their samples from the same
noise. The difference is then taken picture by picture, and what all pictures have in common cancels:

    paired:    D = mean_i (a_i - b_i),    se = s(a_i - b_i) / sqrt(n)
    unpaired:  D = mean(a) - mean(b),     se^2 = se_a^2 + se_b^2
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from denoscope.errors import InputError
from denoscope.tables.folder import AuditTables
from denoscope.tables.summary import DataNote

__all__ = ["COMPARISON", "Comparison", "compare_audits"]

_KEYS = {
    "metric": pl.String,
    "denoiser": pl.String,
    "reference": pl.String,
    "inputs": pl.String,
    "sigma": pl.Float64,
    "sigma_used": pl.Float64,
    "param": pl.Float64,
    "index": pl.Int64,
}
_MAY_BE_NULL = ("sigma", "sigma_used", "param", "index")
_NONE = -1.0e9  # stands for null while joining, which no key ever is

COMPARISON = pl.Schema(
    {
        "audit": pl.String,
        "against": pl.String,
        **_KEYS,
        "mean": pl.Float64,
        "mean_against": pl.Float64,
        "difference": pl.Float64,
        "se": pl.Float64,
        "n": pl.Int64,
        "paired": pl.Boolean,
    }
)
"""One row an audit, metric, denoiser, kind of input and level that the first audit has too.

difference: of `audit` less `against`, over the n pictures they share where paired, else of the means.
se: its standard error, null where unknown. n: where unpaired, that of the smaller side.
"""


@dataclass(frozen=True)
class Comparison:
    """table: as `COMPARISON`. names: of the audits compared, the first being what the others are held
    against. remarks: what could not be compared, or not in pairs, a sentence each."""

    names: tuple[str, ...]
    table: pl.DataFrame
    remarks: tuple[str, ...]


def compare_audits(audits: Mapping[str, AuditTables]) -> Comparison:
    """Hold every audit against the first, metric by metric and level by level.

    Measurements are compared where both have them at the same level. They are paired where at least
    half of the smaller side's pictures are shared, in seed, kind of input and number; pictures (not
    noise alone) are shared by audits on the same data only. Pooled figures have no value a picture
    and are never paired. What is not finite is left out.

    Raises InputError for fewer than two audits, or where none can be held against the first.
    """
    if len(audits) < 2:
        raise InputError(f"{len(audits)} audit given: give two or more to compare")
    (first, base), *others = audits.items()
    shape = base.summary.provenance.data.shape
    parts, remarks, names = [], [], [first]
    for name, tables in others:
        theirs = tables.summary.provenance.data
        if theirs.shape != shape:
            remarks.append(
                f"{name} cannot be compared: its pictures are {theirs.shape}, those of {first} {shape}."
            )
            continue
        part = _differences(tables, base)
        if part.is_empty():
            remarks.append(f"{name} cannot be compared: it shares no measurement with {first}.")
            continue
        names.append(name)
        remarks += _remarks(name, first, tables, base, part)
        parts.append(part.with_columns(audit=pl.lit(name), against=pl.lit(first)))
    if not parts:
        raise InputError(
            " ".join(remarks).removesuffix(".") + ": audit on the same data and levels"
        )
    table = pl.concat(parts).select(COMPARISON.names()).cast(dict(COMPARISON))
    return Comparison(tuple(names), table, tuple(remarks))


def _differences(tables: AuditTables, base: AuditTables) -> pl.DataFrame:
    """The rows of one audit against the first, without the names."""
    keys = list(_KEYS)
    both = _means(tables).join(_means(base), on=keys, suffix="_against")
    shared = _values(tables).join(_values(base), on=[*keys, "seed", "picture"], suffix="_against")
    gap = pl.col("value") - pl.col("value_against")
    pairs = shared.group_by(keys, maintain_order=True).agg(
        gap.mean().alias("paired_difference"),
        (gap.std() / pl.len().sqrt()).alias("paired_se"),
        pl.len().alias("shared"),
    )
    smaller = pl.min_horizontal("n", "n_against")
    same_pictures = _same_data(tables, base) or pl.col("inputs") == "noise"
    paired = (pl.col("shared") >= pl.max_horizontal(smaller / 2, 2)) & same_pictures
    found = both.join(pairs, on=keys, how="left").with_columns(paired=paired.fill_null(value=False))
    found = found.with_columns(
        difference=pl.when("paired")
        .then("paired_difference")
        .otherwise(pl.col("mean") - pl.col("mean_against")),
        se=pl.when("paired")
        .then("paired_se")
        .otherwise((pl.col("se") ** 2 + pl.col("se_against") ** 2).sqrt()),
        n=pl.when("paired").then("shared").otherwise(smaller),
    )
    descending = [key.startswith("sigma") for key in keys]
    found = found.filter(pl.col("difference").is_finite()).sort(keys, descending=descending)
    found = found.with_columns(
        pl.when(pl.col(key) != _NONE).then(pl.col(key)).alias(key) for key in _MAY_BE_NULL
    )
    return found.select(
        *keys, "mean", "mean_against", "difference", pl.col("se").fill_nan(None), "n", "paired"
    )


def _means(tables: AuditTables) -> pl.DataFrame:
    """Measurements by key; where an audit has several seeds, their mean."""
    weight = pl.col("n") / pl.col("n").sum()
    return (
        _joinable(tables.measurements)
        .group_by(list(_KEYS), maintain_order=True)
        .agg(
            mean=(weight * pl.col("mean")).sum(),
            # a sum passes over null: one unknown error makes the whole unknown
            se=pl.when(pl.col("se").is_not_null().all()).then(
                ((weight * pl.col("se")) ** 2).sum().sqrt()
            ),
            n=pl.col("n").sum(),
        )
    )


def _values(tables: AuditTables) -> pl.DataFrame:
    finite = tables.values.filter(pl.col("value").is_finite())
    return _joinable(finite).select(*_KEYS, "seed", "picture", "value")


def _joinable(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(*_MAY_BE_NULL).cast(pl.Float64).fill_null(_NONE))


def _same_data(one: AuditTables, two: AuditTables) -> bool:
    def known(data: DataNote) -> tuple[str, str]:
        return data.where, data.name

    a, b = one.summary.provenance.data, two.summary.provenance.data
    return a.fingerprint == b.fingerprint or known(a) == known(b)


def _remarks(
    name: str, first: str, tables: AuditTables, base: AuditTables, part: pl.DataFrame
) -> list[str]:
    remarks = []
    ours, theirs = base.summary.provenance, tables.summary.provenance
    if not _same_data(tables, base):
        remarks.append(
            f"{name} is of other data ({theirs.data.name}) than {first} ({ours.data.name}): "
            "a difference may be the data's, and pictures are not paired."
        )
    elif ours.seed != theirs.seed:
        remarks.append(
            f"{name} was audited with seed {theirs.seed}, {first} with {ours.seed}: they share no noise, "
            "and standard errors are combined."
        )
    elif not part["paired"].any():
        remarks.append(
            f"{name} shares too few pictures with {first}: standard errors are combined."
        )
    for one, other, who in ((tables, base, name), (base, tables, first)):
        alone = _levels(one) - _levels(other)
        if alone:
            levels = ", ".join(f"{sigma:.3g}" for sigma in sorted(alone, reverse=True))
            remarks.append(f"Only {who} was measured at sigma {levels}: not compared.")
        missing = set(one.measurements["inputs"].unique()) - set(
            other.measurements["inputs"].unique()
        )
        for inputs in sorted(missing):
            remarks.append(f"Only {who} has {inputs.replace('_', '-')} inputs: not compared.")
    return remarks


def _levels(tables: AuditTables) -> set[float]:
    return set(tables.measurements["sigma_used"].drop_nulls().unique())
