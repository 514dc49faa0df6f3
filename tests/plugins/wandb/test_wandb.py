"""The tracker of Weights & Biases in offline mode: what its file has is read back."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tfgen
from tests.pictures import without_pictures
from tests.slow import slow
from tfgen.runs import resume_run
from tfgen_plugins.wandb import observer

TINY = {
    "data": "digits", "layers": 2, "units": 8, "epochs": 2, "chunk_steps": 4, "compile": "graph", "quiet": True,
    "checkpoint_seconds": 0.0, "evaluate": 50,
}  # fmt: skip


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """W&B is asked for, without a network, and leaves nothing in the home folder."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("SILENT", "DISABLE_GIT", "DISABLE_CODE", "X_DISABLE_STATS"):
        monkeypatch.setenv(f"WANDB_{name}", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-home"))
    pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install 'tfgen-prob[wandb]', or wandb")


def records(run: Path) -> Iterator[Any]:
    """Yield the records of each session's file, in order: LevelDB's log format behind seven bytes."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its service writes blocks of 32 KB, the last one when it ends: `finish` does not wait for that

    for path in sorted(run.glob("wandb/offline-run-*/*.wandb")):
        data, at, whole = path.read_bytes(), 7, b""
        while at + 7 <= len(data):
            room = 32768 - at % 32768
            if room < 7:  # no header fits into the rest of a block
                at += room
                continue
            length, kind = struct.unpack_from("<HB", data, at + 4)
            whole += data[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):  # a whole record, or the last part of one
                yield Record.FromString(whole)
                whole = b""


def entries(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def kept(run: Path) -> dict[str, Any]:
    """Return what the files of a run have: ids, config, history by step, summary, artifacts, exit codes."""
    result: dict[str, Any] = {name: [] for name in ("ids", "names", "exits", "files")}
    result |= {"config": {}, "history": {}, "summary": {}}
    for record in records(run):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            result["ids"].append(record.run.run_id)
            result["names"].append((record.run.project, record.run.display_name))
            result["config"] |= entries(record.run.config.update)
        elif kind == "config":
            result["config"] |= entries(record.config.update)
        elif kind == "history":
            row = {name: value for name, value in entries(record.history.item).items() if name[0] != "_"}
            result["history"].setdefault(record.history.step.num, {}).update(row)
        elif kind == "summary":
            result["summary"] |= entries(record.summary.update)
        elif kind == "artifact":
            result["files"] += [content.path for content in record.artifact.manifest.contents]
        elif kind == "exit":
            result["exits"].append(record.exit.exit_code)
    return result


def assert_has_every_metric(run, found):
    for row in run.metrics:
        expected = {name: value for name, value in row.items() if name not in ("step", "epoch", "seconds")}
        assert found["history"][row["step"]] == pytest.approx(expected)


@pytest.mark.usefixtures("offline")
def test_options_metrics_results_and_pictures_are_in_the_file(tmp_path):
    run = tfgen.train("realnvp", runs_dir=tmp_path, name="a", picture_samples=4, **TINY)
    found = kept(run.folder)
    assert found["names"] == [("tfgen", "a")]
    assert found["exits"] == [0]
    assert_has_every_metric(run, found)
    assert "train/loss" in found["history"][0]
    assert found["config"]["model"] == "realnvp"
    assert found["config"]["training"]["seed"] == 0
    assert found["config"]["options"]["units"] == 8
    for split in ("test", "valid"):
        for name, metric in run.results[split].items():
            assert found["summary"][f"results/{split}/{name}"] == pytest.approx(metric["value"])
    drawn = {f"figures/{path.name}" for path in run.files.figures.glob("*.png")}
    assert "figures/samples_after.png" in drawn
    assert set(found["files"]) == drawn | {"results.json"}


class Stopper:
    """Ends a run at a step, before its checkpoint."""

    @tfgen.hookimpl(trylast=True)  # behind the tracker
    def tfgen_progress(self, step):
        if step == 14:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_a_resumed_run_goes_on_in_the_same_run(tmp_path):
    with without_pictures():
        with pytest.raises(KeyboardInterrupt):
            tfgen.train("realnvp", runs_dir=tmp_path, name="a", observers=[Stopper()], **TINY)
        assert kept(tmp_path / "a")["exits"] == [1]
        run = resume_run(tfgen.load(tmp_path / "a"), quiet=True)
    found = kept(run.folder)
    assert found["exits"] == [1, 0]
    assert len(found["ids"]) >= 2
    assert len(set(found["ids"])) == 1
    assert_has_every_metric(run, found)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("mode", ["offline", slow("disabled"), slow(None)])
def test_without_the_package(mode, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)  # an import of it fails
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    run = tfgen.train("realnvp", runs_dir=tmp_path, **TINY)
    assert run.files.finished
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (mode == "offline")
    assert all("pip install wandb" in line for line in said)
    assert not (run.folder / "wandb.json").exists()


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("content", ["{", "[1]", "[" * 1000, None])
def test_a_record_of_unknown_origin_is_not_trusted(content, tmp_path):
    file = tmp_path / "wandb.json"
    os.mkfifo(file) if content is None else file.write_text(content)
    with pytest.raises(tfgen.RunError, match="delete it, and the run is a new one"):
        observer.tfgen_run_started(SimpleNamespace(folder=tmp_path, name="a", provenance={}))
