import pytest

from denoscope.errors import InputError
from denoscope.images import open_images
from denoscope.paper.cells import Cells
from denoscope.paper.preset import Preset
from denoscope.paper.presets import PRESETS, preset_named
from denoscope.paper.reproduce import with_data


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_its_own_data(name):
    preset = PRESETS[name]
    assert Preset.model_validate_json(preset.model_dump_json()) == preset
    for family in (preset.main, preset.second):
        assert list(family.images) == sorted(set(family.images))
        assert list(family.widths) == sorted(set(family.widths))
        assert family.small in family.images, "the small network is a rung of the ladder"
        assert family.narrow in family.widths[:-1]
        assert family.early_kimg in family.snapshots_kimg
        if family.long_kimg is not None:
            assert family.kimg in family.snapshots_kimg, "the ladder's length of the long training"
            assert family.long_kimg > max(family.snapshots_kimg)
        assert 2 * family.twin <= family.data.total
        left = family.data.total - max(family.images[-1], 2 * family.twin)
        assert left >= min(preset.audited, 64) or family.held_out, "pictures to hold out"
    assert preset.arch_kimg in preset.main.snapshots_kimg, (
        "architectures are compared at one length"
    )
    assert preset.arch not in preset.other_archs
    assert {"linear", "skip", "dit", "ncsnpp"} == {recipe.arch for recipe in preset.daes}


@pytest.mark.parametrize("name", ["quick", "cpu", "paper"])
def test_cells_are_shared_by_their_roles(name):
    cells = Cells(PRESETS[name], opened=name == "quick").main
    small = cells.small().train
    assert small in [subject.train for subject in cells.ladder()]
    assert small == cells.widths()[-1].train == cells.lengths()[0].train
    assert small == cells.twins(cells.family.small)[0].train
    assert cells.lengths()[-1] == cells.small()
    one, two = cells.twins()
    assert (one.data.n, two.data.twin) == (cells.family.twin, 2)
    assert all(len(dae.trains) == len(cells.preset.dae_levels) for dae in cells.daes().values())
    assert {subject.seen_kimg for subject in cells.architectures().values()} == {
        cells.preset.arch_kimg
    }


def test_the_small_network_trains_on_and_stands_on_the_ladder_as_it_was():
    cells = Cells(PRESETS["cpu"], opened=False).main
    family, small = cells.family, cells.small()
    (rung,) = [subject for subject in cells.ladder() if subject.data.n == family.small]
    assert (rung.train, rung.seen_kimg) == (small.train, family.kimg)
    assert small.seen_kimg == family.long_kimg
    assert cells.widths()[-1] == rung
    assert {subject.seen_kimg for subject in cells.ladder()} == {family.kimg}
    assert {subject.seen_kimg for subject in cells.widths()} == {family.kimg}
    lengths = [subject.seen_kimg for subject in cells.lengths()]
    assert lengths == [0, *family.snapshots_kimg, family.long_kimg]
    one, two = cells.twins(family.small)
    assert (one.seen_kimg, two.seen_kimg) == (family.kimg, family.kimg)
    assert two.train.settings.kimg == family.kimg


def test_the_data_named_are_as_the_preset_says():
    for family in (PRESETS["quick"].main, PRESETS["quick"].second):
        pictures = open_images(family.data.where, size=family.data.size)
        assert (pictures.shape, len(pictures)) == (family.data.shape, family.data.total)


def test_other_data_for_the_main_family():
    preset = with_data(PRESETS["quick"], "mnist-5k", size=8)
    assert preset.main.data.total == 5000
    assert preset.second == PRESETS["quick"].second
    with pytest.raises(InputError, match="digits has 1797 pictures, the preset gpu needs"):
        with_data(PRESETS["gpu"], "digits")


def test_a_preset_by_name():
    assert preset_named("cpu").name == "cpu"
    with pytest.raises(InputError, match="--preset huge: choose one of quick, cpu, gpu, paper"):
        preset_named("huge")
