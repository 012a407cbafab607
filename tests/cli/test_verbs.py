"""Each verb does its job on digits: what it writes, what it says, what --json and --quiet make of it."""

import functools
import json
import re
import shutil

import bad_files as bad
import numpy as np
import polars as pl
import pytest
from PIL import Image
from tiny_words import TINY_AUDIT, TINY_TRAINING

from denoscope.cli.audit_job import AuditJob
from denoscope.cli.slow_precision import bf16_cost
from denoscope.images import open_images
from denoscope.tables import read_audit

PIECES = {
    "measurements.parquet",
    "values.parquet",
    "samples.parquet",
    "pictures.npz",
    "summary.json",
    "report.html",
}


@pytest.fixture
def undrawn(monkeypatch):
    """No page is drawn: most of the time of a tiny audit, and other tests look at it."""
    monkeypatch.setattr("denoscope.report.write_report", lambda folder, pictures: None)


def test_audit_of_a_run_brings_its_split(place, say):
    words = f"audit run {TINY_AUDIT} --seed 3 --out new"
    said = say(words)
    assert said.code == 0
    assert said.err == ""
    assert {path.name for path in (place / "new").iterdir()} == PIECES
    tables = read_audit("new")
    run = tables.summary.provenance
    assert said.out.startswith(tables.summary.verdict.label.replace("_", " "))
    assert said.out.rstrip().endswith(str(place / "new" / "report.html"))
    assert run.command == ["denoscope", *words.split()]
    assert (run.seed, run.data.n_train, run.data.n_held_out, run.data.split_seed) == (
        3,
        64,
        1733,
        0,
    )
    assert run.model.parameters > 0
    assert len(run.model.hash) == 64
    assert len(tables.summary.levels) == 4


def test_audit_in_json_for_programs(place, say):
    said = say(f"audit run --data digits {TINY_AUDIT} --out new --json")
    told = json.loads(said.out)
    assert told["folder"] == str(place / "new")
    assert told["report"] == str(place / "new" / "report.html")
    assert told["verdict"] == json.loads((place / "new" / "summary.json").read_text())["verdict"]
    assert "report:" in said.err


def test_fail_on_ends_with_3_after_everything_is_written(place, say):
    label = read_audit("audit").summary.verdict.label
    assert label == "undertrained"  # two steps of training
    assert say(f"audit run {TINY_AUDIT} --out one --fail-on memorizing --quiet").code == 0
    said = say(
        f"audit run {TINY_AUDIT} --out two --fail-on memorizing,undertrained --no-pictures --quiet"
    )
    assert (said.code, said.out, said.err) == (3, "", "")
    assert {path.name for path in (place / "two").iterdir()} == PIECES
    assert "data:image/png" in (place / "one" / "report.html").read_text()
    assert "data:image/png" not in (place / "two" / "report.html").read_text()


def test_audit_overwrites_only_when_asked(place, say):
    (place / "audit" / "report.html").write_text("old")
    assert say(f"audit run {TINY_AUDIT} --out audit --overwrite").code == 0
    assert (place / "audit" / "report.html").read_text() != "old"


def test_audit_chooses_a_folder_by_the_models_name(place, say, undrawn):
    assert say(f"audit run {TINY_AUDIT} --samples 0 --quiet").code == 0
    assert (place / "audits" / "run" / "summary.json").is_file()


@pytest.mark.parametrize(
    ("words", "held_out"),
    [("--data digits --split 100 --split-seed 2", 1697), ("--data digits", 0)],
)
def test_audit_of_a_model_of_ones_own(words, held_out, place, say, undrawn):
    name = f"own{held_out}"
    bad.model("return x / (1 + sigma**2)", name)(place)
    said = say(f"audit {name}:open_model {words} {TINY_AUDIT} --out new --json")
    assert said.code == 0
    told = json.loads(said.out)["provenance"]
    assert told["data"]["n_held_out"] == held_out
    assert bool(told["missing_evidence"]) == (held_out == 0)
    assert ("warning: No held-out pictures" in said.err) == (held_out == 0)


def test_held_out_pictures_of_another_place(place, say, undrawn):
    bad.model("return x / (1 + sigma**2)", "own_other")(place)
    pixels = open_images("digits").pixels.numpy()
    np.savez("seen.npz", images=pixels[:60])
    np.savez("unseen.npz", images=pixels[60:90])
    words = (
        f"audit own_other:open_model --data seen.npz --held-out unseen.npz {TINY_AUDIT} --out new"
    )
    assert say(f"{words} --quiet").code == 0
    data = read_audit("new").summary.provenance.data
    assert (data.n_train, data.n_held_out, data.split_seed) == (60, 30, None)


