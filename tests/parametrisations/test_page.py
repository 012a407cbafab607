"""The examples of the page and of the docstrings are true."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import denoscope.parametrisations

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "open-a-model.md"
BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_page_runs_from_top_to_bottom():
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    examples = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, PAGE.name, str(PAGE), lineno=0
    )
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(examples)
    assert runner.failures == 0


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.iter_modules(denoscope.parametrisations.__path__)]
)
def test_the_docstrings_run(name):
    module = importlib.import_module(f"denoscope.parametrisations.{name}")
    assert doctest.testmod(module).failed == 0
