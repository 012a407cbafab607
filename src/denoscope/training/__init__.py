"""Training: EDM's loss, Adam, averaged weights, and runs that can be killed and resumed."""

from denoscope.training.folder import prepare_run
from denoscope.training.loop import Progress, train
from denoscope.training.loss import draw_sigma, edm_loss
from denoscope.training.settings import DataRecord, RunRecord, TrainSettings

__all__ = [
    "DataRecord",
    "Progress",
    "RunRecord",
    "TrainSettings",
    "draw_sigma",
    "edm_loss",
    "prepare_run",
    "train",
]
