from denoscope.paper import drawing
from denoscope.paper.cells import Cells
from denoscope.paper.drawing import draw_figures
from denoscope.paper.figures import FIGURES
from denoscope.paper.presets import PRESETS
from denoscope.sweeps import Store
from paper.synthetic import fill

QUICK = PRESETS["quick"]
SOME = [figure for figure in FIGURES.values() if figure.number in (2, 6, 9, 15, 16)]


def _drawn(root, folder, monkeypatch, cores):
    monkeypatch.setattr(drawing, "cores", lambda: cores)
    files = [*draw_figures(QUICK, SOME, root, folder)]
    # an SVG numbers its clips on from those its process has drawn
    return [(file.name, file.read_bytes() if file.suffix == ".png" else b"") for file in files]


def test_figures_drawn_by_processes_are_the_same_files_in_the_same_order(tmp_path, monkeypatch):
    assert len(SOME) > drawing.FEW  # that processes are started
    store = Store(tmp_path / "cells")
    for figure in SOME:
        fill(store, figure.needs(Cells(QUICK)), agrees=True)
    together = _drawn(store.root, tmp_path / "a", monkeypatch, cores=2)
    assert together == _drawn(store.root, tmp_path / "b", monkeypatch, cores=1)
    assert [name[:6] for name, _ in together] == sorted(name[:6] for name, _ in together)
    assert {name[:6] for name, _ in together} == {f"fig-{figure.number:02}" for figure in SOME}
