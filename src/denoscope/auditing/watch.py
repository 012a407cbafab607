"""Looks at a model while it trains: has memorization set in? (Li et al. 2024, section 4.2)

A look is a small audit: the same signals, read at the levels where they can tell, and the same rule
(`signals`, `verdict`). Memorization has set in where the verdict says memorizing, or transitional: the
model generalizes no longer. A look is made in two stages. The first, of `QUICK` pictures and samples,
ends it where the model generalizes surely (or is undertrained). Where it leaves a doubt, a closer one of
`CLOSER`, on other noise and other pictures, decides alone: it is as precise as an audit, and what it
finds owes nothing to the chance that raised the doubt.

Looks are due after `FIRST` passes over the training set and then at every `RATIO`-fold of the pictures
seen, since memorization grows with the logarithm of the length of training. The last look before
onset is therefore at most a factor of `RATIO` short of it, and looks cost the less the longer the training.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from denoscope.auditing.bench import Bench, bench_for
from denoscope.auditing.copies import sample_evidence
from denoscope.auditing.flags import level_note
from denoscope.auditing.inputs import check_sets, chosen, input_batches
from denoscope.auditing.measuring import INTERMEDIATE, audit_levels, measure
from denoscope.auditing.recorder import Recorder
from denoscope.auditing.signals import LOWEST, collapsed_band, read_signals
from denoscope.auditing.verdict import decide
from denoscope.denoiser import Denoiser, check_denoiser
from denoscope.errors import InputError
from denoscope.images import Pictures, near_duplicate_groups
from denoscope.noise import karras_levels
from denoscope.tables import Look, Verdict, WatchRecord

__all__ = ["MemorizationWatch", "look_points"]

QUICK = (64, 32)  # pictures denoised, of training and of held-out ones each; samples
CLOSER = (200, 100)  # an audit's
SURE = 0.8  # confidence in generalizing that needs no closer look
FIRST = 8  # passes over the training set
RATIO = 2**0.5
APART = 1_000_003  # looks and an audit of one seed share neither noise nor the choice of pictures


def look_points(n_train: int, seen: int) -> list[int]:
    """The counts of pictures at which looks are due, up to `seen`, of a training on n_train pictures."""
    points = []
    while (point := round(FIRST * n_train * RATIO ** len(points))) <= seen:
        points.append(point)
    return points


class MemorizationWatch:
    """Looks at a model in training, and remembers what it saw.

        watch = MemorizationWatch(train, held_out)
        ...
        if watch.due(seen):
            look = watch.look(denoiser, seen)
            if look.stop:
                break  # the weights kept last are those to use
            if watch.keeps:
                keep(weights)

    train: all pictures the model is trained on. held_out: pictures of the same kind that it never
    sees, two or more. device: where the denoisers live. looks: those of an earlier part of the same
    training, which is being resumed.

    A look is a function of (weights, pictures, seed) alone, and touches no global generator. It shares
    neither noise nor the choice of pictures with an audit of any seed that fits in six digits.

    Raises InputError where there are no held-out pictures, or the sets do not fit each other.
    """

    def __init__(
        self,
        train: Pictures,
        held_out: Pictures,
        *,
        seed: int = 0,
        batch: int | None = None,
        device: torch.device | str = "cpu",
        looks: Sequence[Look] = (),
    ) -> None:
        if len(held_out) < 2:
            raise InputError(
                f"{len(held_out)} held-out pictures given: to see memorization set in takes 2 or "
                "more that the model is not trained on; train on fewer pictures"
            )
        self.train, self.held_out, self.seed, self.batch = train, held_out, seed, batch
        self.device = torch.device(device)
        self.looks = list(looks)
        self._fitted: tuple[Bench, Tensor] | None = None

    @property
    def record(self) -> WatchRecord:
        """Every look so far, as watch.json keeps it."""
        return WatchRecord(seed=self.seed, looks=tuple(self.looks))

    @property
    def should_stop(self) -> bool:
        """Whether memorization has set in at a look so far."""
        return self.record.onset is not None

    @property
    def keeps(self) -> bool:
        """Whether the weights of the last look are those to keep, instead of any kept before."""
        return bool(self.looks) and self.record.before == self.looks[-1]

    def due(self, seen: int) -> bool:
        """Whether a point of the schedule lies after the last look, and not after `seen` pictures."""
        last = self.looks[-1].seen if self.looks else 0
        return any(point > last for point in look_points(len(self.train), seen))

    def look(self, denoiser: Denoiser, seen: int) -> Look:
        """Look at the model after `seen` pictures, counted with repetition; remember and return it.

        denoiser: in evaluation mode, on the watch's device; of averaged weights, where there are some.
        Raises InputError where it does not fit the pictures, or where `seen` lies before the last
        look; RunError where it returns values that are not finite.
        """
        check_denoiser(denoiser)
        check_sets(denoiser, self.train, self.held_out)
        if self.looks and seen <= self.looks[-1].seen:
            raise InputError(
                f"a look after {seen} pictures, the last one was after {self.looks[-1].seen}: "
                "count the pictures seen from the start of the training"
            )
        found = self._verdict(denoiser, 2 * self.seed, *QUICK)
        clear = found.label == "generalizing" and found.confidence >= SURE
        closer = not clear and found.label != "undertrained"
        if closer:
            found = self._verdict(denoiser, 2 * self.seed + 1, *CLOSER)
        self.looks.append(Look(seen=seen, verdict=found, closer=closer))
        return self.looks[-1]

    def _verdict(self, denoiser: Denoiser, seed: int, pictures: int, samples: int) -> Verdict:
        bench, groups = self._on_bench(denoiser)
        seed, train = seed + APART, self.train
        recorder = Recorder(seed)
        levels = audit_levels(denoiser, karras_levels(10))
        inside = [level for level in levels if LOWEST <= level.used <= INTERMEDIATE[1]]
        new = chosen(self.held_out, max(pictures, samples), seed)
        for kind, source in (("train", chosen(train, pictures, seed)), ("held_out", new)):
            count = min(pictures, len(source))
            shown = input_batches(kind, source, count, train.shape, seed=seed)
            measure(bench, shown, inside, recorder)
        if not collapsed_band(recorder, inside, "held_out"):  # then linearity is read on noise
            shown = input_batches("noise", None, pictures, train.shape, seed=seed)
            measure(bench, shown, inside, recorder)
        notes = [level_note(recorder, level) for level in inside]
        found = decide(read_signals(recorder, inside), notes, missing=False)
        if found.label == "undertrained":  # whatever it would draw
            return found
        where = (bench, recorder, train, new, groups, levels)
        sample_evidence(*where, count=samples, rivals=False)
        return decide(read_signals(recorder, inside), notes, missing=False)

    def _on_bench(self, denoiser: Denoiser) -> tuple[Bench, Tensor]:
        """The denoiser beside the closed forms, and the near-duplicate groups: both found once."""
        if self._fitted is None:
            train, exact = self.train, self.train.pixels.dtype == torch.uint8
            groups = near_duplicate_groups(train).labels if exact else torch.arange(len(train))
            self._fitted = bench_for(denoiser, train, self.device, batch=self.batch), groups
        bench, groups = self._fitted
        return replace(bench, network=denoiser), groups
