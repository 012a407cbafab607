"""The examples in the metrics' docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import denoscope.metrics


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(denoscope.metrics.__path__)])
def test_examples(name):
    module = importlib.import_module(f"denoscope.metrics.{name}")
    assert doctest.testmod(module).failed == 0
