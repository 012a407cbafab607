"""Training: the loss of a preconditioning, Adam, averaged weights, and runs that can be killed and resumed."""

from denoscope.training.folder import prepare_run
from denoscope.training.loop import Progress, train, untrained
from denoscope.training.loss import draw_levels, draw_sigma, edm_loss, training_loss, weighted_error
from denoscope.training.settings import DataRecord, RunRecord, TrainSettings

__all__ = [
    "DataRecord",
    "Progress",
    "RunRecord",
    "TrainSettings",
    "draw_levels",
    "draw_sigma",
    "edm_loss",
    "prepare_run",
    "train",
    "training_loss",
    "untrained",
    "weighted_error",
]
