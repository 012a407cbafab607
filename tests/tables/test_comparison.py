"""Differences of audits: of made-up values whose differences and errors are known."""

import math

import numpy as np
import polars as pl
import pytest

from denoscope.errors import InputError
from denoscope.tables import COMPARISON, AuditTables, compare_audits
from synthetic_audit import synthetic_audit

SUMMARY = synthetic_audit("generalizing", pictures=False).summary


def summary_of(seed=0, **data):
    known = SUMMARY.provenance
    provenance = known.model_copy(update={"seed": seed, "data": known.data.model_copy(update=data)})
    return SUMMARY.model_copy(update={"provenance": provenance})


def audit_of(values, *, pictures=None, seed=0, sigma=1.0, inputs="held_out", metric="rmse", **data):
    """An audit of one measurement: these values, by picture."""
    values = np.asarray(values, dtype=float)
    pictures = range(len(values)) if pictures is None else pictures
    key = {"seed": seed, "metric": metric, "denoiser": "network", "inputs": inputs}
    key |= {"sigma": sigma, "sigma_used": sigma}
    known = len(values) > 1 and np.isfinite(values).all()
    se = values.std(ddof=1) / math.sqrt(len(values)) if known else None
    measured = [{**key, "mean": values.mean(), "se": se, "n": len(values)}]
    single = [{**key, "picture": p, "value": v} for p, v in zip(pictures, values, strict=True)]
    return AuditTables(measurements=measured, values=single, summary=summary_of(seed, **data))  # type: ignore[arg-type]


A, B = [1.0, 3.0, 2.0, 6.0], [1.5, 3.25, 2.5, 6.75]


def only_row(first, second):
    return compare_audits({"a": first, "b": second}).table.row(0, named=True)


def test_paired_differences_against_plain_arithmetic():
    row = only_row(audit_of(A), audit_of(B))
    gaps = np.subtract(B, A)
    assert (row["audit"], row["against"], row["paired"], row["n"]) == ("b", "a", True, 4)
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["se"] == pytest.approx(gaps.std(ddof=1) / 2)
    assert (row["mean"], row["mean_against"]) == (np.mean(B), np.mean(A))


def test_pairs_go_by_picture_not_by_place():
    row = only_row(audit_of(A), audit_of(B[::-1], pictures=[3, 2, 1, 0]))
    assert row["difference"] == pytest.approx(np.subtract(B, A).mean())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seed": 1}, "they share no noise"),
        ({"pictures": [10, 11, 12, 13]}, "shares too few pictures"),
        ({"pictures": [3, 11, 12, 13]}, "shares too few pictures"),
        ({"fingerprint": "other", "where": "elsewhere"}, "is of other data"),
    ],
)
def test_unpaired_where_nothing_is_shared(changes, why):
    found = compare_audits({"a": audit_of(A), "b": audit_of(B, **changes)})
    row = found.table.row(0, named=True)
    assert not row["paired"]
    assert row["difference"] == pytest.approx(np.mean(B) - np.mean(A))
    spread = math.hypot(np.std(A, ddof=1), np.std(B, ddof=1)) / 2
    assert row["se"] == pytest.approx(spread)
    assert any(why in remark for remark in found.remarks)


def test_half_of_the_pictures_are_enough_and_only_they_count():
    row = only_row(audit_of(A), audit_of([9.0, 2.5, 6.75], pictures=[7, 2, 3]))
    assert (row["paired"], row["n"]) == (True, 2)
    assert row["difference"] == pytest.approx(np.mean([0.5, 0.75]))


def test_noise_alone_is_shared_by_audits_of_other_data():
    other = {"fingerprint": "other", "where": "elsewhere"}
    assert only_row(audit_of(A, inputs="noise"), audit_of(B, inputs="noise", **other))["paired"]


def test_a_moved_set_and_a_smaller_training_set_are_the_same_data():
    assert only_row(audit_of(A), audit_of(B, where="elsewhere"))["paired"]
    assert only_row(audit_of(A), audit_of(B, fingerprint="of fewer", n_train=3))["paired"]


def test_the_same_audit_twice_differs_by_nothing():
    one = synthetic_audit("memorizing", pictures=False)
    found = compare_audits({"a": one, "b": one})
    assert found.remarks == ()
    assert dict(found.table.schema) == dict(COMPARISON)
    assert (found.table["difference"] == 0).all()
    pairs = found.table.filter("paired")
    assert pairs.height > 0.5 * found.table.height
    assert (pairs["se"] == 0).all()
    assert (found.table.filter(~pl.col("paired"))["metric"].unique().to_list()) != []  # pooled ones


def test_pairing_makes_a_real_difference_surer():
    one, two = (synthetic_audit(kind, pictures=False) for kind in ("generalizing", "memorizing"))
    paired = compare_audits({"a": one, "b": two}).table
    values = two.values.with_columns(pl.col("picture") + 10_000)
    apart = AuditTables(measurements=two.measurements, values=values, summary=two.summary)
    unpaired = compare_audits({"a": one, "b": apart}).table
    assert not unpaired["paired"].any()
    keys = {"metric": "rmse", "denoiser": "network", "inputs": "held_out"}
    for sigma in (80.0, 42.415):  # far from the data both answer the mean: errors go together
        ours, theirs = (
            t.filter(**keys, sigma=sigma).row(0, named=True) for t in (paired, unpaired)
        )
        assert ours["difference"] == pytest.approx(theirs["difference"])
        assert ours["se"] < 0.5 * theirs["se"]


def test_what_cannot_be_compared_is_said_and_the_rest_is_compared():
    audits = {"a": audit_of(A), "b": audit_of(B), "c": audit_of(A, shape=(3, 8, 8))}
    audits["d"] = audit_of(A, sigma=2.0)
    found = compare_audits(audits)
    assert found.names == ("a", "b")
    assert set(found.table["audit"]) == {"b"}
    assert any(text.startswith("c cannot be compared: its pictures") for text in found.remarks)
    assert any(
        text.startswith("d cannot be compared: it shares no measurement") for text in found.remarks
    )


def test_levels_and_inputs_of_one_side_are_named():
    one = synthetic_audit("generalizing", pictures=False)
    two = synthetic_audit("generalizing", pictures=False, held_out=False)
    kept = pl.col("sigma").is_null() | (pl.col("sigma") < 70)
    two = AuditTables(
        measurements=two.measurements.filter(kept),
        values=two.values.filter(kept),
        summary=two.summary,
    )
    found = compare_audits({"one": one, "two": two})
    assert "Only one was measured at sigma 80: not compared." in found.remarks
    assert "Only one has held-out inputs: not compared." in found.remarks
    assert found.table.filter(inputs="noise").height


def test_unknown_errors_stay_unknown_and_infinity_is_left_out():
    row = only_row(audit_of([1.0]), audit_of([2.0]))
    assert (row["difference"], row["se"], row["paired"]) == (1.0, None, False)
    with pytest.raises(InputError, match="shares no measurement"):
        compare_audits({"a": audit_of([math.inf] * 2), "b": audit_of([math.inf] * 2)})


def test_two_are_needed():
    with pytest.raises(InputError, match="1 audit given"):
        compare_audits({"a": audit_of(A)})
    with pytest.raises(
        InputError, match=r"b cannot be compared.*: audit on the same data"
    ) as caught:
        compare_audits({"a": audit_of(A), "b": audit_of(A, shape=(3, 8, 8))})
    assert "\n" not in str(caught.value)
