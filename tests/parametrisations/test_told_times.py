"""What a model is told for the time, and that a call does no more than it must."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from denoscope.denoiser import FunctionDenoiser, Spec, snap_to_levels
from denoscope.errors import InputError, SigmaOutOfRange
from denoscope.parametrisations import (
    ContinuousSchedule,
    DiscreteSchedule,
    as_prediction,
    from_blind,
    from_denoised,
    from_epsilon,
    from_flow,
    from_x0,
)

SHAPE = (1, 2, 2)
TABLE = DiscreteSchedule.linear(100, 1e-3, 0.1)
FLOW = ContinuousSchedule.flow()


class Listener:
    """A model that keeps what it was told."""

    def __call__(self, x, t):
        self.x, self.t = x, t
        return 0 * x


def told_at(schedule, time, t, dtype=torch.float32, **named):
    listener = Listener()
    denoiser = from_epsilon(listener, schedule, SHAPE, time=time, **named)
    sigma = schedule.level(torch.as_tensor([t])) / denoiser.range.scale
    denoiser(torch.ones(3, *SHAPE, dtype=dtype), sigma)
    return listener.t


@pytest.mark.parametrize(
    ("schedule", "time", "t", "expected"),
    [
        (TABLE, "index", 40, 40),
        (TABLE, "index/T", 40, 0.4),
        (TABLE, "sigma", 40, float(TABLE.level(torch.tensor(40)))),
        (TABLE, "log-snr", 40, -2 * float(TABLE.level(torch.tensor(40)).log())),
        (TABLE, lambda index: (index + 1) / 100, 40, 0.41),
        (TABLE, lambda index: 999 - 9 * index, 40, 639),
        (FLOW, "t", 0.25, 0.25),
        (FLOW, "sigma", 0.25, 1 / 3),
        (FLOW, "log-snr", 0.25, 2.1972246),
        (FLOW, lambda t: 1000 * t, 0.25, 250.0),
        (FLOW, lambda t: 1 - t, 0.25, 0.75),
        (ContinuousSchedule.ve(), lambda sigma: sigma.log() / 4, 2.0, 0.1732868),
    ],
)
def test_the_time_in_each_convention(schedule, time, t, expected):
    told = told_at(schedule, time, t)
    assert told.shape == (3,)
    assert told.dtype == (torch.int64 if isinstance(expected, int) else torch.float32)
    torch.testing.assert_close(
        told.double(), torch.full((3,), expected).double(), rtol=1e-6, atol=0
    )


def test_sigma_is_told_in_the_units_of_the_range():
    """Pictures in [0, 255]: the model's noise is 127.5 times that of pictures in [-1, 1]."""
    listener = Listener()
    denoiser = from_epsilon(
        listener, ContinuousSchedule.ve(1, 1000), SHAPE, time="sigma", data_range=(0, 255)
    )
    assert denoiser.spec.sigma_max == pytest.approx(1000 / 127.5)
    denoiser(torch.ones(1, *SHAPE), torch.tensor([2.0]))
    assert float(listener.t) == 255.0
    assert listener.x.unique().tolist() == [255.0]


def test_each_row_is_told_its_own_time_and_shown_its_own_scale():
    listener = Listener()
    denoiser = from_epsilon(listener, TABLE, SHAPE, time="index")
    places = torch.tensor([3, 90, 41])
    denoiser(torch.ones(3, *SHAPE, dtype=torch.float64), TABLE.level(places))
    assert listener.t.tolist() == [3, 90, 41]
    torch.testing.assert_close(listener.x[:, 0, 0, 0], TABLE.alpha(places))


def test_levels_are_the_tables_and_none_between():
    denoiser = from_epsilon(Listener(), TABLE.with_zero_terminal_snr(), SHAPE, time="index")
    levels = denoiser.spec.levels
    assert len(levels) == 99
    assert (denoiser.spec.sigma_max, denoiser.spec.sigma_min) == (levels[0], levels[-1])
    x = torch.ones(1, *SHAPE)
    between = (levels[40:41] + levels[41:42]) / 2
    with pytest.raises(SigmaOutOfRange, match=r"knows 99 levels .*snap_to_levels"):
        denoiser(x, between)
    denoiser(x, snap_to_levels(denoiser.spec, between))
    denoiser(x, levels[40:41].float())


def test_a_flow_with_a_shift_its_model_is_not_told_of_has_other_levels():
    """Told the unshifted t, the shift is in the schedule; told the shifted one, it is not."""
    shifted = told_at(ContinuousSchedule.flow(3.0), "t", 0.5)
    assert float(shifted[0]) == 0.5
    listener = Listener()
    from_flow(listener, FLOW, SHAPE, time="t")(torch.ones(1, *SHAPE), torch.tensor([3.0]))
    assert float(listener.t) == 0.75  # 3 * 0.5 / (1 + 2 * 0.5)


