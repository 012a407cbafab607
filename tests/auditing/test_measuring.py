import polars as pl
import pytest
import torch

from denoscope.auditing import audit, count_evaluations
from denoscope.auditing.bench import batch_for
from denoscope.auditing.measuring import audit_levels
from denoscope.closed_form import GaussianDenoiser
from denoscope.errors import InputError, RunError
from denoscope.images import split_permutation
from denoscope.metrics import linearity_cosine
from denoscope.noise import karras_levels, noise


class Counting:
    """The same denoiser; `calls` holds (sigma, x) of each call."""

    def __init__(self, denoiser):
        self.denoiser, self.spec, self.calls = denoiser, denoiser.spec, []

    def __call__(self, x, sigma):
        self.calls.append((float(sigma), x.clone()))
        return self.denoiser(x, sigma)


@pytest.fixture(scope="module")
def counted(small_sets, planted):
    """A counting denoiser, its audit, and the evaluations announced."""
    train, held_out = small_sets
    denoiser = Counting(planted(lambda x, sigma: 0.6 * x / (1 + sigma) + 0.1 * x.sin()))
    announced = []
    found = audit(
        denoiser,
        train,
        held_out,
        pictures=15,
        samples=5,
        batch=6,
        seed=2,
        on_evaluations=announced.append,
    )
    return denoiser, found, announced


def test_evaluations_are_as_announced(counted):
    denoiser, found, announced = counted
    made = sum(len(x) for _, x in denoiser.calls)
    assert made == count_evaluations(10, 64, 40, pictures=15, samples=5)
    assert made == sum(announced)
    assert found.tables.summary.provenance.network_seconds > 0
    assert (
        found.tables.summary.provenance.network_seconds
        < found.tables.summary.provenance.wall_seconds
    )


def test_a_batch_too_large_for_the_device_is_halved(small_sets, planted):
    sizes = []

    def small_device(x, sigma):
        sizes.append(len(x))
        if len(x) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0.5 * x

    audit(planted(small_device), *small_sets, pictures=15, samples=5, levels=karras_levels(2))
    assert sizes[:4] == [15, 8, 4, 4]
    assert max(sizes[2:]) == 4
    with pytest.raises(torch.OutOfMemoryError):  # one picture does not fit: no smaller batch would
        audit(planted(lambda x, s: small_device(x.repeat(5, 1, 1, 1), s)), *small_sets)


def test_the_batch_is_found_from_the_size_of_the_pictures():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    shapes = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 256, 256))
    assert [batch_for(shape, cpu) for shape in shapes] == [64, 64, 16, 8, 8]
    assert {batch_for(shape, gpu) for shape in shapes} == {256}


