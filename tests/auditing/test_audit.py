import polars as pl
import pytest
import torch

from denoscope.auditing import Audit, audit
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import FunctionDenoiser, Spec
from denoscope.errors import InputError
from denoscope.images import Pictures, split_permutation
from denoscope.noise import noise

KEYS = ["metric", "denoiser", "reference", "inputs", "sigma", "param"]


def values_of(found, metric, **where):
    table = found.table.filter(pl.col("metric") == metric)
    for column, value in where.items():
        table = table.filter(pl.col(column) == value)
    assert table.height, (metric, where)
    return table["mean"].to_torch()


def test_the_same_audit_twice_is_the_same_to_the_bit(audit_of):
    one, two = audit_of("between"), audit_of("between", repeat=1)
    assert one.table.equals(two.table)
    assert one.tables.values.equals(two.tables.values)
    assert one.tables.samples.equals(two.tables.samples)
    assert one.verdict == two.verdict
    assert one.tables.pictures.keys() == two.tables.pictures.keys()
    for name, pixels in one.tables.pictures.items():
        assert (pixels == two.tables.pictures[name]).all(), name


@pytest.mark.parametrize("batch", [pytest.param(2, marks=pytest.mark.slow), 7])
def test_batches_decide_nothing(audit_of, batch):
    whole, cut = audit_of("between"), audit_of("between", batch=batch)
    both = whole.table.join(cut.table, on=KEYS, how="full", nulls_equal=True, suffix="_cut")
    assert both.height == whole.table.height == cut.table.height
    assert both["n"].equals(both["n_cut"].alias("n"))
    loose = both["metric"].is_in(["psnr"]).to_list()
    for one, two, decibel, row in zip(
        both["mean"], both["mean_cut"], loose, both["metric"], strict=True
    ):
        # x0_hat is good to 1e-5; psnr is its logarithm, and the position divides by the distance of
        # two closed forms that nearly agree at high sigma
        share = 1e-3 if row == "toward_multi_delta" else 1e-4
        assert abs(one - two) <= (0.02 if decibel else share * max(1, abs(one))), (row, one, two)
    assert whole.verdict.label == cut.verdict.label


def test_the_gaussian_is_itself(audit_of):
    found = audit_of("gaussian")
    assert bool(
        (values_of(found, "score_error", denoiser="network", reference="gaussian") == 0).all()
    )
    assert bool((values_of(found, "explained_gaussian") == 1).all())
    assert bool((values_of(found, "toward_multi_delta", denoiser="network") == 0).all())
    for metric in ("rmse", "psnr", "linearity_cosine", "linearity_norm_ratio", "rmse_gap"):
        mine, its = (values_of(found, metric, denoiser=name) for name in ("network", "gaussian"))
        assert torch.equal(mine, its), metric
    signals = {reason.signal: reason.value for reason in found.verdict.reasons}
    assert signals["linearity"] == 0
    assert signals["copies"] == 0
    assert signals["position"] <= 0
    assert signals["gap"] < 0.5


def test_the_multi_delta_is_itself(audit_of):
    found = audit_of("multi_delta")
    error = values_of(found, "score_error", denoiser="network", reference="multi_delta")
    assert float(error.max()) < 1e-4
    assert float((values_of(found, "explained_multi_delta") - 1).abs().max()) < 1e-4
    assert (
        float((values_of(found, "toward_multi_delta", denoiser="network") - 1).abs().max()) < 1e-2
    )
    signals = {reason.signal: reason.value for reason in found.verdict.reasons}
    assert signals.keys() == {"copies", "novelty", "gap", "position", "linearity"}
    for name, value in signals.items():
        assert abs(value - 1) < 0.02, name


def test_between_the_two_the_position_is_a_half(audit_of):
    assert (
        float(
            (values_of(audit_of("between"), "toward_multi_delta", denoiser="network") - 0.5)
            .abs()
            .max()
        )
        < 1e-2
    )


def test_gaps_are_of_held_out_less_train(audit_of):
    found = audit_of("between")
    for name in ("network", "gaussian", "multi_delta"):
        held_out, train = (
            values_of(found, "rmse", denoiser=name, inputs=i) for i in ("held_out", "train")
        )
        torch.testing.assert_close(values_of(found, "rmse_gap", denoiser=name), held_out - train)


