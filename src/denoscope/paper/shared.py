"""Measurements that several figures read, with the preset's counts: asked alike, they are done once."""

from denoscope.noise import karras_levels
from denoscope.paper.cells import Cells
from denoscope.paper.measuring import (
    Distillation,
    Errors,
    GradientDescent,
    Jacobian,
    Outputs,
    Samples,
)
from denoscope.paper.subject import Subject
from denoscope.sweeps import AuditTask

__all__ = [
    "audit_of",
    "descent_of",
    "distillation_of",
    "errors_of",
    "jacobian_of",
    "outputs_of",
    "samples_of",
    "ten_levels",
]


def ten_levels() -> tuple[float, ...]:
    """The paper's grid, high to low."""
    return tuple(karras_levels(10).tolist())


def audit_of(cells: Cells, subject: Subject) -> AuditTask:
    """The whole audit: every distance at ten levels, samples, copies, verdict."""
    return AuditTask(
        train=subject.train,
        kimg=subject.kimg,
        pictures=cells.preset.audited,
        samples=cells.preset.samples,
        beyond=subject.beyond,
        held_out=subject.held_out,
    )


def distillation_of(cells: Cells, subject: Subject) -> Distillation:
    """The exact linear distillation at ten levels, on held-out inputs."""
    preset = cells.preset
    return Distillation(
        subject=subject, pictures=preset.distill_pictures, budget=preset.distill_budget
    )


def descent_of(cells: Cells, subject: Subject) -> GradientDescent:
    """The paper's gradient descent to the same linear model."""
    preset = cells.preset
    levels = ten_levels()[:: 10 // preset.adam_levels]
    return GradientDescent(
        subject=subject,
        pictures=preset.adam_pictures,
        epochs=preset.adam_epochs,
        draws=preset.adam_draws,
        levels=levels,
    )


def errors_of(cells: Cells, subject: Subject, levels: tuple[float, ...] = ()) -> Errors:
    """Distances to the closed forms at chosen levels (default: the ten)."""
    return Errors(subject=subject, levels=levels or ten_levels(), pictures=cells.preset.audited)


def outputs_of(cells: Cells, subject: Subject) -> Outputs:
    """Answers at sigma = 60 and 4."""
    return Outputs(subject=subject, pictures=min(64, cells.preset.audited))


def jacobian_of(cells: Cells, subject: Subject, levels: tuple[float, ...] = ()) -> Jacobian:
    """The Jacobian along one trajectory (default: the paper's grid for these figures, as far as the
    preset's number of levels)."""
    preset = cells.preset
    grid = levels or tuple(karras_levels(preset.jacobian_levels).tolist())
    return Jacobian(subject=subject, levels=grid, vectors=preset.jacobian_vectors)


def samples_of(
    cells: Cells, subject: Subject, *, linear: bool = False, levels: tuple[float, ...] = ()
) -> Samples:
    """Samples and trajectories from the shared noises; with the distilled linear model's.

    levels: default the ten.
    """
    return Samples(
        subject=subject,
        count=cells.preset.samples,
        levels=levels,
        linear=distillation_of(cells, subject) if linear else None,
    )
