"""Denoisers with a planted fault, and closed forms: what the audit says of them."""

import pytest
import torch

from denoscope.auditing import audit
from denoscope.checkpoints import NetworkDenoiser
from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser
from denoscope.denoiser import Spec
from denoscope.networks import NetworkSettings, build_network


def notes_of(found):
    return {round(level.sigma, 3): level for level in found.tables.summary.levels}


def test_doing_nothing_is_broken_where_it_is_worse_than_the_mean(small_sets, planted):
    found = audit(planted(lambda x, sigma: x.clone()), *small_sets, pictures=24, samples=4)
    notes = notes_of(found)
    for sigma in (80.0, 21.109, 4.066, 1.502):  # above the pictures' own deviation, 0.75
        assert notes[sigma].status == "broken"
        assert "the mean picture" in notes[sigma].note
        assert "doing nothing" not in notes[sigma].note
    assert notes[0.002].status != "broken"
    assert found.verdict.label == "undertrained"


def test_the_mean_picture_is_broken_where_it_is_worse_than_doing_nothing(small_sets, planted):
    mean = small_sets[0].floats().mean(0)
    found = audit(planted(lambda x, sigma: mean.expand_as(x)), *small_sets, pictures=24, samples=4)
    notes = notes_of(found)
    for sigma in (0.002, 0.02, 0.117):
        assert notes[sigma].status == "broken"
        assert "doing nothing" in notes[sigma].note
        assert "the mean picture" not in notes[sigma].note
    assert notes[80.0].status == "ok"  # it is nearly right there


def test_a_denoiser_that_adds_noise_is_broken_everywhere(small_sets, planted):
    def worse(x, sigma):
        return x + (1 + sigma) * torch.sin(1e4 * x)

    found = audit(planted(worse), *small_sets, pictures=24, samples=4)
    assert {level.status for level in found.tables.summary.levels} == {"broken"}
    assert found.verdict.label == "undertrained"
    (reason,) = [r for r in found.verdict.reasons if r.signal == "levels"]
    assert reason.vote == "undertrained"


def test_memorizing_alone_breaks_no_level(audit_of):
    """The multi-delta is bad on held-out inputs and right on its own: evidence, not a fault."""
    statuses = {level.status for level in audit_of("multi_delta").tables.summary.levels}
    assert "memorizing_evidence" in statuses
    assert not statuses & {"broken", "underfit"}


def test_the_gaussian_has_nothing_noted_but_the_gap_at_low_noise(audit_of):
    """With N <= d it projects onto the span of its training set: worse than nothing on new pictures."""
    for level in audit_of("gaussian").tables.summary.levels:
        assert level.status == "ok" or (level.status == "memorizing_evidence" and level.sigma < 0.1)


@pytest.mark.parametrize("n", [32, 64, 256, 1000])
def test_the_multi_delta_of_its_training_set_memorizes(digits, n):
    train, held_out = digits.split(n, seed=1)
    found = audit(MultiDeltaDenoiser(train), train, held_out, pictures=50, samples=40)
    assert found.verdict.label == "memorizing", found.verdict


@pytest.mark.parametrize("n", [32, 64, 256, 1000])
def test_the_gaussian_of_its_training_set_generalizes(digits, n):
    train, held_out = digits.split(n, seed=1)
    found = audit(GaussianDenoiser.fit(train), train, held_out, pictures=50, samples=40)
    assert found.verdict.label == "generalizing", found.verdict


def test_without_held_out_pictures_the_closed_forms_are_told_apart(audit_of):
    assert audit_of("multi_delta", held=False).verdict.label == "memorizing"
    assert audit_of("gaussian", held=False).verdict.label == "generalizing"


def test_an_untrained_network_is_undertrained(small_sets):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(
            NetworkSettings(arch="ddpmpp", shape=(1, 8, 8), width=4, multipliers=(1,), blocks=1)
        )
    denoiser = NetworkDenoiser(network, Spec("network", (1, 8, 8), 0.002, 80.0))
    assert audit(denoiser, *small_sets, pictures=24, samples=8).verdict.label == "undertrained"
