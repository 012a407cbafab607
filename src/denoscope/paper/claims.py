"""The table of claims: figure, claim, what was measured, whether it holds, and why not."""

import json
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from denoscope.errors import InputError
from denoscope.paper.figure import Check, Figure

__all__ = ["Claim", "claim_of", "claims_json", "not_run", "read_claims"]

State = Literal["holds", "does not hold", "cannot tell", "not run"]


class Claim(BaseModel):
    """One row. values: the numbers behind `measured`, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: int
    title: str
    claim: str
    acceptance: str
    state: State
    measured: str = ""
    reason: str = ""
    values: dict[str, float] = {}


def claim_of(figure: Figure, check: Check) -> Claim:
    """The row of a figure that was measured; a value that is undefined (NaN) is left out."""
    state: State = (
        "cannot tell" if check.holds is None else "holds" if check.holds else "does not hold"
    )
    return _row(figure, state).model_copy(
        update={
            "measured": check.measured,
            "reason": check.reason,
            "values": {name: float(v) for name, v in check.values.items() if not isnan(v)},
        }
    )


def not_run(figure: Figure, why: str) -> Claim:
    """The row of a figure whose tables are not there."""
    return _row(figure, "not run").model_copy(update={"reason": why})


def _row(figure: Figure, state: State) -> Claim:
    return Claim(
        figure=figure.number,
        title=figure.title,
        claim=figure.claim,
        acceptance=figure.acceptance,
        state=state,
    )


def read_claims(path: Path) -> tuple[str, dict[int, Claim]]:
    """(preset, figure number -> its row) of a claims.json; ("", {}) where there is none.

    Raises InputError for a file that is no table of claims.
    """
    if not path.is_file():
        return "", {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [Claim.model_validate(row) for row in content["claims"]]
        return str(content["preset"]), {row.figure: row for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no table of claims: move it away, and let `denoscope reproduce` write it"
        ) from error


def claims_json(preset: str, claims: Iterable[Claim]) -> bytes:
    """claims.json: {"schema_version": 1, "preset": ..., "claims": [...]}."""
    rows = [claim.model_dump(mode="json") for claim in claims]
    content = {"schema_version": 1, "preset": preset, "claims": rows}
    return (json.dumps(content, indent=2) + "\n").encode()
