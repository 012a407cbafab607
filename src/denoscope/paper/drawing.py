"""Figures drawn into files, several at a time: print takes half a second a chart, of one core."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Drawing, Figure
from denoscope.paper.preset import Preset
from denoscope.report.chart import Chart
from denoscope.report.print import print_chart
from denoscope.sweeps import SPAWN, Store, cores
from denoscope.tables import write_file

__all__ = ["draw_figures"]

FEW = 4  # figures that are drawn sooner here than by processes that have to be started


def draw_figures(
    preset: Preset, figures: Sequence[Figure], store: Path, folder: Path
) -> Iterator[Path]:
    """Draw each figure from the tables in `store`, all of which are there; yield the files in order.

    Of more than four figures on more than one core, several at a time: processes, as the drawing
    library holds the interpreter. The files are the same.
    """
    draw = partial(_draw_figure, preset, store, folder)
    workers = min(cores(), len(figures))
    if len(figures) <= FEW or workers == 1:
        for files in map(draw, figures):
            yield from files
        return
    with ProcessPoolExecutor(workers, mp_context=SPAWN) as pool:
        for files in pool.map(draw, figures):
            yield from files


def _draw_figure(preset: Preset, store: Path, folder: Path, figure: Figure) -> list[Path]:
    drawings = figure.draw(Cells(preset), Store(store))
    return [file for drawing in drawings for file in _write_drawing(drawing, folder)]


def _write_drawing(drawing: Drawing, folder: Path) -> Iterator[Path]:
    """NAME.svg and NAME.png of a chart, NAME.png of a sheet of pictures."""
    if isinstance(drawing, Chart):
        for ending, content in print_chart(drawing).items():
            yield write_file(folder / f"{drawing.name}.{ending}", content)
    else:
        yield write_file(folder / f"{drawing.name}.png", drawing.to_png())