def test_a_run_on_a_moved_data_set_takes_data(place, say, undrawn):
    bad.edit("run/run.json", data__where="/gone")(place)
    assert say(f"audit run --data digits {TINY_AUDIT} --samples 0 --out new --quiet").code == 0


def test_train_tells_where_the_weights_are(place, say):
    said = say(f"train {TINY_TRAINING} --snapshots-kimg 0.016 --out new --json")
    told = json.loads(said.out)
    assert (said.code, told["pictures"], told["was_finished"]) == (0, 32, False)
    assert (place / "new" / "weights.safetensors").is_file()
    assert [path.name for path in (place / "new" / "snapshots").iterdir()] == [
        "000000016.safetensors"
    ]
    snapshot = "new/snapshots/000000016.safetensors"
    assert json.loads(say(f"info {snapshot} --json").out)["usable"]


def test_train_resumes_and_knows_a_finished_run(place, say):
    said = say(f"train {TINY_TRAINING} --out run --resume")
    assert said.code == 0
    assert "is finished" in said.out
    longer = say(f"train {TINY_TRAINING} --kimg 0.064 --out run --resume --json")
    assert json.loads(longer.out)["pictures"] == 64
    record = json.loads((place / "run" / "run.json").read_text())
    assert record["settings"]["kimg"] == 0.064


def test_train_options_become_settings(place, say):
    words = "--arch ncsnpp --width 8 --multipliers 1,2 --blocks 2 --attention 4 --dropout 0.2"
    more = "--batch 8 --kimg 0.008 --lr 0.002 --warmup-kimg 0 --ema-half-life-kimg 9 --augment flip --seed 5"
    said = say(
        f"train --data digits --size 4 --images 50 --twin 2 --split-seed 7 {words} {more} --out new"
    )
    assert said.code == 0
    record = json.loads((place / "new" / "run.json").read_text())
    network = record["settings"].pop("network")
    assert network["shape"] == [1, 4, 4]
    assert (network["arch"], network["width"], network["multipliers"]) == ("ncsnpp", 8, [1, 2])
    assert (network["blocks"], network["attention"], network["dropout"]) == (2, [4], 0.2)
    expected = {"batch": 8, "learning_rate": 0.002, "warmup_kimg": 0, "ema_half_life_kimg": 9}
    expected |= {"augment": "flip", "seed": 5, "kimg": 0.008}
    assert expected.items() <= record["settings"].items()
    data = record["data"]
    assert (data["n"], data["twin"], data["split_seed"], data["size"]) == (50, 2, 7, 4)


@pytest.mark.parametrize(
    ("words", "network", "level"),
    [
        ("--arch ncsnpp --level 4.066", {"arch": "ncsnpp", "preconditioning": "none"}, 4.066),
        ("--preconditioning ve", {"arch": "ddpmpp", "preconditioning": "ve"}, None),
    ],
)
def test_train_one_level_or_under_another_preconditioning(place, say, words, network, level):
    assert say(f"train {TINY_TRAINING} {words} --out new --quiet").code == 0
    settings = json.loads((place / "new" / "run.json").read_text())["settings"]
    assert network.items() <= settings["network"].items()
    assert settings["level"] == level
    told = json.loads(say("info new --json").out)
    assert told["sigma"] == ([level, level] if level else [0.02, 100])


def test_train_other_networks(place, say):
    words = "train --data digits --images 64 --batch 16 --kimg 0.032 --quiet --out"
    assert say(f"{words} dit --arch dit --width 16 --heads 2 --patch 4 --blocks 1").code == 0
    assert say(f"{words} skip --arch skip --width 8 --level 0.5").code == 0
    assert say(f"{words} linear --arch linear --level 0.5").code == 0
    families = [
        json.loads(say(f"info {a} --json").out)["family"] for a in ("dit", "skip", "linear")
    ]
    assert families == [f"denoscope run ({a})" for a in ("dit", "skip", "linear")]


@pytest.mark.parametrize(("cost", "said"), [(20.4, "takes 20 times as long"), (0.7, "")])
def test_bf16_on_a_processor_that_is_slow_at_it(place, say, monkeypatch, cost, said):
    monkeypatch.setattr("denoscope.cli.slow_precision.bf16_cost", lambda: cost)
    told = say(f"train {TINY_TRAINING} --precision bf16 --device cpu --out new")
    assert told.code == 0
    assert ("--precision fp32 is faster here" in told.out) == bool(said)
    assert said in told.out
    assert "fp32" not in say(f"train {TINY_TRAINING} --device cpu --out plain").out


