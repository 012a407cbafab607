"""Studies: many trainings and measurements, each named by its content, done once, resumed, shared."""

from denoscope.sweeps.auditing import AuditTask
from denoscope.sweeps.engine import Engine
from denoscope.sweeps.running import Event, expand, run_tasks
from denoscope.sweeps.store import Store
from denoscope.sweeps.task import Task, task_seconds
from denoscope.sweeps.training import TrainTask, open_whole

__all__ = [
    "AuditTask",
    "Engine",
    "Event",
    "Store",
    "Task",
    "TrainTask",
    "expand",
    "open_whole",
    "run_tasks",
    "task_seconds",
]
