"""--trust-remote-code: each verb that opens a MODEL takes it, and says what it runs."""

import pytest

pytest.importorskip("diffusers")

from checkpoints.test_remote_code import own

WORDS = "--data digits --size 8 --split 40"


@pytest.mark.parametrize(
    "verb",
    [
        "info {model}",
        "info {model} --check digits",
        "audit {model} --data digits --out out",
        "sample {model} --out out",
        "distill {model} --data digits --out out",
    ],
)
def test_refused_without_and_run_with(place, say, verb):
    folder, _ = own(place)
    words = verb.format(model=folder)
    said = say(words)
    assert said.code == 2
    assert "--trust-remote-code" in said.err
    assert not (place / "ran").exists()
    said = say(f"{words} --trust-remote-code")
    assert "running unet/own.py, unet/beside.py of" in said.err
    assert (place / "ran").exists()
    assert "nothing of it was run" not in said.err