@pytest.mark.parametrize("threads", [1, 2])
def test_neither_threads_nor_how_many_rows_pass_at_once_decide(
    small_sets, planted, threads, monkeypatch
):
    denoiser = planted(lambda x, sigma: 0.6 * x / (1 + sigma) + 0.1 * x.sin())
    whole = audit(denoiser, *small_sets, pictures=16, samples=6)
    monkeypatch.setattr("denoscope.auditing.inputs.rows_at_once", lambda shape: 4)
    monkeypatch.setattr("denoscope.auditing.copies.rows_at_once", lambda shape: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        cut = audit(denoiser, *small_sets, pictures=16, samples=6)
    finally:
        torch.set_num_threads(before)
    assert whole.verdict.label == cut.verdict.label
    one, two = whole.table["mean"].to_torch(), cut.table["mean"].to_torch()
    loose = whole.table["metric"].is_in(["psnr", "toward_multi_delta"]).to_torch()
    torch.testing.assert_close(one[~loose], two[~loose], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one[loose], two[loose], rtol=1e-3, atol=2e-2)


def test_nothing_is_denoised_twice(counted):
    rows = [(sigma, row.numpy().tobytes()) for sigma, x in counted[0].calls for row in x]
    assert len(rows) == len(set(rows))


def chosen(pictures):
    """The fifteen that an audit of seed 2 shows: a seeded choice."""
    return pictures.take(split_permutation(len(pictures), 2)[:15])


def test_one_draw_of_noise_serves_every_level(counted, small_sets):
    train = chosen(small_sets[0])
    first = counted[0].calls[:30:3]  # of a level come 6 pictures, 6 and 3
    x0 = train.floats(slice(0, 6))
    eps = noise(train.ids[:6].tolist(), train.shape, seed=2, stream="train")
    assert [sigma for sigma, _ in first] == karras_levels(10).tolist()
    for sigma, x in first:
        assert torch.equal(x, x0 + sigma * eps)


def test_errors_equal_their_definition(counted, small_sets):
    denoiser, found, _ = counted
    train = chosen(small_sets[0])
    x0 = train.floats().double()
    eps = noise(train.ids[:15].tolist(), train.shape, seed=2, stream="train").double()
    mean = small_sets[0].floats().double().mean(0)
    for sigma in karras_levels(10).tolist():
        x = x0 + sigma * eps
        answer = denoiser.denoiser(x, torch.tensor([sigma]).double())
        expected = {
            ("rmse", "network", ""): answer - x0,
            ("identity_rmse", "", ""): x - x0,
            ("mean_rmse", "", ""): mean - x0,
        }
        for (metric, who, reference), error in expected.items():
            values = found.tables.values.filter(
                pl.col("metric") == metric,
                pl.col("denoiser") == who,
                pl.col("reference") == reference,
                pl.col("inputs") == "train",
                pl.col("sigma") == sigma,
            )
            assert values["picture"].to_list() == train.ids[:15].tolist()
            rms = error.square().flatten(1).mean(1).sqrt()
            torch.testing.assert_close(values["value"].to_torch(), rms, rtol=1e-5, atol=1e-6)


def test_linearity_equals_its_definition_on_pairs(counted, small_sets):
    denoiser, found, _ = counted
    held_out = chosen(small_sets[1])
    sigma = karras_levels(10)[6].item()
    ids = held_out.ids[:14].tolist()  # fifteen: the last has no partner
    x = held_out.floats(slice(0, 14)).double()
    x = x + sigma * noise(ids, held_out.shape, seed=2, stream="held_out").double()
    one, two, level = x[::2], x[1::2], torch.tensor([sigma]).double()
    mixed, d1, d2 = (denoiser.denoiser(v, level) for v in ((one + two) / 2**0.5, one, two))
    values = found.tables.values.filter(
        pl.col("metric") == "linearity_cosine",
        pl.col("denoiser") == "network",
        pl.col("inputs") == "held_out",
        pl.col("sigma") == sigma,
    )
    assert values["picture"].to_list() == ids[::2]
    torch.testing.assert_close(
        values["value"].to_torch(), linearity_cosine(mixed, d1, d2), rtol=1e-5, atol=1e-6
    )


def test_levels_are_sorted_and_snapped(planted):
    every = planted(lambda x, sigma: x)
    assert [level.used for level in audit_levels(every, torch.tensor([0.5, 3.0, 1.0]))] == [
        3,
        1,
        0.5,
    ]
    some = planted(lambda x, sigma: x, levels=torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64))
    found = audit_levels(some, torch.tensor([90.0, 12.0, 2.0, 1.5], dtype=torch.float64))
    assert [(level.sigma, level.used) for level in found] == [(12, 10), (1.5, 1)]


@pytest.mark.parametrize(
    "levels", [[], [0.0], [1.0, -1.0], [float("nan")], [float("inf"), 1.0], [[1.0, 2.0]]]
)
def test_levels_that_are_none_are_refused(planted, levels):
    with pytest.raises(InputError, match="levels"):
        audit_levels(planted(lambda x, sigma: x), torch.tensor(levels))


def test_a_model_of_few_levels_is_asked_only_these(planted, small_sets):
    train, held_out = small_sets
    known = torch.tensor([60.0, 4.0, 0.4, 0.05], dtype=torch.float64)
    gaussian = GaussianDenoiser.fit(train)
    denoiser = Counting(planted(lambda x, sigma: gaussian(x, sigma.reshape(-1)), levels=known))
    found = audit(denoiser, train, held_out, pictures=4, samples=2)
    assert {sigma for sigma, _ in denoiser.calls} == set(known.tolist())
    made = sum(len(x) for _, x in denoiser.calls)
    assert made == count_evaluations(4, 64, 40, pictures=4, samples=2)
    levels = found.tables.summary.levels
    assert [level.sigma_used for level in levels] == known.tolist()
    assert set(found.table["sigma_used"].drop_nulls()) == set(known.tolist())
    assert any("does not know some levels" in warning for warning in found.tables.summary.warnings)


def test_values_that_are_not_finite_name_their_level(planted, small_sets):
    def fails(x, sigma):
        return torch.where(sigma < 0.3, float("nan"), x)

    with pytest.raises(RunError, match=r"not finite at sigma 0\.1166"):
        audit(planted(fails), *small_sets, pictures=4, samples=2)


def test_a_result_of_another_shape_is_refused(planted, small_sets):
    with pytest.raises(InputError, match="returned"):
        audit(planted(lambda x, sigma: x[:, :, :4]), *small_sets, pictures=4, samples=2)
