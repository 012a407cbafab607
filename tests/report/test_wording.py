import math

import pytest

from denoscope.report.wording import figure_name, interval, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.31249, "0.312"),
        (-0.0123, "−0.0123"),
        (1, "1.00"),
        (12.345, "12.3"),
        (123.4, "123"),
        (1234567, "1,234,567"),
        (0.000123, "0.0001"),
        (0.0000123, "1.2e−05"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_intervals_need_both_ends():
    assert interval(-0.1, 0.25) == "−0.100 to 0.250"
    assert interval(None, 0.25) == interval(0.1, None) == ""


def test_unknown_figures_get_readable_names():
    assert figure_name("gl_ratio") == "GL of the samples over its control"
    assert figure_name("odd_new_thing") == "Odd new thing"
