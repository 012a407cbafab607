import pytest

from denoscope.paper.cells import Cells
from denoscope.paper.figures import FIGURES
from denoscope.paper.presets import PRESETS
from denoscope.report.chart import Chart
from denoscope.sweeps import Store
from paper.synthetic import fill

CELLS = Cells(PRESETS["quick"], opened=False)
every_figure = pytest.mark.parametrize("figure", FIGURES.values(), ids=list(FIGURES))


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[bool, Store]:
    """Whether results are as the paper says -> their store."""
    return {agrees: Store(tmp_path_factory.mktemp("cells")) for agrees in (True, False)}


def _filled(stores, figure, agrees):
    fill(stores[agrees], figure.needs(CELLS), agrees=agrees)
    return stores[agrees]


@every_figure
def test_a_claim_holds_on_results_as_the_paper_says(figure, stores):
    check = figure.check(CELLS, _filled(stores, figure, True))
    assert check.holds is True, check.reason
    assert check.measured
    assert not check.reason
    assert all(value == value for value in check.values.values()), check.values


@every_figure
def test_a_claim_fails_on_results_the_other_way_round_and_says_why(figure, stores):
    check = figure.check(CELLS, _filled(stores, figure, False))
    assert check.holds is False
    assert check.reason


@every_figure
def test_a_figure_draws_what_the_tables_hold(figure, stores):
    drawings = figure.draw(CELLS, _filled(stores, figure, True))
    names = [drawing.name for drawing in drawings]
    assert len(set(names)) == len(names)
    for drawing in drawings:
        assert drawing.name.startswith(f"fig-{figure.number:02}-")
        assert all((drawing.title, drawing.reading, drawing.figure))
        if isinstance(drawing, Chart):
            assert drawing.for_print()["hconcat"]
        else:
            assert drawing.to_png().startswith(b"\x89PNG")


def test_figures_are_thirty_and_each_says_what_decides():
    assert [figure.number for figure in FIGURES.values()] == list(range(1, 31))
    for figure in FIGURES.values():
        assert all((figure.title, figure.claim.endswith("."), figure.acceptance))
