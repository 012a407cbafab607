"""Every example runs as a user would run it, on digits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))

pytestmark = pytest.mark.slow


# Recipes of diffusers: an example, and what it is told.
RECIPES = {
    "epsilon": ["09_train_ddpm_with_diffusers.py", "--prediction", "epsilon"],
    "v": ["09_train_ddpm_with_diffusers.py", "--prediction", "v_prediction"],
    "flow": ["10_train_a_flow_with_diffusers.py"],
    "latent": ["11_train_latent_diffusion_with_diffusers.py"],
}


def run(
    name: str,
    *words: object,
    folder: Path,
    code: int = 0,
    warnings: str = "error",
    seconds: float = 300,
) -> str:
    """The example's output; it is started in `folder`, so that what it leaves lies there."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", warnings, ROOT / "examples" / name, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """(run folder, output) of the second example, on a short training."""
    folder = tmp_path_factory.mktemp("examples")
    return folder / "run", run("02_train_and_audit.py", folder / "run", 2, folder=folder)


def test_all_are_run_and_short():
    assert [path.name[:2] for path in EXAMPLES] == [f"{n:02}" for n in range(1, 12)]
    recipes = {name for name, *_ in RECIPES.values()}
    for path in EXAMPLES:
        most = 120 if path.name in recipes else 60  # a training and an audit in one file
        assert len(path.read_text().splitlines()) < most, path.name


def test_closed_forms_are_told_apart(tmp_path):
    said = run("01_audit_a_closed_form.py", folder=tmp_path)
    assert "MultiDeltaDenoiser: memorizing" in said
    assert "GaussianDenoiser: generalizing" in said


def test_training_goes_on_and_is_audited(trained):
    folder, said = trained
    assert (folder / "weights.safetensors").is_file()
    assert "of 2,000 pictures, loss" in said
    assert said.splitlines()[-1].startswith("  ")


def test_one_picture_through_every_denoiser(trained, tmp_path):
    folder, _ = trained
    said = run("03_denoise_one_picture.py", folder, tmp_path / "grid.png", folder=tmp_path)
    assert len(said.splitlines()) == 12
    assert (tmp_path / "grid.png").stat().st_size > 1000
    *_, lowest, _ = said.splitlines()
    sigma, network, gaussian, _delta = map(float, lowest.split())
    assert sigma == 0.002
    assert network < 0.1  # at the lowest level doing nothing is right
    assert gaussian > network  # 32 pictures do not span the space (Li et al. 2024, fig. 16)


def test_a_function_is_a_denoiser(tmp_path):
    said = run("04_your_own_model.py", folder=tmp_path)
    assert said.startswith("undertrained")


def test_a_memorizing_candidate_is_stopped(tmp_path):
    said = run("05_gate_a_release.py", tmp_path / "audit", folder=tmp_path, code=3)
    assert said.startswith("memorizing")
    assert (tmp_path / "audit" / "report.html").is_file()


def test_a_loop_of_ones_own_stops_before_memorization(tmp_path):
    said = run("06_stop_before_memorization.py", folder=tmp_path)
    *looks, last = said.splitlines()
    labels = [look.split()[1] for look in looks]
    assert labels[-2:] == ["generalizing", "transitional"]
    kept = looks[-2].split()[0]
    assert last == f"stopped; before.pt is the model after {kept} pictures"
    assert (tmp_path / "before.pt").is_file()


def test_a_lightning_trainer_stops_before_memorization(tmp_path):
    pytest.importorskip("lightning")
    # Lightning warns of its own parts and of the number of workers
    said = run("07_stop_a_lightning_trainer.py", folder=tmp_path, warnings="ignore")
    step, rest = said.splitlines()[-1].split("; ")
    assert int(step.removeprefix("step ")) < 8000
    assert rest.startswith("before.ckpt: after ")
    assert (tmp_path / "before.ckpt").is_file()


def test_a_loop_under_accelerate_stops_before_memorization(tmp_path):
    said = run("08_stop_under_accelerate.py", folder=tmp_path)
    assert said.startswith("before.pt is the model after ")
    assert (tmp_path / "before.pt").is_file()


@pytest.mark.parametrize(("images", "label"), [(16, "memorizing"), (800, "generalizing")])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_of_diffusers_is_known_for_what_it_learned(recipe, images, label, tmp_path):
    name, *words = RECIPES[recipe]
    words += ["--images", images]
    if images == 800:  # a shorter training is enough to generalize
        words += ["--kimg", 48 if recipe == "latent" else 32]
    said = run(name, tmp_path / "model", *words, folder=tmp_path, seconds=1200)
    verdict, *reasons = said.splitlines()[-6:]
    assert verdict.startswith(f"{label} ("), said
    assert all(reason.startswith("  ") for reason in reasons)
