"""`denoscope info MODEL --check DATA`: what it says of a good model, of a wronged one, of neither."""

import json

import bad_files as bad

MINE = """
import denoscope as ds

good = ds.GaussianDenoiser.fit(ds.open_images("digits"))
table = ds.DiscreteSchedule.linear()
epsilon = ds.as_prediction(good, "epsilon", table, time="index")


def right():
    return ds.from_epsilon(epsilon, table, (1, 8, 8), time="index")


def as_v():
    return ds.from_velocity(epsilon, table, (1, 8, 8), time="index")


def nonsense():
    return ds.FunctionDenoiser(lambda x, sigma: x.sin(), ds.Spec("sine", (1, 8, 8)))
"""


def test_a_model_that_behaves(place, say):
    bad.file("opened_right.py", MINE)(place)
    said = say("info opened_right:right --check digits")
    assert (said.code, said.err) == (0, "")
    assert said.out.rstrip().endswith("behaves like a denoiser of these pictures")
    heading = next(line for line in said.out.splitlines() if "doing nothing" in line)
    assert "corrected" not in heading
    assert "too large" not in said.out


def test_a_mistake_in_one_line_and_in_json(place, say):
    bad.file("opened_as_v.py", MINE)(place)
    said = say("info opened_as_v:as_v --check digits --json --seed 1")
    assert said.code == 2
    told = json.loads(said.out)["check"]
    assert (told["verdict"], told["mistake"]) == ("mistake", "epsilon-read-as-velocity")
    assert told["fix"] == "open it with from_epsilon, not from_velocity"
    assert told["margin"] > 1.5
    assert len(told["levels"]) == 10
    last = said.err.splitlines()[-1]
    assert last.startswith("denoscope: opened_as_v:as_v on digits: its output is epsilon")
    assert "corrected" in said.err


def test_what_nothing_explains(place, say):
    bad.file("opened_sine.py", MINE)(place)
    said = say("info opened_sine:nonsense --check digits --quiet")
    assert (said.code, said.out) == (2, "")
    assert "none of the known mistakes explains it" in said.err


def test_check_of_data_or_on_unfit_data(place, say):
    said = say("info digits --check digits")
    assert (said.code, "--check" in said.err) == (2, True)
    said = say("info run --check mnist-5k")
    assert (said.code, "--size 8" in said.err) == (2, True)
