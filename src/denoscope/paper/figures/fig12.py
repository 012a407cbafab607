"""Figure 12: samples and the training pictures nearest to them, for few, some and many pictures."""

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.reading import COPIES, NOVEL, finished
from denoscope.paper.shared import audit_of
from denoscope.paper.subject import Subject
from denoscope.report.picture_sheet import PictureSheet, SheetRow
from denoscope.sweeps import Store, Task

__all__ = ["FIGURE"]

SHOWN = 10


def _thirds(cells: Cells) -> dict[str, list[Subject]]:
    """Small, middle and large N of both families."""
    ladders = {"main": cells.main.ladder(), "second": cells.second.ladder()}
    return {name: [one[0], one[len(one) // 2], one[-1]] for name, one in ladders.items()}


def needs(cells: Cells) -> list[Task]:
    return [audit_of(cells, s) for subjects in _thirds(cells).values() for s in subjects]


def draw(cells: Cells, store: Store) -> list[Drawing]:
    sheets = []
    for family, subjects in _thirds(cells).items():
        rows = []
        for subject in subjects:
            pictures = store.pictures(audit_of(cells, subject))
            rows.append(SheetRow(f"N = {subject.data.n:,}", pictures["sample/network"][:SHOWN]))
            rows.append(SheetRow("nearest training picture", pictures["sample/nearest"][:SHOWN]))
        sheets.append(
            PictureSheet(
                f"fig-12-samples-{family}",
                f"Samples and nearest training pictures, {subjects[0].data.where}",
                "Under each sample the training picture nearest to it, pixel by pixel. With few pictures they "
                "are the same.",
                tuple(rows),
                figure="Fig. 12",
            )
        )
    return sheets


def check(cells: Cells, store: Store) -> Check:
    told, tests, values = [], {}, {}
    for family, subjects in _thirds(cells).items():
        copies = {}
        for subject in subjects:
            table, n = store.table(audit_of(cells, subject)), subject.data.n
            copies[n], _ = finished(table, "memorization_ratio")
            control, _ = finished(table, "memorization_ratio", "")
            values[f"copies_{family}_{n}"] = copies[n]
            if subject is subjects[0]:
                words = f"only {copies[n]:.2f} of samples are copies at N={n} ({family} family)"
                tests[words] = copies[n] - control >= COPIES
            if subject is subjects[-1]:
                words = f"{copies[n]:.2f} of samples are copies at N={n:,} ({family} family)"
                tests[words] = copies[n] - control <= NOVEL
        shares = ", ".join(f"{share:.2f} (N={n:,})" for n, share in copies.items())
        told.append(f"{subjects[0].data.where}: {shares}")
    return Check.of("copies among samples, " + "; ".join(told), tests, values)


FIGURE = Figure(
    number=12,
    title="Samples and their nearest training pictures along N",
    claim="A network of few pictures generates its training pictures, one of many generates new ones.",
    acceptance="copies (d1/d2 < 1/3) beyond the held-out control: at least 0.5 of samples at the smallest N, "
    "at most 0.1 at the largest, on both sets",
    needs=needs,
    draw=draw,
    check=check,
)
