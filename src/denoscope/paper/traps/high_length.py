"""At the highest noise the distance to the Gaussian is what training has not done yet.

There the best denoiser of any data is the Gaussian, to within what x still tells of single pictures,
so a network's distance to it is its own error, and falls as training goes on: of a network of all
levels, and of a denoiser of that level alone. Which of two lies nearer says how long each was trained
there, and under which law of levels (EDM's shows one picture in 4,000 above sigma = 20); nothing of
preconditioning. Two networks that differ in the law alone are the experiment.
"""

from itertools import pairwise

from denoscope.paper.cells import Cells
from denoscope.paper.figure import Check, Drawing, Figure
from denoscope.paper.measuring import Errors
from denoscope.paper.reading import DAES, along_panel, compared, series_styles
from denoscope.paper.shared import errors_of
from denoscope.paper.subject import Subject
from denoscope.report.chart import Chart
from denoscope.report.palette import Style
from denoscope.sweeps import Store, Task

__all__ = ["TRAP"]

TIMES = 4  # each length is so many times the one before
NETWORK, EDM = "Network", "Network, EDM's law"
Lengths = dict[float, Errors]  # thousands of pictures seen -> its errors at the level


def _level(cells: Cells) -> float:
    return max(cells.preset.dae_levels)


def _network(cells: Cells, large: Subject) -> Lengths:
    """A network of many pictures at all its snapshots."""
    inside = large.train.settings.snapshots_kimg
    subjects = [large.model_copy(update={"kimg": kimg}) for kimg in (*inside, None)]
    levels = cells.preset.dae_levels
    return {one.seen_kimg: errors_of(cells, one, levels=levels) for one in subjects}


def _daes(cells: Cells) -> dict[str, Lengths]:
    """Each architecture's DAE of the highest level after an eighth, half and twice its length."""
    level, found = _level(cells), {}
    for recipe in cells.preset.daes:
        if recipe.arch == "linear":
            continue  # convex, and done
        end = 2 * recipe.kimg
        inside = (end / TIMES**2, end / TIMES)
        longer = recipe.model_copy(update={"kimg": end})
        train = cells.main.dae(longer, level, inside)
        found[DAES[recipe.arch]] = {
            kimg: errors_of(cells, cells.main.subject(train, kimg=kimg), levels=(level,))
            for kimg in (*inside, end)
        }
    return found


def _all(cells: Cells) -> dict[str, Lengths]:
    own, edm = cells.main.large(), cells.main.large_edm()
    networks = {NETWORK: own, **({} if own == edm else {EDM: edm})}
    return {name: _network(cells, one) for name, one in networks.items()} | _daes(cells)


def needs(cells: Cells) -> list[Task]:
    return [task for lengths in _all(cells).values() for task in lengths.values()]


def _distances(cells: Cells, store: Store) -> dict[str, list[tuple[float, float, float]]]:
    """Name -> (thousands of pictures, RMSE to the Gaussian at the highest level, its error)."""
    level, found = _level(cells), {}
    for name, lengths in _all(cells).items():
        found[name] = []
        for kimg, task in lengths.items():
            row = compared(store.table(task), "network", "gaussian").filter(sigma=level)
            found[name].append((kimg, float(row["mean"][0]), float(row["se"].fill_null(0.0)[0])))
    return found


def draw(cells: Cells, store: Store) -> list[Drawing]:
    found = _distances(cells, store)
    dashed = {NETWORK: (2, 2), EDM: (4, 3)}
    solid = iter(series_styles([name for name in found if name not in dashed]))
    styles = [
        Style(name, "#222222", dashed[name]) if name in dashed else next(solid) for name in found
    ]
    panel = along_panel(
        list(zip(styles, found.values(), strict=True)),
        caption=f"Held-out pictures under noise of sigma = {_level(cells):.3g}",
        x_title="thousand pictures seen in training",
        y_title="RMSE to the Gaussian",
        y_scale="log",
    )
    return [
        Chart(
            "trap-8-length",
            "Distance to the Gaussian at high noise, along the training",
            "A network of all levels and denoisers of this level alone. All come nearer with training.",
            (panel,),
        )
    ]


def check(cells: Cells, store: Store) -> Check:
    found = _distances(cells, store)
    told, tests, values = [], {}, {}
    for name, rows in found.items():
        shown = _apart(rows) if name in (NETWORK, EDM) else rows
        lengths = ", ".join(f"{kimg:g}" for kimg, _, _ in shown)
        along = ", ".join(f"{value:.3f}" for _, value, _ in shown)
        told.append(f"{name} {along} after {lengths} thousand pictures")
        falls = all(after < before for (_, before, _), (_, after, _) in pairwise(shown))
        tests[f"{name}'s does not fall throughout: {along}"] = falls
        values[f"{name}_first"], values[f"{name}_last"] = shown[0][1], shown[-1][1]
    if EDM in found:
        own, edm = (found[name][-1][1] for name in (NETWORK, EDM))
        tests[f"under EDM's law the network ends at {edm:.3f}, under the wider at {own:.3f}"] = (
            own < edm
        )
    return Check.of("; ".join(told), tests, values)


def _apart(rows: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """The last, and those before it a fourfold apart."""
    kept = [rows[-1]]
    for row in reversed(rows[:-1]):
        if row[0] * TIMES <= kept[0][0]:
            kept.insert(0, row)
    return kept


TRAP = Figure(
    number=8,
    title="What the distance to the Gaussian means at the highest noise",
    claim="At the highest noise the distance to the Gaussian is what training has not done yet, of a network "
    "of all levels and of denoisers of one: which is the nearer is a matter of lengths.",
    acceptance="at the highest level of the DAEs the RMSE to the Gaussian falls with every fourfold length "
    "of training, of each network and of each DAE that is not linear, and ends lower under the law that "
    "shows high noise more often",
    needs=needs,
    draw=draw,
    check=check,
    explains=(24, 27, 29),
)
