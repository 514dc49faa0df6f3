"""The event files hold every metric of every visit, as TensorBoard reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

import tfgen


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    found = {}
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name in ("", "scalars")
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


@pytest.mark.parametrize("blocked", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_events_hold_the_metrics(tmp_path, blocked):
    run = tfgen.train(
        "realnvp", runs_dir=tmp_path, epochs=2, layers=2, units=8, compile="graph", chunk_steps=4, quiet=True,
        plugins=["no:tensorboard"] if blocked else [],
    )  # fmt: skip
    events = scalars(run.folder / "events")
    if blocked:
        assert not events
        return
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        for name, value in row.items():
            if name not in ("step", "epoch", "seconds"):
                assert events[name, row["step"]] == pytest.approx(value)
    assert ("valid/loss", 20) in events
    assert ("train/loss", 0) in events
