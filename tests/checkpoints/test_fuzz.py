"""A bounded run of benchmarks/fuzz_models.py; FUZZ_COUNT changes how many files."""

import importlib.util
import os
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_models.py"


@pytest.mark.parametrize(
    "count",
    [20, pytest.param(int(os.environ.get("FUZZ_COUNT", "600")), marks=pytest.mark.slow)],
)
def test_changed_files_open_or_are_refused(tmp_path, count):
    spec = importlib.util.spec_from_file_location("fuzz_models", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    fuzz_models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz_models)
    found = fuzz_models.fuzz(count, 0, tmp_path)
    told = found["models"].values()
    assert sum(one["opened"] + one["refused"] for one in told) == count
    assert sum(one["refused"] for one in told) >= count / 4
    assert found["longest_s"] < 20
