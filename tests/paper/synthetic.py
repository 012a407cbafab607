"""Plausible results of every task, as the paper says or the other way round: figures are tested on them.

One number drives them all: how far a network copies, from its N, width and length. The other way
round it copies where it should not, and the closed forms lie elsewhere.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import exp, log, prod
from typing import Any

import numpy as np

from denoscope.metrics import Estimate
from denoscope.noise import karras_levels
from denoscope.paper.measuring import (
    Distillation,
    Errors,
    GradientDescent,
    Identity,
    Jacobian,
    Linearity,
    Outputs,
    Perturbation,
    RankGap,
    Samples,
)
from denoscope.paper.measuring.measurement import Ledger
from denoscope.paper.subject import Subject
from denoscope.sweeps import AuditTask, Store, Task

__all__ = ["WRITERS", "Book", "fill"]

TEN = karras_levels(10).tolist()
KINDS = ("train", "held_out", "noise")
FORMS = ("network", "gaussian", "multi_delta")
PAIRS = (("network", "gaussian"), ("network", "multi_delta"), ("gaussian", "multi_delta"))
LOW, HIGH = 0.1, 20.0


@dataclass
class Book:
    """The result of one task while it is written. agrees: whether it is as the paper says."""

    subject: Subject
    agrees: bool
    ledger: Ledger = field(default_factory=lambda: Ledger("synthetic", 0))

    def number(self, metric: str, value: float, **keys: Any) -> None:
        self.ledger.estimate(metric, Estimate(value, 0.01 * abs(value), 64), **keys)

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        return self.ledger.pictures

    @property
    def n(self) -> int:
        return 4000 if self.subject.bundled else self.subject.data.n

    @property
    def width(self) -> int:
        return 16 if self.subject.bundled else self.subject.train.settings.network.width or 16

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 8, 8) if self.subject.bundled else self.subject.train.settings.network.shape

    @property
    def dae(self) -> str:
        """The architecture of one network a level; empty for a network of all levels."""
        several = len(self.subject.trains) > 1
        return self.subject.train.settings.network.arch if several else ""

    @property
    def edm_law(self) -> bool:
        """Whether the network of all levels was hardly shown high noise."""
        several = self.subject.bundled or self.subject.train.settings.level
        return not several and self.subject.train.settings.p_std == 1.2

    @property
    def untrained(self) -> float:
        """1 for a fresh network, 0 after some thousand pictures."""
        return 0.0 if self.subject.bundled else 1 / (1 + (self.subject.seen_kimg / 0.3) ** 2)

    @property
    def copying(self) -> float:
        """0 to 1: few pictures, a wide network and a long training make it copy."""
        if self.subject.bundled:
            return 0.02 if self.agrees else 0.9
        share = self.subject.seen_kimg / self.subject.train.settings.kimg
        few = 1 / (1 + (self.n / 100) ** 1.5)
        wide = 1 / (1 + (8 / self.width) ** 4)
        long = 1 / (1 + (0.5 / share) ** 4) if share else 0.0
        found = few * wide * long
        return found if self.agrees else 1 - found

    def distance(self, sigma: float, inputs: str = "held_out") -> float:
        """RMSE of the network to its Gaussian."""
        if self.agrees and (self.dae == "linear" or (self.dae and sigma >= HIGH)):
            return 0.004
        if sigma >= HIGH:
            if not self.agrees:
                return 0.3 - 0.1 * self.untrained
            return 0.01 + 0.1 / self.width + 0.3 * self.untrained + 0.01 * self.edm_law
        if sigma < LOW:
            spanned = min(1.0, self.n / prod(self.shape)) if inputs == "held_out" else 1.0
            return 0.001 + (0.3 * (1 - spanned) if self.agrees else 0.3)
        return 0.08 + 0.15 * self.copying + 0.3 * self.untrained

    def apart(self, one: str, two: str, sigma: float, inputs: str = "held_out") -> float:
        """RMSE between two denoisers."""
        pair = {one, two}
        if pair == {"network", "gaussian"}:
            return self.distance(sigma, inputs)
        if pair == {"network", "linear"}:
            return (0.2 if self.agrees and sigma >= HIGH else 0.95) * self.distance(sigma, inputs)
        if pair == {"linear", "gaussian"}:
            if self.subject.memory and self.agrees:
                return 0.02
            return 0.01 + 0.12 * self.copying if self.agrees else 0.3
        if sigma >= HIGH:  # the multi-delta is nearly the Gaussian there, and right
            nearer = 0.9 if self.agrees else 1.1
            return nearer * self.distance(sigma, inputs) if "network" in pair else 0.005
        return 0.3 if self.agrees else 0.01

    def length(self, sigma: float) -> float:
        """Root mean square of an answer: at high noise all answers are near a gray picture."""
        return 0.1 if self.agrees and sigma >= HIGH else 0.5

    def linearity(self, sigma: float, even: float = 1.0) -> float:
        """How far the network's linearity score is from 1; even: 1 for an even mix, 0 for none."""
        ve = (
            not self.subject.bundled
            and self.subject.train.settings.network.preconditioning == "ve"
            and self.agrees
        )
        if self.subject.memory and self.agrees and LOW <= sigma < HIGH:
            return 0.06 + 0.1 * exp(-(log(self.n / 64) ** 2))  # most of all at 64 pictures
        asked = even if self.agrees else 1.3 - even
        if LOW <= sigma < HIGH:
            return (0.02 + 0.2 * self.copying + 0.3 * ve) * asked
        return 1e-4 if self.agrees else 0.05

    def compared(self, levels: Iterable[float], kinds: Iterable[str] = ("held_out",)) -> None:
        """Rows of distances between the forms, in both units."""
        for sigma in levels:
            for inputs in kinds:
                for one, two in PAIRS:
                    keys = {"denoiser": one, "reference": two, "sigma": sigma, "inputs": inputs}
                    value = self.apart(one, two, sigma, inputs)
                    self.number("score_error", value, **keys)
                    self.number("score_error_norm_ratio", value / self.length(sigma), **keys)

    def rmse(self, levels: Iterable[float], kinds: Iterable[str] = ("held_out",)) -> None:
        """Rows of the error to the clean picture."""
        for sigma in levels:
            for inputs in kinds:
                for name in FORMS:
                    keys = {"denoiser": name, "sigma": sigma, "inputs": inputs}
                    value = 0.1 + 0.1 * self.copying * (name == "network")
                    if sigma < LOW and name == "gaussian":
                        value = self.distance(sigma, inputs)
                    if sigma >= HIGH and name == "multi_delta":
                        value = 0.09
                    self.number("rmse", value, **keys)

    def sampled(self, count: int, nearest: str) -> None:
        """Pictures sample/NAME, and the training pictures near the network's under `nearest`."""
        twin = 0 if self.subject.bundled else self.subject.data.twin or 0
        common = np.random.default_rng(0).normal(size=(count, *self.shape))
        own = np.random.default_rng([self.n, twin]).normal(size=(count, *self.shape))
        form = common + 0.1 * own
        pictures = {
            "network": (1 - self.copying) * common + self.copying * own,
            "gaussian": form if self.agrees else common - 2 * own,
            "linear": form + 0.05 * own if self.agrees else own,
            "multi_delta": own,
        }
        self.pictures.update({f"sample/{name}": _bytes(one) for name, one in pictures.items()})
        self.pictures[nearest] = _bytes(0.3 * common + 0.7 * own)


