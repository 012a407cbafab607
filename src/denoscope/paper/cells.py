"""The networks of a reproduction, by the role they play: what a figure asks for, as training tasks.

Two figures that ask for the same network get the same cell, which is trained once.
"""

from dataclasses import dataclass
from typing import Any, Literal

from denoscope.networks import NetworkSettings
from denoscope.paper.preset import DaeRecipe, Family, Preset
from denoscope.paper.subject import Subject
from denoscope.sweeps import TrainTask, open_whole
from denoscope.training import DataRecord, TrainSettings

__all__ = ["Cells", "FamilyCells"]

NOT_OPENED = "not-opened"  # stands for a fingerprint in a dry run without the data


@dataclass(frozen=True)
class FamilyCells:
    """The networks over one set of pictures."""

    family: Family
    preset: Preset
    opened: bool = True
    """False: the data are not at hand, the cells can be counted but not run."""

    def network(
        self,
        n: int | None = None,
        *,
        width: int | None = None,
        arch: str | None = None,
        twin: Literal[1, 2] | None = None,
        kimg: float | None = None,
        preconditioning: str = "edm",
        edm_law: bool = False,
    ) -> TrainTask:
        """The network of `n` pictures (default: the ladder's largest N), trained for `kimg`.

        edm_law: under EDM's law of the levels, whatever the family's.
        The small set's own goes on for the family's `long_kimg`: one training, looked at at two lengths.
        """
        f = self.family
        own = n == f.small and width in (None, f.width) and not arch and twin is None
        length = kimg or (f.long_kimg if own and f.long_kimg else f.kimg)
        network: dict[str, Any] = {
            "arch": arch or self.preset.arch,
            "shape": f.data.shape,
            "width": f.width if width is None else width,
            "multipliers": f.multipliers,
            "blocks": f.blocks,
            "attention": f.attention,
            "dropout": f.dropout,
            "preconditioning": preconditioning,
        }
        # VP and VE have laws of their own
        own_law = preconditioning == "edm" and not edm_law
        law: dict[str, Any] = {"p_mean": f.p_mean, "p_std": f.p_std} if own_law else {}
        settings = TrainSettings(
            network=NetworkSettings(**network),
            kimg=length,
            batch=f.batch,
            learning_rate=f.learning_rate,
            warmup_kimg=f.warmup_kimg,
            augment=f.augment,
            precision=f.precision,
            **law,
            snapshots_kimg=tuple(s for s in f.snapshots_kimg if s < length),
        )
        return TrainTask(
            settings=settings, data=self.record(f.images[-1] if n is None else n, twin)
        )

    def dae(
        self, recipe: DaeRecipe, level: float, snapshots_kimg: tuple[float, ...] = ()
    ) -> TrainTask:
        """One denoiser of one level, without preconditioning, on the ladder's largest set."""
        f = self.family
        network: dict[str, Any] = {
            "arch": recipe.arch,
            "shape": f.data.shape,
            "preconditioning": "none",
        }
        if recipe.arch != "linear":
            network |= {"width": recipe.width, "blocks": recipe.blocks}
        if recipe.arch in ("ncsnpp", "skip"):
            network["multipliers"] = f.multipliers
        if recipe.arch == "ncsnpp":
            network |= {"attention": f.attention, "dropout": f.dropout}
        settings = TrainSettings(
            network=NetworkSettings(**network),
            level=level,
            kimg=recipe.kimg,
            batch=recipe.batch,
            learning_rate=recipe.learning_rate,
            warmup_kimg=min(f.warmup_kimg, recipe.kimg / 8),
            precision=f.precision if recipe.arch == "ncsnpp" else "fp32",
            snapshots_kimg=snapshots_kimg,
        )
        return TrainTask(settings=settings, data=self.record(f.images[-1]))

    def record(self, n: int, twin: Literal[1, 2] | None = None) -> DataRecord:
        data = self.family.data
        if not self.opened:
            return DataRecord(
                where=data.where,
                size=data.size,
                name=data.where,
                fingerprint=NOT_OPENED,
                n=n,
                twin=twin,
            )
        return DataRecord.of(
            open_whole(data.where, data.size), n, where=data.where, size=data.size, twin=twin
        )

    def subject(self, *trains: TrainTask, kimg: float | None = None) -> Subject:
        """A model to measure, shown held-out pictures that no network of this family was trained on."""
        f = self.family
        beyond = max(f.images[-1], 2 * f.twin)
        return Subject(trains=trains, kimg=kimg, beyond=beyond, held_out=f.held_out)

    # The roles ----------------------------------------------------------------------------------

    def ladder(self) -> list[Subject]:
        """One network for each N, small to large."""
        f = self.family
        return [self.subject(self.network(n), kimg=f.kimg) for n in f.images]

    def memories(self) -> list[Subject]:
        """A perfect memory of each N, small to large: the multi-delta in the network's place."""
        return [one.model_copy(update={"memory": True}) for one in self.ladder()]

    def large(self) -> Subject:
        """The network that generalizes: the largest N."""
        return self.ladder()[-1]

    def large_edm(self) -> Subject:
        """The same under EDM's law of the levels, as the paper's are trained: hardly at high noise."""
        return self.subject(self.network(edm_law=True))

    def small(self) -> Subject:
        """The network that memorizes: full width, few pictures, trained to the end."""
        return self.subject(self.network(self.family.small))

    def widths(self) -> list[Subject]:
        """The small set at each width, narrow to wide."""
        f = self.family
        return [self.subject(self.network(f.small, width=w), kimg=f.kimg) for w in f.widths]

    def lengths(self) -> list[Subject]:
        """The small set's full-width network along its training: fresh, each snapshot, the end."""
        trained = self.network(self.family.small)
        inside = trained.settings.snapshots_kimg
        return [self.subject(trained, kimg=k) for k in (0.0, *inside, trained.settings.kimg)]

    def twins(
        self, n: int | None = None, *, width: int | None = None, kimg: float | None = None
    ) -> tuple[Subject, Subject]:
        """Two networks of disjoint sets of n pictures (default: the many), seeds and all else equal."""
        n = self.family.twin if n is None else n
        kimg = self.family.kimg if kimg is None else kimg
        one, two = self.network(n, width=width), self.network(n, width=width, twin=2)
        return self.subject(one, kimg=kimg), self.subject(two, kimg=kimg)

    def architectures(self) -> dict[str, Subject]:
        """The largest set under each architecture, all after the same length of training."""
        length = self.preset.arch_kimg
        first = self.subject(self.network(), kimg=length)
        others = {
            a: self.subject(self.network(arch=a, kimg=length)) for a in self.preset.other_archs
        }
        return {self.preset.arch: first, **others}

    def baseline_ve(self) -> Subject:
        """NCSN++ under the VE preconditioning and loss of Song et al. 2021, the largest set."""
        length = self.preset.arch_kimg
        return self.subject(self.network(arch="ncsnpp", kimg=length, preconditioning="ve"))

    def daes(self) -> dict[str, Subject]:
        """For each DAE architecture, its networks of all levels as one denoiser."""
        return {
            recipe.arch: self.subject(*(self.dae(recipe, s) for s in self.preset.dae_levels))
            for recipe in self.preset.daes
        }


@dataclass(frozen=True)
class Cells:
    """All networks of a reproduction: the main family's and the second's."""

    preset: Preset
    opened: bool = True

    @property
    def main(self) -> FamilyCells:
        return FamilyCells(self.preset.main, self.preset, self.opened)

    @property
    def second(self) -> FamilyCells:
        return FamilyCells(self.preset.second, self.preset, self.opened)
