import pytest
import torch

from denoscope.training.order import batch_indices, step_generator


@pytest.mark.parametrize(("n", "batch"), [(10, 4), (7, 7), (5, 16), (1, 3)])
def test_every_epoch_is_a_permutation(n, batch):
    steps = -(-6 * n // batch)
    stream = torch.cat([batch_indices(k * batch, batch, n, seed=2) for k in range(steps)])
    epochs = stream[: 6 * n].reshape(6, n)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(n).expand(6, n))
    if n > 4:
        assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1  # shuffled anew


def test_a_step_depends_on_seed_and_place_alone():
    late = batch_indices(400, 8, 50, seed=0)
    for k in range(3):  # whatever was asked before
        batch_indices(k * 8, 8, 50, seed=1)
    assert torch.equal(batch_indices(400, 8, 50, seed=0), late)
    assert not torch.equal(batch_indices(400, 8, 50, seed=1), late)
    parts = [batch_indices(400 + start, 2, 50, seed=0) for start in range(0, 8, 2)]
    assert torch.equal(torch.cat(parts), late)  # processes share one batch


def test_generators_differ_by_seed_step_and_process():
    seeds = {
        step_generator(seed, step, process).initial_seed()
        for seed in range(3)
        for step in range(20)
        for process in range(3)
    }
    assert len(seeds) == 180
    assert step_generator(1, 5).initial_seed() == step_generator(1, 5, 0).initial_seed()
