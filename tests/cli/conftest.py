"""One tiny trained run and one audit of it, made by the command line itself, for all its tests."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from denoscope.cli import main

sys.path.insert(0, str(Path(__file__).parent))  # for bad_files and tiny_words
from tiny_words import TINY_AUDIT, TINY_TRAINING


@dataclass(frozen=True)
class Said:
    """What a command line answered."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> dict[str, Path]:
    """{"run": a finished run on 64 digits, "audit": an audit of it}; tests copy before they change."""
    folder = tmp_path_factory.mktemp("made")
    run, audit = folder / "run", folder / "audit"
    assert main(shlex.split(f"train {TINY_TRAINING} --out {run} --quiet")) == 0
    assert main(shlex.split(f"audit {run} {TINY_AUDIT} --out {audit} --quiet")) == 0
    return {"run": run, "audit": audit}


@pytest.fixture
def place(tmp_path, monkeypatch, made) -> Path:
    """An empty folder to work in, which holds a copy of the run and of the audit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # factories add the folder they are found in
    for name, folder in made.items():
        shutil.copytree(folder, tmp_path / name)
    return tmp_path


@pytest.fixture
def say(capsys):
    """Run words as `denoscope` would, in this process."""

    def say(words: str) -> Said:
        capsys.readouterr()
        code = main(shlex.split(words))
        heard = capsys.readouterr()
        return Said(code, heard.out, heard.err)

    return say
