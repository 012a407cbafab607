import math

import polars as pl
import torch

from denoscope.auditing.recorder import Key, Recorder
from denoscope.metrics import Estimate
from denoscope.tables import conform

KEY = Key("rmse", "network", "", "train", 1.0, 1.0)


def test_values_of_batches_join_and_undefined_ones_are_left_out():
    recorder = Recorder(seed=4)
    recorder.add(KEY, [5, 6], torch.tensor([1.0, 2.0]))
    recorder.add(KEY, [7, 8], torch.tensor([float("nan"), 6.0]))
    assert recorder.values(KEY).tolist() == [1, 2, 6]
    estimate = recorder.estimate(KEY)
    assert (estimate.value, estimate.n) == (3.0, 3)
    assert math.isclose(estimate.se, math.sqrt(7 / 3))
    values = conform("values", recorder.per_picture())
    assert values["picture"].to_list() == [5, 6, 8]
    assert values["seed"].to_list() == [4] * 3


def test_tables_hold_every_key_once():
    recorder = Recorder(seed=0)
    recorder.add(KEY, [1], torch.tensor([2.0]))  # one value: no standard error
    recorder.add(KEY._replace(metric="psnr"), [1, 2], torch.tensor([float("inf")] * 2))
    recorder.add(KEY._replace(metric="none"), [1], torch.tensor([float("nan")]))
    recorder.pool(KEY._replace(metric="gap"), Estimate(0.5, 0.1, 9))
    recorder.pool(KEY._replace(metric="undefined"), Estimate(float("nan"), float("nan"), 9))
    table = conform("measurements", recorder.measurements())
    assert table["metric"].to_list() == ["rmse", "psnr", "gap"]
    assert table["mean"].to_list() == [2.0, math.inf, 0.5]
    assert table["se"].to_list() == [None, None, 0.1]
    assert table["n"].to_list() == [1, 2, 9]
    assert conform("values", recorder.per_picture()).height == 3


def test_an_empty_recorder():
    recorder = Recorder(seed=0)
    assert recorder.estimate(KEY) is None
    assert len(recorder.values(KEY)) == 0
    assert recorder.per_picture().height == 0
    assert isinstance(recorder.measurements(), pl.DataFrame)