def test_the_cost_of_bf16_is_a_ratio_of_times():
    assert 0.01 < bf16_cost() < 1e5


def test_a_run_opens_its_data_from_any_folder(place, say, monkeypatch, undrawn):
    np.savez("mine.npz", images=open_images("digits").pixels[:80].numpy())
    assert say(f"train {TINY_TRAINING} --data mine.npz --out new --quiet").code == 0
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    assert say(f"audit ../new {TINY_AUDIT} --samples 0 --out a --quiet").code == 0


def test_train_tracks(place, say):
    pytest.importorskip("tensorboard")
    assert say(f"train {TINY_TRAINING} --tracker tensorboard --out new --quiet").code == 0
    events = list((place / "new" / "tracker").rglob("events.out*"))
    assert any(b"learning_rate" in path.read_bytes() for path in events)


def test_sample_puts_one_noise_through_all(place, say):
    said = say("sample run --with gaussian,multi-delta --seeds 0-17 --levels 4 --out new --json")
    assert said.code == 0
    told = json.loads(said.out)
    assert told["rows"] == ["network", "gaussian", "multi_delta"]
    assert "level index 3, the last, sigma 0.002" in told["samples_show"]
    with np.load("new/samples.npz") as arrays:
        assert arrays["images"].shape == (18, 1, 8, 8)
        assert arrays["trajectory_gaussian"].shape == (18, 4, 1, 8, 8)
        np.testing.assert_array_equal(
            arrays["trajectory_multi_delta"][:, -1], arrays["multi_delta"]
        )
        ours = arrays["images"][:4]
        copies = arrays["multi_delta"]
    # Draws 0 to 3 are those of an audit with the same seed and levels.
    np.testing.assert_array_equal(ours, read_audit("audit").pictures["sample/network"])
    train = {row.tobytes() for row in open_images("digits").split(64, 0)[0].pixels.numpy()}
    assert all(row.tobytes() in train for row in copies)
    with Image.open("new/samples.png") as grid:
        width, height = grid.size
    assert width == (16 * 10 - 2) * 7  # 16 pictures of 8 pixels and their gaps, enlarged
    assert height == (2 * (3 * 10 + 4) - 6) * 7  # two blocks of three rows


def test_a_sample_does_not_depend_on_its_company(place, say):
    assert say("sample run --seeds 0-5 --levels 3 --solver heun --out many --quiet").code == 0
    assert say("sample run --seeds 4 --levels 3 --solver heun --out one --quiet").code == 0
    with np.load("many/samples.npz") as many, np.load("one/samples.npz") as one:
        assert abs(many["images"][4].astype(int) - one["images"][0]).max() <= 1


def test_report_draws_again_from_tables_alone(place, say):
    shutil.rmtree(place / "run")
    (place / "audit" / "report.html").unlink()
    said = say("report audit --no-pictures --json")
    assert said.code == 0
    page = str(place / "audit" / "report.html")
    assert json.loads(said.out) == {"report": page, "figures": []}
    assert "data:image/png" not in (place / "audit" / "report.html").read_text()


def test_compare_an_audit_with_another(place, say, undrawn):
    assert say(f"audit run {TINY_AUDIT} --seed 4 --out other --quiet").code == 0
    said = say("compare audit audit other --json")
    told = json.loads(said.out)
    assert list(told["audits"]) == ["audit", "audit (2)", "other"]
    again = [row for row in told["differences"] if row["audit"] == "audit (2)"]
    assert {row["difference"] for row in again} == {0}
    assert any(row["paired"] for row in again)
    assert not any(row["paired"] for row in told["differences"] if row["audit"] == "other")
    assert any("share no noise" in text for text in told["remarks"])
    assert told["page"] is None
    assert "other less audit" in said.err
    assert {path.name for path in place.iterdir()} == {"run", "audit", "other"}


def test_compare_writes_only_where_asked(place, say):
    said = say("compare audit audit --out compared")
    assert said.code == 0
    assert said.out.rstrip().endswith(str(place / "compared" / "compare.html"))
    kept = {path.name for path in (place / "compared").iterdir()}
    assert kept == {"compare.parquet", "compare.html", "figures"}
    assert say("compare audit audit --quiet").out == ""


def test_audits_of_one_name_are_told_apart(tmp_path):
    from denoscope.cli.compare_job import named

    folders = [tmp_path / "a" / "audit", tmp_path / "b" / "audit", tmp_path / "b" / "audit"]
    assert list(named(folders)) == ["a/audit", "b/audit", "b/audit (2)"]