def _bytes(pictures: np.ndarray) -> np.ndarray:
    return np.clip(127.5 + 40 * pictures, 0, 255).round().astype(np.uint8)


def _audit(task: AuditTask, book: Book) -> None:
    book.compared(TEN, KINDS)
    book.rmse(TEN, KINDS[:2])
    for sigma in TEN:
        shared = 1.0 if sigma < 1 else 0.5 * book.n
        book.number("effective_pictures", shared, denoiser="multi_delta", sigma=sigma)
        for name in FORMS:
            keys = {"denoiser": name, "sigma": sigma, "param": 0.5**0.5}
            short = book.linearity(sigma) if name == "network" else 1e-4
            book.number("linearity_cosine", 1 - short, **keys)
            book.number("linearity_norm_ratio", 0.1 + 2 * short, **keys)
    copies = {"network": book.copying, "gaussian": 0.0, "multi_delta": 1.0, "": 0.01}
    for name, share in copies.items():
        keys = {"denoiser": name, "inputs": "noise" if name else "held_out"}
        book.number("memorization_ratio", share, **keys)
        book.number("gl_pixel", 0.5 * (1.02 - share), **keys)
    book.sampled(task.samples, "sample/nearest")


def _errors(task: Errors, book: Book) -> None:
    book.compared(task.levels)
    book.rmse(task.levels)


