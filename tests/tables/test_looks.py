import pytest

from denoscope.errors import InputError
from denoscope.tables import Look, Reason, Verdict, WatchRecord, read_watch, write_watch


def look(seen, label):
    reasons = [Reason(signal="gap", vote="transitional", text="far", value=0.5)]
    return Look(seen=seen, verdict=Verdict(label=label, confidence=0.7, reasons=reasons))


def record_of(*labels):
    looks = tuple(look(100 * (i + 1), label) for i, label in enumerate(labels))
    return WatchRecord(seed=3, looks=looks)


@pytest.mark.parametrize(
    ("labels", "onset", "before"),
    [
        ((), None, None),
        (("undertrained", "generalizing"), None, 200),
        (("undertrained", "generalizing", "undertrained", "transitional"), 400, 200),
        (("undertrained", "undertrained", "memorizing"), 300, 200),
        (("undertrained", "generalizing", "transitional"), 300, 200),
        (("generalizing", "memorizing", "generalizing"), 200, 100),
        (("transitional",), 100, None),
        (("not_enough_evidence",), None, 100),
    ],
)
def test_onset_is_the_first_and_before_the_last_that_generalizes(labels, onset, before):
    record = record_of(*labels)
    assert (record.onset.seen if record.onset else None) == onset
    assert (record.before.seen if record.before else None) == before


def test_signals_by_name():
    assert look(1, "generalizing").signals == {"gap": 0.5}


def test_written_and_read_back(tmp_path):
    record = record_of("undertrained", "memorizing")
    write_watch(tmp_path / "watch.json", record)
    assert read_watch(tmp_path / "watch.json") == record


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"seed": -1}', '{"seed": 0, "schema_version": 2}', "\x00"]
)
def test_a_corrupt_record_is_one_line(tmp_path, content):
    path = tmp_path / "watch.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"watch\.json cannot be read") as caught:
        read_watch(path)
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match=r"watch\.json cannot be read"):
        read_watch(path)
