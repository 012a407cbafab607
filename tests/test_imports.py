"""The front door: public names, and what `import denoscope` does not load."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import denoscope

ROOT = Path(denoscope.__file__).parent
HEAVY = {
    "torch", "numpy", "altair", "vl_convert", "polars", "sklearn", "scipy", "mlxtend", "pandas",
    "accelerate", "diffusers", "datasets", "transformers", "pydantic", "PIL", "rich", "typer",
}  # fmt: skip
LAZY_BESIDE_TORCH = HEAVY & {
    "altair", "vl_convert", "polars", "sklearn", "mlxtend", "accelerate", "diffusers", "datasets",
    "transformers",
}  # fmt: skip


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules a fresh interpreter holds after running `code`."""
    script = f"import sys\nsys.path.insert(0, {str(ROOT.parent)!r})\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_denoscope_loads_nothing_large():
    loaded = loaded_after("import denoscope; dir(denoscope)")
    assert "denoscope" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "use",
    [
        "denoscope.karras_levels(10)",
        "denoscope.Denoiser, denoscope.GaussianDenoiser, denoscope.MultiDeltaDenoiser",
        "denoscope.open_images, denoscope.Pictures, denoscope.build_network",
        "denoscope.metrics, denoscope.trajectory, denoscope.sample",
    ],
)
def test_denoisers_load_torch_and_not_the_rest(use):
    loaded = loaded_after(f"import denoscope; {use}")
    assert "torch" in loaded
    assert not loaded & LAZY_BESIDE_TORCH


@pytest.mark.parametrize("name", sorted(denoscope._HOME))
def test_public_names_resolve(name):
    value = getattr(denoscope, name)
    home = importlib.import_module(f"denoscope.{denoscope._HOME[name]}")
    assert value is getattr(home, name)
    assert name in home.__all__ if hasattr(home, "__all__") else True
    assert (value.__doc__ or "").strip(), f"{name} is public and has no docstring"


@pytest.mark.parametrize("name", denoscope._ROOMS)
def test_rooms_resolve(name):
    assert getattr(denoscope, name) is importlib.import_module(f"denoscope.{name}")


def test_no_public_name_is_also_a_module():
    modules = {path.stem for path in ROOT.glob("*.py")} | {
        path.name for path in ROOT.iterdir() if path.is_dir()
    }
    assert not modules & set(denoscope._HOME)
    assert set(denoscope._ROOMS) <= modules


def test_type_checkers_see_exactly_the_public_names():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    stated = {
        alias.asname: node.module
        for node in block.body
        for alias in node.names  # type: ignore[attr-defined]
    }
    expected = {name: f"denoscope.{home}" for name, home in denoscope._HOME.items()}
    assert stated == expected | dict.fromkeys(denoscope._ROOMS, "denoscope")


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        denoscope.nonsense  # noqa: B018


def test_star_import_and_dir_agree():
    assert set(denoscope.__all__) <= set(dir(denoscope))
    assert len(denoscope.__all__) == len(set(denoscope.__all__))


def test_version_is_the_installed_one():
    from importlib import metadata

    try:
        installed = metadata.version("denoscope")
    except metadata.PackageNotFoundError:
        pytest.skip("denoscope is on the path, not installed")
    assert denoscope.__version__ == installed
