"""Classes, none, and guidance: what stands behind the # of a MODEL."""

import pytest

from denoscope import open_denoiser
from denoscope.checkpoints.conditions import Condition, split_condition
from denoscope.errors import InputError


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("class=3", Condition(label=3)),
        ("class=3,guidance=4", Condition(label=3, guidance=4.0)),
        ("guidance=7.5,class=0", Condition(label=0, guidance=7.5)),
        ("prompt=a cat, class=3", Condition(prompt="a cat, class=3")),
        ("prompt=", Condition(prompt="")),
        ("class=3,prompt=a", Condition(label=3, prompt="a")),
        ("guidance=2,prompt=a = b", Condition(prompt="a = b", guidance=2.0)),
    ],
)
def test_words_behind_the_mark(words, condition):
    assert split_condition(f"models/dit#{words}") == ("models/dit", condition)


@pytest.mark.parametrize(
    "words",
    [
        *("", "class", "class=", "klass=3", "class=3,class=4", "class=x", "class=-1", "guidance=4"),
        *(
            "class=3,guidance=nan",
            "class=3prompt=a",
            "class=3;guidance=4",
            "x,class=3",
            "class=3 ",
        ),
        *("class=9999999999", "guidance=1e9,class=3", f"prompt={'a' * 3000}"),
    ],
)
def test_other_words_are_refused_in_a_line(words):
    with pytest.raises(InputError, match=r"give (PLACE#class=3|the number|a number)") as caught:
        split_condition(f"models/dit#{words}")
    assert len(str(caught.value)) < 300


def test_a_place_with_the_mark_in_its_name_stays_a_place(tmp_path):
    place = tmp_path / "run#class=3"
    place.mkdir()
    assert split_condition(str(place)) == (str(place), Condition())


def test_a_run_takes_no_condition(trained):
    with pytest.raises(InputError, match="takes no condition, models of diffusers alone do"):
        open_denoiser(f"{trained}#class=3")