def _linearity(task: Linearity, book: Book) -> None:
    for sigma in karras_levels(task.levels).tolist():
        for inputs in ("held_out", "noise"):
            for square in task.alpha_squared:
                even = 2 * (square * (1 - square)) ** 0.5
                for name in ("network", "gaussian"):
                    short = book.linearity(sigma, even) if name == "network" else 1e-3 * even
                    keys = {"denoiser": name, "inputs": inputs, "sigma": sigma, "param": square}
                    for ending in ("", "_centred"):
                        ratio = 0.1 + 2 * short
                        if name == "gaussian" and book.agrees:  # affine, and mean beside 0
                            share = sigma**2 / (sigma**2 + 0.5)
                            ratio = 0.0 if ending else (2**0.5 - 1) * share * even
                        book.number(f"linearity_cosine{ending}", 1 - short, **keys)
                        book.number(f"linearity_norm_ratio{ending}", ratio, **keys)


def _distillation(task: Distillation, book: Book) -> None:
    book.compared(TEN)
    kept = min(100, prod(book.shape))
    for place, sigma in enumerate(TEN):
        for one, two in (("network", "linear"), ("linear", "gaussian")):
            keys = {"denoiser": one, "reference": two, "sigma": sigma}
            book.number("score_error", book.apart(one, two, sigma), **keys)
            ratio = book.apart(one, two, sigma) / book.length(sigma)
            book.number("score_error_norm_ratio", ratio, **keys)
        shown = max(book.copying - 0.1, 0.0) if task.input_kind == "held_out" else 0.0
        left = 0.02 + 0.3 * (book.untrained + shown) if book.agrees else 0.8
        book.number("weight_difference", left, sigma=sigma)
        book.number("symmetry_defect", 0.01 if book.agrees else 0.8, sigma=sigma)
        matched = book.agrees and sigma > LOW
        for k in range(kept):
            variance = 10 / (k + 1) ** 2
            value = variance / (variance + sigma**2)
            keys = {"sigma": sigma, "index": k}
            book.number("singular_value", value, denoiser="gaussian", **keys)
            value *= 1.01 if book.agrees else 1.5
            book.number("singular_value", value, denoiser="linear", **keys)
            book.number("vector_correlation", 0.99 - 0.005 * k if matched else 0.1, **keys)
        found = np.eye(kept) if matched else np.full((kept, kept), 0.1)
        book.pictures[f"correlation/{place}"] = (255 * found[None, None]).astype(np.uint8)
    vectors = np.random.default_rng(1).normal(size=(25, *book.shape))
    book.pictures["vectors/linear"] = book.pictures["vectors/gaussian"] = _bytes(vectors)


def _descent(task: GradientDescent, book: Book) -> None:
    for sigma in task.levels:
        for epoch in range(task.epochs + 1):
            keys = {"sigma": sigma, "param": float(epoch)}
            done = epoch / task.epochs
            left = exp(-4 * done) if book.agrees else 1 - 0.1 * done
            book.number("weight_difference", left, **keys)
            pair = {"denoiser": "network", "reference": "linear"}
            book.number("score_error", 0.1 + 0.3 * left, **keys, **pair)
            if epoch:
                book.number("symmetry_defect", left if book.agrees else done, **keys)


def _outputs(task: Outputs, book: Book) -> None:
    book.compared(task.levels, ("held_out", "noise"))
    rng = np.random.default_rng(2)
    book.pictures["clean"] = _bytes(rng.normal(size=(4, *book.shape)))
    for inputs in ("held_out", "noise"):
        for place, sigma in enumerate(task.levels):
            for name in FORMS:
                answer = _bytes(rng.normal(size=(4, *book.shape)))
                book.pictures[f"{inputs}/{name}/{place}"] = answer
                apart = {"network": 0.3 * (1.05 - book.copying), "gaussian": 0.3}.get(name, 0.0)
                keys = {"denoiser": name, "inputs": inputs, "sigma": sigma}
                book.number("output_nearest", apart, **keys)


