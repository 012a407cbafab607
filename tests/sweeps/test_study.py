"""study.toml: what it says, what it expands to, and what is wrong with it in one line."""

import numpy as np
import pytest

from denoscope.errors import InputError
from denoscope.sweeps import Study

BASE = """
[data]
where = "digits"
[network]
width = 8
multipliers = [1]
blocks = 1
attention = []
[training]
kimg = 1
batch = 32
"""


@pytest.fixture
def study(tmp_path):
    def study(text, base=BASE):
        path = tmp_path / "study.toml"
        path.write_text(base + text)
        return Study.read(path)

    return study


def cells(audits):
    return [
        (
            a.train.data.n,
            a.train.data.twin,
            a.train.settings.network.width,
            a.train.settings.network.arch,
            a.train.settings.seed,
            a.kimg,
            a.seed,
        )
        for a in audits
    ]


def test_a_block_is_every_combination(study, digits):
    audits = study(
        "[[axes]]\nimages = [16, 64]\nwidths = [4, 8]\narchs = ['ddpmpp', 'adm']\nseeds = [0, 5]"
    ).audits(digits)
    assert len(audits) == len(set(cells(audits))) == 16
    assert (64, None, 4, "adm", 5, None, 0) in cells(audits)
    assert all(a.train.data.split_seed == a.train.settings.seed for a in audits)
    assert {a.beyond for a in audits} == {64}


def test_equal_cells_of_different_blocks_are_one(study, digits):
    audits = study(
        """
        [[axes]]
        images = [16, 64]
        [[axes]]
        images = [16]
        widths = [4, 8]
        [[axes]]
        images = [64]
        twins = true
        """
    ).audits(digits)
    assert cells(audits) == [
        (16, None, 8, "ddpmpp", 0, None, 0),
        (64, None, 8, "ddpmpp", 0, None, 0),
        (16, None, 4, "ddpmpp", 0, None, 0),
        (64, 2, 8, "ddpmpp", 0, None, 0),
    ]
    assert {a.beyond for a in audits} == {128}  # outside both twins


def test_lengths_are_snapshots_of_one_training(study, digits):
    audits = study(
        """
        [[axes]]
        images = [16]
        kimg = [0, 0.25, 1]
        [[axes]]
        images = [16, 64]
        [audit]
        seeds = [0, 1]
        """
    ).audits(digits)
    assert [(a.train.data.n, a.kimg, a.seed) for a in audits] == [
        (16, 0, 0),
        (16, 0, 1),
        (16, 0.25, 0),
        (16, 0.25, 1),
        (16, None, 0),
        (16, None, 1),
        (64, None, 0),
        (64, None, 1),
    ]
    kept = {a.train.data.n: a.train.settings.snapshots_kimg for a in audits}
    assert kept == {16: (0.25,), 64: ()}  # a length added for some leaves the others' names alone
    assert len({a.train.name for a in audits}) == 2


def test_a_study_that_grows_keeps_its_cells(study, digits):
    before = study("[[axes]]\nimages = [16]\n[audit]\nbeyond = 500").audits(digits)
    after = study("[[axes]]\nimages = [16, 250]\ntwins = true\n[audit]\nbeyond = 500").audits(
        digits
    )
    assert {a.name for a in before} < {a.name for a in after}
    assert {a.beyond for a in after} == {500}


def test_settings_and_audit_words_reach_the_tasks(study, digits):
    text = "learning_rate = 0.002\nsnapshots_kimg = [0.5]\n[[axes]]\nimages = [16]\n"
    (audit,) = study(text + "[audit]\npictures = 9\nsamples = 7\nlevels = 5").audits(digits)
    settings = audit.train.settings
    assert (settings.kimg, settings.batch, settings.learning_rate) == (1, 32, 0.002)
    assert settings.snapshots_kimg == (0.5,)
    assert (settings.network.width, settings.network.shape) == (8, (1, 8, 8))
    assert (audit.pictures, audit.samples, audit.levels) == (9, 7, 5)


def test_a_path_is_relative_to_the_file_and_counts_for_nothing(study, digits, tmp_path):
    axes = "[[axes]]\nimages = [16]"
    named = study(axes).audits(digits)
    np.savez(tmp_path / "mine.npz", images=digits.pixels.numpy())
    moved = study(axes, BASE.replace('"digits"', '"mine.npz"'))
    assert moved.data.where == str(tmp_path / "mine.npz")
    assert [a.name for a in moved.audits()] == [a.name for a in named]
    np.savez(tmp_path / "mine.npz", images=255 - digits.pixels.numpy())
    assert moved.audits()[0].name != named[0].name


AXES = "[[axes]]\nimages = [16]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[axes]]\nimages = [16]\nwidht = [4]", r"'widht' in \[axes\]; did you mean widths\?"),
        (AXES + "[audits]\nseeds = [0]", r"'audits'; did you mean audit\?"),
        (AXES + "[audit]\nsedes = [0]", r"'sedes' in \[audit\]; did you mean seeds\?"),
        ("lr = 1\n" + AXES, r"'lr' in \[training\]; use .*learning_rate"),
        ("learning_rat = 1\n" + AXES, r"did you mean learning_rate\?"),
        ("seed = 1\n" + AXES, r"'seed' in \[training\]"),
        ("[axes]\nimages = [16]", "axes: "),
        ("[[axes]]\nimages = []", "axes.0.images: "),
        ("[[axes]]\nwidths = [4]", "axes.0.images: Field required"),
        ("", "axes: Field required"),
        ("[[axes]]\nimages = ['many']", "axes.0.images.0: .*, not 'many'"),
        ("[[axes]]\nimages = [16]\narchs = ['resnet']", "axes.0.archs.0: .*, not 'resnet'"),
        (AXES + "[audit]\npictures = 1", "audit.pictures: .*, not 1"),
        ("[[axes]\nimages", "is no TOML: .*line"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(study, text, said):
    with pytest.raises(InputError, match=said) as caught:
        study(text)
    assert "study.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kimg = -1\n" + AXES, r"\[training\] kimg: "),
        ("[[axes]]\nimages = [16]\nwidths = [5]", r"\[network\] width: .*not 5"),
        ("[[axes]]\nimages = [16]\nkimg = [3]", r"lie outside the run of 1 kimg"),
        (AXES + "[audit]\nbeyond = 8", "16 are needed: give 16 to 1795"),
        (AXES + "[audit]\nbeyond = 1796", "give 16 to 1795"),
        ("[[axes]]\nimages = [1796]", "give at most 1795"),
        ("[[axes]]\nimages = [16, 900]\ntwins = true", "2 x 900 of 1797 .*give at most 897"),
    ],
)
def test_settings_that_cannot_be_are_said_before_any_work(study, digits, text, said):
    base = BASE.replace("kimg = 1\n", "") if text.startswith("kimg") else BASE
    with pytest.raises(InputError, match=said):
        study(text, base).audits(digits)


def test_no_file_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Study.read(tmp_path / "none.toml")
