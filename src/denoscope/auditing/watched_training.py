"""A run of our own that stops before memorization: `denoscope train --stop-when memorizing`."""

from collections.abc import Generator, Iterator
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from denoscope.auditing.watch import MemorizationWatch, look_points
from denoscope.checkpoints.runs import open_run
from denoscope.errors import InputError, RunError
from denoscope.images import Pictures
from denoscope.tables import Look, WatchRecord, read_watch, write_file, write_watch
from denoscope.training import DataRecord, Progress, TrainSettings, prepare_run, train
from denoscope.training.folder import snapshot_path, watch_path, weights_path

__all__ = ["train_watched"]


def train_watched(
    settings: TrainSettings,
    pictures: Pictures,
    held_out: Pictures,
    out: Path,
    *,
    data: DataRecord,
    resume: bool = False,
    accelerator: Accelerator | None = None,
) -> Iterator[Progress | Look]:
    """Train as `denoscope.training.train` does, and stop at the snapshot before memorization sets in.

    pictures: the training set. held_out: pictures of the same kind outside it. Looks at the averaged
    weights are taken on the schedule of `MemorizationWatch`, and at the end. When the generator ends,
    weights.safetensors is the model at the last look before onset, or of the whole run where there
    was none, and watch.json holds every look; snapshots that only the looks needed are deleted. A
    run killed at any moment and resumed decides as an unbroken one (CPU, one process); one that was
    stopped stays so, whatever length is asked of it.

    Raises InputError where no pictures are held out, for a denoiser of one level (looks draw
    samples, which takes many), and as `train` does; RunError as `train` does,
    and where memorization has set in at the very first look, so that nothing lies before.
    """
    if settings.level is not None:
        raise InputError(
            f"a denoiser of one level ({settings.level:g}) cannot be watched for memorization: "
            "looks draw samples, which takes many levels; train it to the end"
        )
    accelerator = accelerator or Accelerator()
    main, path = accelerator.is_main_process, watch_path(out)
    record = read_watch(path) if path.exists() else WatchRecord(seed=settings.seed)
    run = _WatchedRun(settings, len(pictures), out, record)
    if record.onset is None:
        if main:
            device = accelerator.device
            run.watch = MemorizationWatch(
                pictures, held_out, seed=record.seed, device=device, looks=record.looks
            )
        steps = train(
            settings,
            pictures,
            out,
            data=data,
            resume=resume,
            accelerator=accelerator,
            looks_kimg=[seen / 1000 for seen in run.points],
        )
        yield from run.looked_at(steps)
    elif main:
        prepare_run(out, settings, data, resume=resume, watched=True)  # is it this very run?
    if main:
        run.settle()
    accelerator.wait_for_everyone()


class _WatchedRun:
    """A run's folder, its looks, and the snapshots they need. Only the main process has a watch."""

    def __init__(
        self, settings: TrainSettings, n_train: int, out: Path, record: WatchRecord
    ) -> None:
        self.settings, self.out = settings, out
        total = settings.steps * settings.batch
        asked = [*look_points(n_train, total), total]
        steps = sorted({settings.step_of(seen / 1000) for seen in asked})
        self.points = [step * settings.batch for step in steps]
        self.last = record.looks[-1].seen if record.looks else 0
        self.watch: MemorizationWatch | None = None

    def looked_at(self, run: Iterator[Progress]) -> Iterator[Progress | Look]:
        """The training's progress and, between, the looks that have become due; ends at onset."""
        for progress in run:
            yield progress
            if (yield from self._looks_until(progress.pictures)):
                return
        # Left over where a run was killed between its last step and its last look.
        yield from self._looks_until(self.points[-1])

    def _looks_until(self, seen: int) -> Generator[Look, None, bool]:
        for point in self.points:
            if self.last < point <= seen:
                # Others wait here for the main process and learn what it saw.
                (look,) = broadcast_object_list([self.watch and self._look(self.watch, point)])
                self.last = point
                assert look is not None  # the first process has looked, and has told the others
                yield look
                if look.stop:
                    return True
        return False

    def _look(self, watch: MemorizationWatch, point: int) -> Look:
        denoiser = open_run(self._snapshot(point))[0].to(watch.device)
        look = watch.look(denoiser, point)
        write_watch(watch_path(self.out), watch.record)
        self._delete_all_but(watch.record.before)
        return look

    def settle(self) -> None:
        """Leave the weights that the looks decided for. Repeating it changes nothing."""
        record = read_watch(watch_path(self.out))
        if record.onset is None:
            self._delete_all_but(record.before)  # kept for a longer run that this one may become
            return
        if record.before is None:
            raise RunError(
                f"{self.out}: memorization has set in at the first look, after "
                f"{record.onset.seen} pictures, and there is no snapshot before it: train on more "
                "pictures, or a smaller network"
            )
        kept = self._snapshot(record.before.seen)
        if kept.exists():
            write_file(weights_path(self.out), kept.read_bytes())
        self._delete_all_but(None)

    def _snapshot(self, seen: int) -> Path:
        """Where `train` keeps the weights of a look: under the user's own name, if there is one."""
        named = {self.settings.step_of(kimg): kimg for kimg in self.settings.snapshots_kimg}
        return snapshot_path(self.out, named.get(seen // self.settings.batch, seen / 1000))

    def _delete_all_but(self, kept: Look | None) -> None:
        asked = {snapshot_path(self.out, kimg) for kimg in self.settings.snapshots_kimg}
        asked |= {self._snapshot(kept.seen)} if kept else set()
        for seen in self.points:
            if seen <= self.last and self._snapshot(seen) not in asked:
                self._snapshot(seen).unlink(missing_ok=True)
