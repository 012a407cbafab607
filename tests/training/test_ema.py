import pytest
import torch

from denoscope.training.ema import RAMP_UP, ema_decay, update_ema


@pytest.mark.parametrize("batch", [10, 100, 1000])
def test_after_one_half_life_the_old_weight_is_half(batch):
    half_life, late = 1000.0, 10**9
    average = {"w": torch.ones(3, dtype=torch.float64)}
    for _ in range(int(half_life) // batch):
        update_ema(
            average, {"w": torch.zeros(3, dtype=torch.float64)}, ema_decay(batch, late, half_life)
        )
    torch.testing.assert_close(average["w"], torch.full((3,), 0.5, dtype=torch.float64))


def test_early_on_the_half_life_is_a_share_of_the_pictures_seen():
    assert ema_decay(8, 1000, 1e9) == 0.5 ** (8 / (RAMP_UP * 1000))
    assert ema_decay(8, 10**6, 500.0) == 0.5 ** (8 / 500.0)  # the cap no longer binds
    assert ema_decay(8, 8, 500_000.0) < 1e-5  # the first step forgets the initialization
    decays = [ema_decay(8, seen, 500.0) for seen in range(8, 20_000, 8)]
    assert decays == sorted(decays)
    assert decays[-1] < 1


def test_whole_numbers_are_copied():
    average = {"w": torch.zeros(2), "count": torch.tensor(0)}
    update_ema(average, {"w": torch.ones(2), "count": torch.tensor(7)}, 0.9)
    assert int(average["count"]) == 7
    torch.testing.assert_close(average["w"], torch.full((2,), 0.1))


def test_the_averaged_weights_are_not_the_network_s():
    current = {"w": torch.ones(2)}
    average = {"w": torch.zeros(2)}
    update_ema(average, current, 0.5)
    assert current["w"].tolist() == [1, 1]
