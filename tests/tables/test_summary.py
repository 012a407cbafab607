import json

import pytest
from pydantic import ValidationError

from denoscope.errors import InputError
from denoscope.tables import Figure, Verdict, summary_from_json
from synthetic_audit import synthetic_audit


def content() -> dict:
    return json.loads(synthetic_audit().summary.model_dump_json())


def test_a_summary_survives_json():
    summary = synthetic_audit().summary
    assert summary_from_json(summary.model_dump_json()) == summary


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_another_schema_version_is_refused_before_anything_else(version):
    with pytest.raises(InputError, match=r"schema_version .* reads 1"):
        summary_from_json(json.dumps({"schema_version": version, "unheard_of": 1}))


@pytest.mark.parametrize(
    ("text", "words"), [("", "no valid JSON"), ("{", "no valid JSON"), ("[]", "no JSON object")]
)
def test_what_is_no_summary_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        summary_from_json(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["verdict", "label"], "fine"),
        (["verdict", "confidence"], 1.5),
        (["verdict", "mood"], "good"),
        (["provenance", "data", "shape"], [1, 2]),
        (["levels", 0, "status"], "odd"),
        (["headline", "gl_pixel", "value"], None),
    ],
)
def test_the_place_of_a_fault_is_named(path, value):
    whole = content()
    part = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(InputError) as caught:
        summary_from_json(json.dumps(whole), "here/summary.json")
    assert ".".join(map(str, path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_must_be_finite():
    with pytest.raises(ValidationError):
        Figure(value=float("nan"))
    with pytest.raises(ValidationError):
        Verdict(label="memorizing", confidence=-0.1)