def test_samples_lie_beside_their_nearest_training_picture(audit_of, small_sets):
    train = small_sets[0]
    found = audit_of("multi_delta")
    rows = found.tables.samples.filter(pl.col("denoiser") == "network")
    assert rows["number"].to_list() == list(range(12))
    assert rows["copied"].all()
    pixels = found.tables.pictures
    places = [train.ids.tolist().index(i) for i in rows["nearest_id"]]
    assert (pixels["sample/nearest"] == train.pixels[places].numpy()).all()
    assert (pixels["sample/network"] == pixels["sample/nearest"]).all()  # these are copies
    assert rows["nearest_name"].to_list() == [train.names(i) for i in rows["nearest_id"]]
    control = found.tables.samples.filter(pl.col("source") == "held_out")
    new = split_permutation(
        len(small_sets[1]), found.tables.summary.provenance.seed
    )  # a seeded choice
    assert control["number"].to_list() == small_sets[1].ids[new[:12]].tolist()
    assert pixels["trajectory/network"].shape == (4, 10, 1, 8, 8)
    assert pixels["denoise/network"].shape == (6, 10, 1, 8, 8)
    assert (pixels["denoise/clean"] == small_sets[1].pixels[new[:6]].numpy()).all()


def test_saved_and_loaded_it_is_the_same(audit_of, tmp_path):
    found = audit_of("between")
    again = Audit.load(found.save(tmp_path / "audit"))
    assert again.table.equals(found.table)
    assert again.tables.values.equals(found.tables.values)
    assert again.tables.samples.equals(found.tables.samples)
    assert again.tables.summary == found.tables.summary
    for name, pixels in found.tables.pictures.items():
        assert (pixels == again.tables.pictures[name]).all()
    with pytest.raises(InputError, match="holds an audit already"):
        found.save(tmp_path / "audit")
    found.save(tmp_path / "audit", overwrite=True)


def test_without_held_out_pictures_the_evidence_is_reduced_and_said_to_be(audit_of):
    found = audit_of("multi_delta", held=False)
    assert "held_out" not in set(found.table["inputs"])
    missing = found.tables.summary.provenance.missing_evidence
    assert any("No held-out pictures" in text for text in missing)
    names = {reason.signal for reason in found.verdict.reasons}
    assert "gap" not in names
    assert len(names) >= 3
    assert found.verdict.confidence <= 0.8
    assert audit_of("multi_delta").tables.summary.provenance.missing_evidence == []
    assert not any(name.startswith("denoise/") for name in found.tables.pictures)


def test_an_empty_held_out_set_is_none(small_sets):
    train = small_sets[0].take(range(8))
    found = audit(GaussianDenoiser.fit(train), train, train.take([]), pictures=2, samples=0)
    assert found.tables.summary.provenance.data.n_held_out == 0
    assert len(found.tables.summary.provenance.missing_evidence) == 2  # nor samples
    assert found.tables.samples.height == 0


def test_duplicates_are_warned_of_and_their_copies_caught(small_sets, planted):
    """A copy of a picture that occurs three times has d1 = d2: the plain rule would miss it."""
    train, held_out = small_sets
    doubled = Pictures.from_tensor(torch.cat([train.pixels, train.pixels[:1], train.pixels[:1]]))
    parrot = planted(lambda x, sigma: doubled.floats([0]).expand_as(x))
    found = audit(parrot, doubled, held_out, pictures=4, samples=6)
    (warning,) = [w for w in found.tables.summary.warnings if "near-duplicates" in w]
    assert "3 of 66 training pictures" in warning
    rows = found.tables.samples.filter(pl.col("denoiser") == "network")
    assert rows["copied"].all()
    assert set(rows["group_size"]) == {3}
    assert set(rows["nearest_distance"]) == {0.0}
    assert not set(rows["outside_id"]) & {0, 64, 65}
    assert values_of(found, "memorization_ratio", denoiser="network").tolist() == [1.0]
    assert values_of(found, "memorization_ratio", inputs="held_out").item() < 0.5


def test_held_out_pictures_of_the_training_set_are_warned_of(small_sets):
    train, held_out = small_sets
    mixed = Pictures.from_tensor(torch.cat([held_out.pixels, train.pixels[5:7]]))
    found = audit(GaussianDenoiser.fit(train), train, mixed, pictures=4, samples=2)
    (warning,) = [w for w in found.tables.summary.warnings if "are in the training set" in w]
    assert warning.startswith("2 of the held-out pictures")
    assert "(2 exactly" in warning
    clean = audit(GaussianDenoiser.fit(train), train, held_out, pictures=4, samples=2)
    assert not any("are in the training set" in w for w in clean.tables.summary.warnings)