class CountSyncs(TorchDispatchMode):
    """Counts reads of a tensor's value by the host, and copies between devices."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "_local_scalar_dense" in str(func) or (
            "_to_copy.default" in str(func) and ((kwargs or {}).get("device") is not None)
        ):
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("denoiser", "own"),
    [
        (from_epsilon(Listener(), ContinuousSchedule.vp(), SHAPE, time="t"), 0),
        (
            from_x0(
                Listener(), ContinuousSchedule(torch.cos, torch.sin, 0.01, 1.5), SHAPE, time="t"
            ),
            0,
        ),
        (from_flow(Listener(), FLOW, SHAPE, time="log-snr"), 0),
        (from_denoised(Listener(), SHAPE, sigma_min=0.01, sigma_max=10), 0),
        (from_blind(lambda y: y, SHAPE, sigma_min=0.01, sigma_max=10), 0),
        (from_epsilon(Listener(), TABLE, SHAPE, time="index"), 1),  # is it one of the levels?
    ],
)
def test_a_call_reads_no_more_than_it_checks(denoiser, own):
    x = torch.ones(2, *SHAPE, requires_grad=True)
    levels = denoiser.spec.levels
    sigma = torch.tensor([0.5]).double() if levels is None else levels[50:51]
    plain = FunctionDenoiser(lambda x, sigma: x, Spec("plain", SHAPE))
    with CountSyncs() as checked:
        plain(x, sigma)
    with CountSyncs() as called:
        out = denoiser(x, sigma)
    assert called.count == checked.count + own
    assert out.requires_grad
    with torch.no_grad():
        assert not denoiser(x, sigma).requires_grad


def test_only_what_can_be_moved_has_a_way_to_move():
    module = nn.Identity().eval()
    blind = from_blind(module, SHAPE, sigma_min=0.1, sigma_max=1.0)
    assert blind.to("cpu").spec == blind.spec
    assert not hasattr(from_blind(lambda y: y, SHAPE, sigma_min=0.1, sigma_max=1.0), "to")

    class Linear(nn.Linear):
        def forward(self, x, t):
            return super().forward(x)

    moved = from_epsilon(Linear(2, 2).eval(), TABLE, SHAPE, time="index", data_range=(0, 1))
    again = moved.to("cpu")
    x, sigma = torch.ones(1, *SHAPE), moved.spec.levels[:1]
    assert torch.equal(again(x, sigma), moved(x, sigma))
    assert not hasattr(from_epsilon(Listener(), TABLE, SHAPE, time="index"), "to")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_module_is_called_in_its_own_dtype(dtype):
    class Scaled(nn.Linear):
        def forward(self, x, t=None):
            self.told = t
            return super().forward(x)

    module = Scaled(2, 2).to(dtype).eval()
    one = from_epsilon(module, FLOW, SHAPE, time=lambda t: 1000 * t)
    two = from_blind(module, SHAPE, sigma_min=0.1, sigma_max=1000.0)
    for x in (torch.ones(2, *SHAPE), torch.ones(2, *SHAPE, dtype=torch.float64)):
        assert two(x, torch.tensor([1.0])).dtype == x.dtype
        assert one(x, torch.tensor([999.0])).dtype == x.dtype
        assert module.told.dtype == max(dtype, torch.float32, key=lambda one: one.itemsize)
        torch.testing.assert_close(module.told.double(), torch.full((2,), 999.0).double())


@pytest.mark.parametrize("t", [25, torch.tensor(25), torch.tensor([25]), torch.tensor([25] * 3)])
def test_the_other_direction_takes_any_shape_of_time(t):
    shrink = FunctionDenoiser(lambda x, sigma: x / (1 + sigma**2), Spec("shrink", SHAPE))
    model = as_prediction(shrink, "x0", TABLE, time="index")
    x_t = torch.ones(3, *SHAPE, dtype=torch.float64)
    alpha = float(TABLE.alpha(torch.tensor(25)))
    torch.testing.assert_close(model(x_t, t), alpha * x_t)  # (1 / alpha) / (1 + s^2 / alpha^2)


@pytest.mark.parametrize("t", [-1, 100, 2.5, float("nan"), 99])
def test_the_other_direction_refuses_times_that_are_none(t):
    shrink = FunctionDenoiser(lambda x, sigma: x / (1 + sigma**2), Spec("shrink", SHAPE))
    model = as_prediction(shrink, "epsilon", TABLE.with_zero_terminal_snr(), time="index")
    with pytest.raises(InputError, match=r'\(as "index"\) is none of this schedule'):
        model(torch.ones(1, *SHAPE), t)
