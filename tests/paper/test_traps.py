"""The traps: each draws, and each check can hold and can fail."""

import pytest

from denoscope.paper.cells import Cells
from denoscope.paper.presets import PRESETS
from denoscope.paper.traps import TRAPS
from denoscope.sweeps import Store
from paper.synthetic import fill

CELLS = Cells(PRESETS["quick"], opened=False)


@pytest.mark.parametrize("trap", TRAPS, ids=[trap.title for trap in TRAPS])
def test_a_trap_draws_and_its_check_can_hold_and_fail(trap, tmp_path):
    states = {}
    for agrees in (True, False):
        store = Store(tmp_path / str(agrees))
        fill(store, trap.needs(CELLS), agrees=agrees)
        check = trap.check(CELLS, store)
        assert check.measured
        states[agrees] = check.holds
        for drawing in trap.draw(CELLS, store):
            assert drawing.name.startswith(f"trap-{trap.number}-")
            assert drawing.for_print()["hconcat"]
    assert states == {True: True, False: False}
