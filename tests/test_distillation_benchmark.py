"""The benchmark of distillation on digits: what it keeps, what it never asks twice, what it prints."""

import json
from pathlib import Path

import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.distillation import Setting, Splits

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def small(digits, monkeypatch):
    import distillation

    monkeypatch.setattr(distillation, "PICTURES", 200)
    monkeypatch.setattr(distillation, "EPOCHS", 10)
    monkeypatch.setattr(distillation, "BUDGET", 400)
    monkeypatch.setattr(distillation, "TIMED", 2)
    train, held_out = digits.split(64, seed=0)
    splits = distillation.divided(held_out.take(range(400)))
    settings = {
        "training": Setting.of(splits, GaussianDenoiser.fit(train)),
        "alone": Setting.of(splits),
    }
    return distillation, MultiDeltaDenoiser(train), settings


def test_answers_are_kept_and_asked_once(few_digits, tmp_path):
    from answers import KeptAnswers

    delta = MultiDeltaDenoiser(few_digits[0])
    x = few_digits[1].floats(range(6))
    kept = KeptAnswers(delta, tmp_path)
    for sigma in (torch.tensor([2.0]), torch.tensor([0.5])):
        for rows in (slice(0, 4), slice(2, 6)):
            torch.testing.assert_close(kept(x[rows], sigma), delta(x[rows], sigma))
    assert kept.asked == 12
    (path, _) = sorted(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-10])  # killed while it wrote
    again = KeptAnswers(delta, tmp_path)
    torch.testing.assert_close(again(x, torch.tensor([0.5])), delta(x, torch.tensor([0.5])))
    assert again.asked == 1
    assert KeptAnswers(delta, tmp_path)(x, torch.tensor([0.5])).shape == x.shape


def test_a_row_holds_the_paired_difference_and_every_rate(small):
    distillation, delta, settings = small
    rates = (5e-5, 5e-3, 5e-2)
    row = distillation.of_level(delta, 4.066, settings, rates)
    row["times"] = distillation.times_of(delta, 4.066, settings["training"], rates, 5e-3)
    row = json.loads(json.dumps(row))
    ours, adam = row["least_squares_training"], row["adam"]
    assert (ours["evaluations"], adam["evaluations"]) == (400, 2000)
    assert row["evaluations_ratio"] == 5
    gap = row["difference"]["training"]
    assert gap["value"] == pytest.approx(ours["score"]["value"] - adam["tuned"]["score"]["value"])
    assert gap["n"] == len(settings["training"].splits.score)
    assert row["ratio"]["training"] < 1
    assert list(adam["rates"]) == ["5e-05", "0.005", "0.05"]
    assert adam["paper"]["rate"] == 5e-5
    assert "fewer evaluations" in distillation.told(row)
    where = {"cpu": "some", "when": "2026-01-01"}
    result = {"model": {"where": "digits-64", "d": 64}, "machine": where, "rows": [row]}
    text = distillation.page_text([result])
    assert "| digits-64, d = 64 | 4.066 |" in text
    assert "no worse at 1 of 1 levels" in text
    assert row["times"]["score"] == ours["score"]["value"]
    assert distillation.first_as_good(row) is None
    assert text.count("| never |") == 1
    worse = row | {"adam": adam | {"rates": {"1": [9.0, 1e-6], "2": [8.0, 1e-5]}}}
    assert distillation.first_as_good(worse) == 10
    for way in ("least_squares", "adam_tuned_rate", "adam_all_rates"):
        whole, network = row["times"][way]
        assert whole > network >= 0
    assert "| digits-64 | 4.066 |" in text  # of the times
    assert "times as long" not in distillation.page_text(
        [{**result, "rows": [{k: v for k, v in row.items() if k != "times"}]}]
    )


def test_the_page_says_what_was_kept():
    import distillation

    files = sorted((BENCHMARKS / "results").glob("distillation-*.json"))
    block = distillation.PAGE.read_text()
    block = block.partition("<!-- BEGIN distillation -->")[2].partition("<!-- END")[0].strip()
    assert block == distillation.page_text([json.loads(f.read_text()) for f in files]).strip()


def test_pictures_are_divided_apart(digits):
    import distillation

    splits: Splits = distillation.divided(digits)
    assert [len(p) for p in (splits.fit, splits.validation, splits.score)] == [1000, 200, 597]
    ids = torch.cat([splits.fit.ids, splits.validation.ids, splits.score.ids])
    assert len(ids.unique()) == 1797