def test_train_stops_when_memorizing_and_says_so(place, say):
    words = f"train {TINY_TRAINING} --out new --stop-when memorizing"
    said = say(f"{words} --json")
    told = json.loads(said.out)
    assert (said.code, told["stopped_at"], told["kept"], told["pictures"]) == (0, None, 32, 32)
    assert [look["verdict"]["label"] for look in told["looks"]] == ["undertrained"]
    assert "memorization did not set in: 1 looks, the last undertrained" in said.err
    assert (place / "new" / "watch.json").is_file()
    assert say(f"audit new {TINY_AUDIT} --samples 0 --no-pictures --out a --quiet").code == 0
    assert "is finished" in say(f"{words} --resume").out


def test_a_stopped_training_is_told_and_not_resumed(place, say, monkeypatch):
    from denoscope.auditing import MemorizationWatch
    from denoscope.tables import Look, Reason, Verdict

    def look(self, denoiser, seen):
        label, gap = ("transitional", 0.5) if seen > 48 else ("generalizing", 0.1)
        reasons = [Reason(signal="gap", vote=label, text="", value=gap)]
        self.looks.append(
            Look(seen=seen, verdict=Verdict(label=label, confidence=0.9, reasons=reasons))
        )
        return self.looks[-1]

    monkeypatch.setattr(MemorizationWatch, "look", look)
    words = f"train {TINY_TRAINING} --images 4 --batch 16 --kimg 0.16 --out new"
    said = say(f"{words} --stop-when memorizing")
    assert said.code == 0
    assert (
        "stopped after 64 pictures, transitional (90%) by gap 0.50; kept the weights after 48 "
        "pictures, generalizing (90%)"
    ) in said.out
    again = say(f"{words} --stop-when memorizing --resume")
    assert again.code == 0
    assert "was stopped before: nothing is left to train" in again.out
    refused = say(f"{words} --resume")
    assert refused.code == 2
    assert "add --stop-when memorizing" in refused.err


@pytest.mark.slow
def test_report_writes_figures(place, say):
    told = json.loads(say("report audit --figures --json").out)
    assert {path.rsplit(".", 1)[1] for path in told["figures"]} == {"svg", "pdf"}
    assert all((place / path).stat().st_size for path in told["figures"])


def test_info_of_a_model(place, say):
    told = json.loads(say("info run --data digits --json").out)
    assert (told["what"], told["shape"], told["usable"], told["fits"]) == (
        "model",
        [1, 8, 8],
        True,
        True,
    )
    assert (told["training_pictures"], told["held_out_pictures"]) == (64, 1733)
    assert told["fingerprint"] == open_images("digits").fingerprint
    unfit = say("info run --data mnist-5k")
    assert unfit.code == 0
    assert re.search(r"fits +no", unfit.out)


def test_info_of_an_unfinished_run(place, say):
    bad.remove("run/weights.safetensors")(place)
    told = json.loads(say("info run --json").out)
    assert (told["usable"], told["trained_on"]) == (False, "64 of digits")
    assert "--resume" in told["reason"]


def test_info_of_data(place, say):
    pixels = open_images("digits").pixels[:50].numpy()
    np.savez("twice.npz", images=np.concatenate([pixels, pixels[:3]]))
    told = json.loads(say("info twice.npz --json").out)
    assert (told["what"], told["pictures"], told["shape"]) == ("data", 53, [1, 8, 8])
    assert (told["near_duplicates"], told["near_duplicate_groups"]) == (6, 3)


def test_demo_audits_both_and_repeats(place, say, monkeypatch):
    monkeypatch.setattr("denoscope.cli.demo.MODELS", ("run", "other"))
    small = functools.partial(AuditJob, pictures=8, samples=4, levels=4)
    monkeypatch.setattr("denoscope.cli.demo.AuditJob", small)
    shutil.copytree(place / "run", place / "other")
    first = say("demo --out both")
    assert first.code == 0
    assert re.search(r"verdict +UNDERTRAINED +UNDERTRAINED", first.out)
    for name in ("run", "other"):
        assert f"report: {place}/both/{name}/report.html" in first.out
        assert {path.name for path in (place / "both" / name).iterdir()} == PIECES
    assert pl.read_parquet("both/run/samples.parquet").height > 0
    again = json.loads(say("demo --out both --json --no-pictures").out)
    assert set(again) == {"run", "other"}


@pytest.mark.slow
def test_demo_tells_memorizing_from_generalizing(tmp_path, say, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(say("demo --json").out)
    labels = {name: one["verdict"]["label"] for name, one in told.items()}
    assert labels == {"mnist-64": "memorizing", "mnist-4000": "generalizing"}