@pytest.mark.parametrize("make", [GaussianDenoiser.fit, MultiDeltaDenoiser])
def test_two_training_pictures(small_sets, make, tmp_path):
    train, held_out = small_sets[0].take(range(2)), small_sets[1]
    found = audit(make(train), train, held_out, pictures=6, samples=4)
    assert Audit.load(found.save(tmp_path / "audit")).verdict == found.verdict


@pytest.mark.parametrize("make", [GaussianDenoiser.fit, MultiDeltaDenoiser])
def test_constant_pictures(make, tmp_path):
    """No variance, one group of duplicates: nothing can be told, and nothing fails."""
    train = Pictures.from_tensor(torch.full((6, 1, 4, 4), 200, dtype=torch.uint8))
    held_out = Pictures.from_tensor(torch.full((6, 1, 4, 4), 200, dtype=torch.uint8))
    found = audit(make(train), train, held_out, pictures=6, samples=4)
    assert found.verdict.label != "memorizing"
    assert Audit.load(found.save(tmp_path / "audit")).verdict == found.verdict


def test_latents(tmp_path):
    latents = noise(range(40), (4, 4, 4), seed=0, stream="latents") * 3
    train = Pictures.from_latents(latents[:20], scale=0.3)
    held_out = Pictures.from_latents(latents[20:], scale=0.3)
    found = audit(MultiDeltaDenoiser(train), train, held_out, pictures=10, samples=6)
    assert found.tables.pictures == {}
    assert found.tables.samples.filter(pl.col("denoiser") == "network")["copied"].all()
    assert Audit.load(found.save(tmp_path / "audit")).verdict == found.verdict


def test_a_model_that_answers_zero_on_latents(tmp_path):
    """GL divides by the sample's norm."""
    train = Pictures.from_latents(noise(range(9), (4, 4, 4), seed=0, stream="latents"))
    zero = FunctionDenoiser(lambda x, sigma: torch.zeros_like(x), Spec("zero", (4, 4, 4)))
    found = audit(zero, train, train.take(range(5)), pictures=4, samples=3)
    found.save(tmp_path / "audit")


def test_what_does_not_fit_is_refused(small_sets, planted):
    train, held_out = small_sets
    denoiser = planted(lambda x, sigma: x)
    wide = Pictures.from_tensor(torch.zeros(3, 1, 8, 16, dtype=torch.uint8))
    latents = Pictures.from_latents(torch.rand(3, 1, 8, 8))
    for given, options, said in (
        ((wide, held_out), {}, "training pictures have"),
        ((train, wide), {}, "held-out pictures have"),
        ((train, latents), {}, "not of one kind"),
        ((train.take([0]), held_out), {}, "1 training pictures given"),
        ((train.take([0, 1, 1]), held_out), {}, "training set holds a picture id twice"),
        ((train, held_out.take([3, 3])), {}, "held-out set holds a picture id twice"),
        ((train, held_out), {"pictures": 1}, "1 pictures"),
        ((train, held_out), {"samples": -1}, "-1 samples"),
        ((train, held_out), {"batch": 0}, "batches of 0"),
        ((train, held_out), {"levels": torch.tensor([1.0, 0.0])}, "levels must be positive"),
    ):
        with pytest.raises(InputError, match=said):
            audit(denoiser, *given, **options)
    with pytest.raises(InputError, match="is not a denoiser"):
        audit(lambda x, sigma: x, train, held_out)


def test_a_denoiser_of_one_level_is_audited_there_and_the_audit_says_so(few_digits):
    train, held_out = few_digits
    level = torch.tensor([0.5], dtype=torch.float64)
    dae = FunctionDenoiser(
        lambda x, sigma: x / (1 + sigma**2), Spec("dae", train.shape, 0.5, 0.5, levels=level)
    )
    found = audit(dae, train, held_out, pictures=8, samples=4)
    assert found.table["sigma_used"].drop_nulls().unique().to_list() == [0.5]
    warnings = found.tables.summary.warnings
    assert any("one noise level, 0.5, alone" in text for text in warnings)
    assert not any("nearest it knows" in text for text in warnings)
