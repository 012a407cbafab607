import json

import pytest

from denoscope.errors import InputError
from denoscope.paper.claims import Claim, claim_of, claims_json, not_run, read_claims
from denoscope.paper.figure import Check, Figure

FIGURE = Figure(
    number=7,
    title="t",
    claim="narrow is nearer",
    acceptance="a < b",
    needs=lambda cells: [],
    draw=lambda cells, store: [],
    check=lambda cells, store: Check("", True),
)


def test_what_was_measured_becomes_a_row():
    claim = claim_of(FIGURE, Check("a 1, b 2", True, values={"a": 1, "b": 2.0}))
    assert (claim.figure, claim.state, claim.values["b"]) == (7, "holds", 2.0)
    assert claim_of(FIGURE, Check("a 2, b 1", False, "too few")).state == "does not hold"
    assert claim_of(FIGURE, Check("", None, "one level only")).state == "cannot tell"
    assert not_run(FIGURE, "not yet run").state == "not run"
    assert claim_of(FIGURE, Check("", False, "", {"rho": float("nan")})).values == {}


def test_claims_round_trip():
    claims = [claim_of(FIGURE, Check("a, b", False, "why"))]
    content = json.loads(claims_json("cpu", claims))
    assert content["preset"] == "cpu"
    assert [Claim.model_validate(row) for row in content["claims"]] == claims


def test_claims_read_back_and_other_files_refused(tmp_path):
    path = tmp_path / "claims.json"
    assert read_claims(path) == ("", {})
    claims = [claim_of(FIGURE, Check("a 1", True))]
    path.write_bytes(claims_json("cpu", claims))
    assert read_claims(path) == ("cpu", {7: claims[0]})
    path.write_text('{"claims": [{"figure": "seven"}]}')
    with pytest.raises(InputError, match="is no table of claims"):
        read_claims(path)
