"""A figure of the paper: what it needs, what it draws, the claim it checks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from denoscope.paper.cells import Cells
from denoscope.report.chart import Chart
from denoscope.report.picture_sheet import PictureSheet
from denoscope.sweeps import Store, Task

__all__ = ["Check", "Drawing", "Figure"]

Drawing = Chart | PictureSheet


@dataclass(frozen=True)
class Check:
    """What was measured of a claim.

    measured: the numbers, in words. holds: whether they meet the acceptance; None where this size of
    the experiment cannot tell. reason: why it does not hold, or cannot tell. values: the numbers by name.
    """

    measured: str
    holds: bool | None
    reason: str = ""
    values: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: str, tests: dict[str, bool], values: dict[str, float]) -> "Check":
        """Holds where every test does. tests: what is to be said where it fails -> whether it holds."""
        failing = "; ".join(words for words, held in tests.items() if not held)
        return cls(measured, not failing, failing, values)


@dataclass(frozen=True)
class Figure:
    """One figure of Li et al. 2024.

    title: what it shows. claim: the paper's, in words. acceptance: the numbers that decide, the same
    for every preset. needs: the tasks whose tables it reads. draw: one or several drawings, made of
    tables and stored pictures alone. check: the claim on the same tables. explains: of a trap, the
    figures whose claims may fail for what it shows.
    """

    number: int
    title: str
    claim: str
    acceptance: str
    needs: Callable[[Cells], list[Task]]
    draw: Callable[[Cells, Store], list[Drawing]]
    check: Callable[[Cells, Store], Check]
    explains: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return f"fig{self.number}"
