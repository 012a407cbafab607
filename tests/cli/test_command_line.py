"""What all verbs share: help, quick starts, options, the words of failures, the progress bar."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import denoscope
from denoscope.cli import options, progress
from denoscope.cli.devices import choose_device
from denoscope.cli.failures import describe, exit_code_of
from denoscope.cli.speech import Voice
from denoscope.errors import InputError

VERBS = ["demo", "audit", "compare", "train", "sample", "distill", "sweep", "report", "info"]
SOURCE = str(Path(denoscope.__file__).parents[1])
HEAVY = ("torch", "numpy", "polars", "altair", "accelerate", "PIL", "sklearn")


def python(*words: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_two_worked_examples_that_parse(verb, say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    said = say(f"{verb} --help")
    assert said.code == 0
    assert said.err == ""
    examples = [
        line for line in said.out.splitlines() if line.strip().startswith(f"denoscope {verb}")
    ]
    assert len(examples) == 2
    assert all(len(line.rstrip()) < 80 for line in examples)
    for option in ("--json", "--quiet", "--debug"):
        assert option in said.out
    for (
        example
    ) in examples:  # every word of it is known: parsing goes well, whatever the verb then finds
        assert parses(example.split()[1:])


def parses(words: list[str]) -> bool:
    import typer.main

    from denoscope.cli.app import app

    command = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    command.make_context(words[0], words[1:])
    return True


@pytest.mark.parametrize("verb", ["demo", "audit", "train", "sample", "distill"])
def test_verbs_that_compute_take_seed_and_device(verb, say):
    out = say(f"{verb} --help").out
    assert "--seed" in out
    assert "--device" in out


def test_help_and_version(say):
    assert say("--version").out == f"denoscope {denoscope.__version__}\n"
    assert say("").out == say("--help").out
    assert all(verb in say("--help").out for verb in VERBS)


def test_a_reader_that_leaves_is_told_nothing():
    """As in `denoscope train --help | head -1`."""
    words = [sys.executable, "-m", "denoscope", "train", "--help"]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""
    assert process.returncode == 1


def test_help_loads_nothing_large():
    code = (
        "import sys; from denoscope.cli import main\nmain(['audit', '--help']); main(['--help'])\n"
    )
    done = python("-c", code + "print(*sys.modules, file=sys.stderr)")
    assert done.returncode == 0
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert not loaded & set(HEAVY)


def test_the_module_runs_as_a_program():
    done = python("-m", "denoscope", "report", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("denoscope: nowhere is no folder")


@pytest.mark.slow
def test_accelerate_launches_it(tmp_path):
    from tiny_words import TINY_TRAINING

    launch = [
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "-m",
        "denoscope",
    ]
    done = python(
        *launch, "train", *TINY_TRAINING.split(), "--out", str(tmp_path / "run"), "--json"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"weights"') == 1  # one process speaks
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_defaults_in_the_help_are_those_of_the_settings():
    import typer.main

    from denoscope.cli.app import app
    from denoscope.networks import NetworkSettings
    from denoscope.training import TrainSettings

    train = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    shown = {
        one.name: one.show_default for one in train.params if isinstance(one.show_default, str)
    }
    shown |= {
        one.name: str(one.default.value)
        for one in train.params
        if one.name in ("precision", "augment")
    }
    fields = TrainSettings.model_fields
    names = {"lr": "learning_rate"}
    for option in (
        "kimg",
        "batch",
        "lr",
        "warmup_kimg",
        "ema_half_life_kimg",
        "precision",
        "augment",
    ):
        default = fields[names.get(option, option)].default
        assert shown[option] == (default if isinstance(default, str) else f"{default:g}"), option
    ddpmpp = NetworkSettings(arch="ddpmpp", shape=(3, 32, 32))
    adm = NetworkSettings(arch="adm", shape=(3, 64, 64))
    for option in ("width", "multipliers", "blocks", "attention", "dropout"):
        both = [getattr(settings, option) for settings in (ddpmpp, adm)]
        one, two = (",".join(map(str, v)) if isinstance(v, tuple) else f"{v:g}" for v in both)
        assert shown[option] == f"{one}; adm {two}"
    assert ddpmpp.preconditioning == adm.preconditioning == "edm"
    assert shown["preconditioning"] == "edm; skip, linear none"
    skip, linear = (NetworkSettings(arch=arch, shape=(3, 32, 32)) for arch in ("skip", "linear"))
    assert skip.preconditioning == linear.preconditioning == "none"
    dit = NetworkSettings(arch="dit", shape=(3, 32, 32))
    assert (shown["patch"], shown["heads"]) == (str(dit.patch), "width / 64")
    assert dit.heads == dit.width / 64


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-3", [0, 1, 2, 3]), ("7", [7]), ("5, 1-2,5", [5, 1, 2]), ("3-3", [3])],
)
def test_seeds(text, seeds):
    assert options.read_seeds(text) == seeds


def test_names_of_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "a" / "snapshots").mkdir(parents=True)
    assert options.name_of("bundled:mnist-64") == "mnist-64"
    assert options.name_of("runs/a/") == "a"
    assert options.name_of("runs/a/snapshots/000050000.safetensors") == "a-000050000"
    assert options.name_of("mine.models:open_model") == "mine.models-open_model"


def test_architectures_in_the_help_are_those_of_the_settings():
    from typing import get_args

    from denoscope.cli.train_options import ArchName, PreconditioningName
    from denoscope.networks import NetworkSettings

    fields = NetworkSettings.model_fields
    elsewhere = ("guided", "edm2", "lucid")  # trained elsewhere alone
    assert get_args(fields["arch"].annotation) == (*ArchName, *elsewhere)
    known = get_args(fields["preconditioning"].annotation)
    assert tuple(PreconditioningName) == tuple(
        name for name in known if name not in ("iddpm", "table")
    )


def test_devices():
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.bin"), 1, "a.bin: no space left"),
        (
            PermissionError(errno.EACCES, "Permission denied", "a.bin"),
            2,
            "a.bin: Permission denied",
        ),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 1, "out of memory: give fewer"),
        (ModuleNotFoundError("No module named 'wandb'"), 1, "wandb"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (InputError("two\nlines"), 2, "two"),
    ],
)
def test_failures_are_one_line_and_a_code(error, code, says, capsys):
    def fail() -> int:
        raise error

    assert describe(error)[1] == code
    assert exit_code_of(fail) == code
    line = capsys.readouterr().err
    assert line.startswith("denoscope: ")
    assert line.count("\n") == 1
    assert says in line


def test_a_bar_on_a_terminal_shows_rate_and_remaining_time(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(Voice, "shows_progress", True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.Bar(Voice(), "audit", 100, "evaluations") as bar:
        bar.start_at(10)
        bar.advance(40)
        bar.reach(60, "loss 0.1234")
    shown = capsys.readouterr()
    assert shown.out == ""
    for part in ("audit", "60%", "evaluations/s", "left", "loss 0.1234"):
        assert part in shown.err


def test_no_bar_without_a_terminal_or_patience(capsys, monkeypatch):
    with progress.Bar(Voice(), "audit", 10, "evaluations") as bar:
        bar.advance(5)
    monkeypatch.setattr(Voice, "shows_progress", True)
    with progress.Bar(Voice(), "audit", 10, "evaluations") as bar:
        bar.advance(5)  # less than two seconds of work
    assert capsys.readouterr().err == ""


def test_only_the_first_process_speaks(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    voice = Voice(as_json=True)
    voice.say("words")
    voice.result({"a": 1})
    assert capsys.readouterr() == ("", "")
