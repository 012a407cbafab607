"""The audit: one pass over levels, denoisers and inputs; every metric, the tables, the verdict."""

from denoscope.auditing.audit import Audit, audit, count_evaluations
from denoscope.auditing.checking import LevelCheck, ModelCheck, check_model
from denoscope.auditing.signals import Signal
from denoscope.auditing.verdict import THRESHOLDS, decide
from denoscope.auditing.watch import MemorizationWatch
from denoscope.auditing.watch_callbacks import AccelerateWatch, lightning_watch
from denoscope.auditing.watched_training import train_watched

__all__ = [
    "THRESHOLDS",
    "AccelerateWatch",
    "Audit",
    "LevelCheck",
    "MemorizationWatch",
    "ModelCheck",
    "Signal",
    "audit",
    "check_model",
    "count_evaluations",
    "decide",
    "lightning_watch",
    "train_watched",
]
