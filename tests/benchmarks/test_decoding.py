"""The decoding benchmark's structure and bookkeeping; never how long anything took."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--side", "8", "--latent", "2", "--units", "8", "--samples", "12", "--batch-size", "4", "--rounds", "2"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.decoding")


def test_every_way_is_timed_in_every_round_for_both_decoders(bench, tmp_path, capsys):
    assert bench.main([*TINY, "--model", "cvae", "--json", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    timings = {(timing["network"], timing["way"]): timing for timing in content["timings"]}
    assert list(timings) == [(network, way) for network in ("conv", "mlp") for way in bench.WAYS]
    for (network, _), timing in timings.items():
        alone = timings[network, "decoder"]["seconds"]
        assert len(timing["seconds"]) == 2
        assert min(timing["seconds"]) > 0
        assert timing["ratios"] == [a / b for a, b in zip(timing["seconds"], alone, strict=True)]
    assert content["options"]["model"] == "cvae"
    assert content["options"]["batch_size"] == 4
    assert content["machine"]["cores"] >= 1
    printed = capsys.readouterr().out
    assert "the decoder alone, codes given" in printed
    assert "command: python benchmarks/decoding.py --side 8" in printed
    assert printed.count("target: within 1.15 times the decoder's time") == 4


@pytest.mark.parametrize(("model", "conditional"), [("vae", False), ("cvae", True)])
def test_all_ways_decode_the_same_number_by_the_same_decoder(bench, model, conditional, monkeypatch, tmp_path):
    options = bench.Options(model=model, side=8, latent=2, units=8, samples=12, batch_size=4)
    built = bench.make_model(options, "mlp")
    assert built.conditional == conditional
    calls, decoded, files = [], type(built.decoder).call, []

    def call(self, z, one_hot=None):
        calls.append((tuple(z.shape), one_hot is not None))
        return decoded(self, z, one_hot)

    monkeypatch.setattr(type(built.decoder), "call", call)
    write_npz = importlib.import_module("tfgen.sample.archive").write_npz

    def kept(path, *arguments):
        write_npz(path, *arguments)
        with np.load(path) as arrays:
            files.append(arrays["x"])

    monkeypatch.setattr("tfgen.sample.archive.write_npz", kept)
    for run in bench.programs(built, options).values():
        assert run() > 0
    assert calls == [((4, 2), conditional)] * 3  # traced once at the one batch size; the last two are one program
    assert files[0].shape == (12, 8, 8, 1)
    assert files[0].dtype == np.uint8


def test_a_loop_that_gives_too_few_samples_is_no_measurement(bench, monkeypatch):
    options = bench.Options(side=8, latent=2, units=8, samples=8, batch_size=4)
    monkeypatch.setattr("tfgen.sample.sampling.sample_batches", lambda *arguments: iter([np.zeros((4, 8, 8, 1))] * 2))
    runs = bench.programs(bench.make_model(options, "mlp"), options)
    with pytest.raises(bench.TfgenError, match="did not give 8 samples"):
        runs["sample_batches"]()


def test_what_reaches_the_target_and_what_does_not(bench):
    timings = [
        bench.Timing("mlp", "decoder", [1.0, 2.0, 3.0], [1.0] * 3),
        bench.Timing("mlp", "sample_batches", [1.1, 2.2, 9.0], [1.1, 1.1, 3.0]),
        bench.Timing("mlp", "write_npz", [1.2, 2.4, 3.6], [1.2] * 3),
    ]
    loop, file = bench.verdict_lines(timings)
    assert loop.endswith("mlp, sample_batches: 1.10, reached")
    assert file.endswith("mlp, write_npz: 1.20, NOT reached")
    headings, rows = bench.table(timings, samples=1000)
    assert {len(row) for row in rows} == {len(headings)}
    assert rows[1][2:5] == ["2200.00", "1100.00-9000.00", "455"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "15", "--batch-size", "4"], "--samples must be a multiple of 4 (--batch-size), got 15"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--networks", "mlp", "mlp"], "--networks must be different kinds"),
        (["--json", "no/such/folder/out.json"], "--json must be a file in a folder that exists"),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_is_measured(bench, capsys, arguments, message):
    assert bench.main(arguments) == 2
    error_text = capsys.readouterr().err
    assert message in error_text
    assert error_text.count("\n") == 1
