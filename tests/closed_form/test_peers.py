"""Both closed forms against independent programs: azula 0.11.1 and deepinv 0.5.0 (peer_values.py)."""

import subprocess
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
import torch

from denoscope.closed_form import GaussianDenoiser, MultiDeltaDenoiser

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def peers(digits):
    import importlib.util

    spec = importlib.util.spec_from_file_location("peer_values", HERE / "peer_values.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with np.load(module.VALUES) as values:
        return module.inputs(), {key: torch.from_numpy(values[key]) for key in values.files}


@pytest.mark.parametrize(
    ("make", "peer"),
    [
        (GaussianDenoiser.fit, "azula_gaussian"),
        (MultiDeltaDenoiser, "deepinv_multi_delta"),
    ],
)
def test_agrees_with_an_independent_program(make, peer, peers):
    (pixels, x, sigmas), values = peers
    denoiser = make(pixels)
    for level, sigma in enumerate(sigmas):
        expected = values[peer][level]
        ours = denoiser(x[level], sigma.reshape(1))
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-8)
        single = denoiser(x[level].float(), sigma.reshape(1))
        torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_kept_values_are_what_the_programs_say_today(tmp_path):
    venv.create(tmp_path / "peers", with_pip=True)
    python = tmp_path / "peers" / "bin" / "python"
    packages = sysconfig.get_paths()["purelib"]  # this environment's, below the peers' own
    own = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], text=True
    ).strip()
    source = str(HERE.parents[1] / "src")
    Path(own, "tested.pth").write_text(f"{source}\n{packages}\n")
    constraint = tmp_path / "constraints.txt"
    constraint.write_text(f"torch=={torch.__version__.partition('+')[0]}\n")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", constraint, "azula==0.11.1", "deepinv==0.5.0"],
        check=True,
    )
    made = tmp_path / "made.npz"
    subprocess.run([python, HERE / "peer_values.py", made], check=True)
    with np.load(made) as new, np.load(HERE / "peer_values.npz") as kept:
        assert set(new.files) == set(kept.files)
        for name in kept.files:
            np.testing.assert_allclose(new[name], kept[name], rtol=0, atol=1e-9)
