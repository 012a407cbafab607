"""Studies: many trainings and measurements, each named by its content, done once, resumed, shared."""

from denoscope.sweeps.auditing import AuditTask
from denoscope.sweeps.engine import Engine
from denoscope.sweeps.gathering import begin_study, check_study_folder, gather
from denoscope.sweeps.local import SPAWN, cores
from denoscope.sweeps.pictures import open_whole, study_pictures
from denoscope.sweeps.running import Event, expand, run_tasks
from denoscope.sweeps.store import Store
from denoscope.sweeps.study import Study
from denoscope.sweeps.task import Task, task_seconds
from denoscope.sweeps.training import TrainTask

__all__ = [
    "SPAWN",
    "AuditTask",
    "Engine",
    "Event",
    "Store",
    "Study",
    "Task",
    "TrainTask",
    "begin_study",
    "check_study_folder",
    "cores",
    "expand",
    "gather",
    "open_whole",
    "run_tasks",
    "study_pictures",
    "task_seconds",
]