def _samples(task: Samples, book: Book) -> None:
    book.sampled(task.count, "nearest/network")
    levels = len(task.levels) or 10
    for key in [key for key in book.pictures if key.startswith("sample/")]:
        name = key.removeprefix("sample/")
        if name == "linear" and task.linear is None:
            del book.pictures[key]
            continue
        book.pictures[f"trajectory/{name}"] = np.repeat(book.pictures[key][:5, None], levels, 1)
        book.pictures.setdefault(f"nearest/{name}", book.pictures["nearest/network"])
        if name != "network":
            keys = {"denoiser": "network", "reference": name, "inputs": "noise"}
            book.number("sample_distance", 0.2, **keys)


def _identity(task: Identity, book: Book) -> None:
    uneven = 0.0 if book.agrees else 0.2 * (book.subject.train.settings.network.arch == "adm")
    for sigma in karras_levels(task.levels).tolist():
        for name in ("network", "gaussian"):
            keys = {"denoiser": name, "sigma": sigma}
            share = sigma**2 / (sigma**2 + 0.5)
            book.number("identity_difference", share + uneven, **keys)
            book.number("identity_cosine", (1 - share) ** 0.5 - uneven, **keys)


def _jacobian(task: Jacobian, book: Book) -> None:
    rng, k = np.random.default_rng(3), task.vectors
    for place, sigma in enumerate(task.levels):
        share = 1 / (1 + (2 / sigma) ** 0.7) if book.agrees else 0.3
        if book.dae:
            share = share**0.5 if book.agrees else 0.1
        book.number("component_alignment", share, sigma=sigma)
        book.number("jacobian_converged", 1.0, sigma=sigma)
        book.number("jacobian_residual", 1e-6, sigma=sigma)
        book.pictures[f"correlation/{place}"] = (255 * share * np.eye(k)).astype(np.uint8)[
            None, None
        ]
        book.pictures[f"vectors/{place}"] = _bytes(rng.normal(size=(3, *book.shape)))
    book.pictures["components"] = _bytes(rng.normal(size=(3, *book.shape)))
    way = rng.normal(size=(1, len(task.levels), *book.shape))
    book.pictures["trajectory"] = _bytes(way)


def _rank_gap(task: RankGap, book: Book) -> None:
    for inputs in ("train", "held_out"):
        value = book.distance(0.002, inputs)
        keys = {"denoiser": "network", "reference": "gaussian", "inputs": inputs}
        book.number("score_error", value, sigma=0.002, **keys)
        book.number("outside_span", value if book.agrees else 0.5 * value, inputs=inputs)


def _perturbation(task: Perturbation, book: Book) -> None:
    rng = np.random.default_rng(4)
    for place, sigma in enumerate(task.levels):
        size = sigma / 30 if book.agrees else 0.2
        for strength in task.strengths:
            keys = {"sigma": sigma, "param": strength}
            book.number("perturbation_change", size * strength / 4, **keys)
            book.number("perturbation_cosine", 1 - size * strength / 4, **keys)
        finished = rng.normal(size=(2 * len(task.strengths) + 1, *book.shape))
        book.pictures[f"final/{place}"] = _bytes(finished)


WRITERS: dict[type[Task], Callable[[Any, Book], None]] = {
    AuditTask: _audit,
    Distillation: _distillation,
    Errors: _errors,
    GradientDescent: _descent,
    Identity: _identity,
    Jacobian: _jacobian,
    Linearity: _linearity,
    Outputs: _outputs,
    Perturbation: _perturbation,
    RankGap: _rank_gap,
    Samples: _samples,
}


def fill(store: Store, tasks: Iterable[Task], *, agrees: bool) -> None:
    """Write a result for each task that has none."""
    for task in tasks:
        if store.done(task):
            continue
        if isinstance(task, AuditTask):
            subject = Subject(trains=(task.train,), kimg=task.kimg, beyond=task.beyond)
        else:
            subject = task.subject  # type: ignore[attr-defined]
        book = Book(subject, agrees)
        WRITERS[type(task)](task, book)
        store.write(task, book.ledger.table(), book.pictures)
