"""What the looks at a training saw, and what they decided, in words and for --json."""

from typing import TYPE_CHECKING, Any

from denoscope.cli.speech import Voice

if TYPE_CHECKING:
    from denoscope.tables import Look, WatchRecord

__all__ = ["looks_result", "tell_looks"]

SIGNALS = ("copies", "novelty", "gap", "position", "linearity")


def tell_looks(voice: Voice, record: "WatchRecord") -> None:
    """A row a look, then one line: where the training was stopped and why, or that it was not."""
    rows: list[tuple[str, ...]] = [("pictures seen", "verdict", "confidence", *SIGNALS)]
    for look in record.looks:
        values = (look.signals.get(name) for name in SIGNALS)
        cells = ("-" if value is None else f"{value:.2f}" for value in values)
        rows.append((f"{look.seen:,}", _label(look), f"{look.verdict.confidence:.0%}", *cells))
    voice.table(rows, heading=True)
    onset, before = record.onset, record.before
    if onset is None:
        last = f", the last {_sure(before)}" if before else ""
        voice.say(f"memorization did not set in: {len(record.looks)} looks{last}")
    elif before is not None:
        why = [
            f"{one.signal} {one.value:.2f}"
            for one in onset.verdict.reasons
            if one.vote in ("memorizing", "transitional") and one.value is not None
        ]
        never = all(_label(look) == "undertrained" for look in record.looks if not look.stop)
        remark = ": it generalized at no look, train on more pictures" if never else ""
        voice.say(
            f"stopped after {onset.seen:,} pictures, {_sure(onset)} by {', '.join(why)}; kept the "
            f"weights after {before.seen:,} pictures, {_sure(before)}{remark}"
        )


def looks_result(record: "WatchRecord") -> dict[str, Any]:
    """What --json says of the looks: counts of pictures seen, null where there is none."""
    return {
        "stopped_at": record.onset.seen if record.onset else None,
        "kept": record.before.seen if record.before else None,
        "looks": [look.model_dump(mode="json") for look in record.looks],
    }


def _label(look: "Look") -> str:
    return look.verdict.label.replace("_", " ")


def _sure(look: "Look") -> str:
    return f"{_label(look)} ({look.verdict.confidence:.0%})"
