import json

from denoscope.paper.claims import Claim, claim_of, claims_json, claims_markdown, not_run
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


def test_claims_round_trip_and_read_as_a_table():
    claims = [claim_of(FIGURE, Check("a | b", False, "why"))]
    content = json.loads(claims_json("cpu", claims))
    assert content["preset"] == "cpu"
    assert [Claim.model_validate(row) for row in content["claims"]] == claims
    assert claims_markdown(claims).splitlines()[-1] == (
        r"| 7 | narrow is nearer | a \| b *why* | does not hold |"
    )
