"""The watch in somebody else's loop: under accelerate, and as a callback of Lightning.

Both look in the main process, at the bare module in evaluation mode, and tell the others what was seen.
In a plain PyTorch loop `MemorizationWatch` itself is all that is needed.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from denoscope.auditing.watch import MemorizationWatch
from denoscope.denoiser import Denoiser
from denoscope.errors import InputError
from denoscope.tables import Look, WatchRecord

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["AccelerateWatch", "in_evaluation", "lightning_watch", "pictures_in"]

ToDenoiser = Callable[[Any], Denoiser]


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[None]:
    """Dropout and the like are off inside; every submodule's mode is as it was afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


class AccelerateWatch:
    """Called in every process after every step: says whether to stop.

        stops = AccelerateWatch(watch, accelerator, to_denoiser, keep)
        ...
        if stops(model, seen):
            break

    to_denoiser: from the unwrapped module to a denoiser. keep: called in the main process with the
    unwrapped module at every look whose weights are to be kept; the last is the model before
    memorization.
    """

    def __init__(
        self,
        watch: MemorizationWatch,
        accelerator: "Accelerator",
        to_denoiser: ToDenoiser,
        keep: Callable[[Any], object],
    ) -> None:
        self.watch, self.accelerator = watch, accelerator
        self.to_denoiser, self.keep = to_denoiser, keep

    def __call__(self, module: nn.Module, seen: int) -> bool:
        """module: prepared or not; of averaged weights, where there are some. seen: over all processes."""
        from accelerate.utils import broadcast_object_list

        if not self.watch.due(seen):
            return False
        main = self.accelerator.is_main_process
        bare: Any = self.accelerator.unwrap_model(module)
        looked = [_look(self.watch, bare, self.to_denoiser, seen) if main else None]
        look: Any = broadcast_object_list(looked)[0]
        if not main:
            self.watch.looks.append(look)
        elif self.watch.keeps:
            self.keep(bare)
        return look.stop


def lightning_watch(watch: MemorizationWatch, to_denoiser: ToDenoiser, keep: str | Path) -> "Any":
    """A Lightning callback: `Trainer(callbacks=[lightning_watch(watch, to_denoiser, "before.ckpt")])`.

    to_denoiser: from the LightningModule to a denoiser. keep: a checkpoint is saved there at every look
    whose weights are to be kept; the last one is the model before memorization, at which the trainer
    stops. Pictures are counted by the first dimension of the first tensor of a batch, over all
    processes; the count and the looks travel in every checkpoint, so that a resumed fit goes on looking.

    Works with `lightning` and with `pytorch_lightning`, whichever the program has imported.
    Raises InputError where neither is installed.
    """

    class LightningWatch(_callback_class()):  # type: ignore[misc]
        """Stops the trainer before memorization."""

        def __init__(self) -> None:
            self.watch, self.seen = watch, 0

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            self.seen += pictures_in(batch) * trainer.world_size
            if watch.should_stop or not watch.due(self.seen):
                return
            main = trainer.is_global_zero
            look = _look(watch, pl_module, to_denoiser, self.seen) if main else None
            look = trainer.strategy.broadcast(look)
            if not main:
                watch.looks.append(look)
            if look.stop:
                trainer.should_stop = True
            elif watch.keeps:
                trainer.save_checkpoint(keep)  # in every process: it may be sharded

        def state_dict(self) -> dict[str, Any]:
            return {"seen": self.seen, "watch": watch.record.model_dump(mode="json")}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.seen = state_dict["seen"]
            watch.looks[:] = WatchRecord.model_validate(state_dict["watch"]).looks

    return LightningWatch()


def _callback_class() -> type:
    """Lightning's Callback, of the package that the program uses: the two do not mix."""
    names = ("lightning.pytorch", "pytorch_lightning")
    loaded = [name for name in names if name in sys.modules]
    there = [name for name in names if importlib.util.find_spec(name.split(".")[0])]
    if not loaded and not there:
        raise InputError("lightning is not installed: pip install lightning")
    return importlib.import_module((loaded or there)[0]).Callback


def pictures_in(batch: Any) -> int:
    """The first dimension of the first tensor in a tensor, a sequence or a mapping of such.

    Raises InputError where there is none.
    """
    if isinstance(batch, Tensor):
        return len(batch)
    parts: Sequence[Any] = ()
    if isinstance(batch, Mapping):
        parts = list(batch.values())
    elif isinstance(batch, Sequence) and not isinstance(batch, str):
        parts = batch
    for part in parts:
        try:
            return pictures_in(part)
        except InputError:
            continue
    raise InputError("a batch holds no tensor, so its pictures cannot be counted")


def _look(watch: MemorizationWatch, module: nn.Module, to_denoiser: ToDenoiser, seen: int) -> Look:
    with in_evaluation(module):
        return watch.look(to_denoiser(module), seen)
