"""Rival implementations in the benchmarks: which are installed, the error of those that are not, and the targets."""

import sys

import pytest

from benchmarks.__main__ import _plugins, main
from benchmarks.rivals import DEFAULT, PeerOptions, _missing, rivals
from benchmarks.targets import verdicts
from tests.made_rows import made_result, made_row
from tfgen.errors import OptionError
from tfgen.plugin.loading import load_registry
from tfgen_benchmarks.options import Options, variants


@pytest.fixture(scope="module")
def registry():
    return load_registry([])


def test_default_models_exist_and_cover_every_built_in_one(registry):
    found = variants(Options(), registry, DEFAULT)
    assert {one.model for one in found} == set(registry.models)


def test_each_library_takes_part_where_it_has_the_model(registry):
    chosen = variants(Options(models=("realnvp", "pixelcnn")), registry)
    found = {rival.entrant.name: rival for rival in rivals(PeerOptions(), chosen)}
    assert set(found) == {"nflows", "normflows", "torch", "tfd.PixelCNN", "keras"}
    assert found["nflows"].models == ("realnvp",)
    assert "pixelcnn" in found["torch"].models
    assert found["keras"].works == ("train",)
    assert rivals(PeerOptions(peers=()), chosen) == []
    assert PeerOptions.short().peers == ()


def test_what_is_not_installed_comes_with_the_command_that_installs_it(tmp_path):
    from pathlib import Path

    python = Path(sys.executable)
    assert _missing(python, ("json",), False) is None
    error_text = _missing(python, ("no_such_module",), False)
    assert error_text == "no_such_module is not installed; run: python -m pip install -e '.[peers]'"
    elsewhere = _missing(python, ("no_such_module",), True)
    assert elsewhere.endswith("-m pip install torch nflows normflows")
    assert "no Python that runs" in _missing(tmp_path / "python", ("json",), True)


def test_a_peer_python_that_is_none_is_refused(tmp_path):
    with pytest.raises(OptionError, match="--peer-python must be the python of an environment"):
        PeerOptions(peer_python=tmp_path)


def test_mistakes_are_a_line_under_the_name_of_the_program(capsys):
    assert main(["relnvp"]) == 2
    assert capsys.readouterr().err == "benchmarks: unknown model 'relnvp'; did you mean 'realnvp'?\n"
    assert main(["--peers", "nflow"]) == 2
    assert "see: python -m benchmarks --help" in capsys.readouterr().err


def test_plugins_are_taken_out_of_the_arguments():
    assert _plugins(["-p", "a.py", "vae", "--quick", "-p", "no:vae"]) == (["a.py", "no:vae"], ["vae", "--quick"])


@pytest.mark.parametrize(("theirs", "word"), [(70.0, "reached"), (90.0, "MISSED")])
def test_targets_are_judged_by_the_best_way_of_either_side(theirs, word):
    ours = [made_row(batch=1024, rates=(100.0,) * 3), made_row(batch=1024, way="xla", rates=(50.0,) * 3)]
    slow = made_row(batch=1024, contender="nflows", way="eager", rates=(10.0,) * 3)
    fast = made_row(batch=1024, contender="nflows", way="compiled", rates=(theirs,) * 3)
    lines = verdicts(made_result(rows=[*ours, slow, fast]))
    assert any("1.3 times nflows (compiled)" in line and word in line for line in lines)


def test_a_share_of_the_machines_rate_is_a_target():
    row = made_row(batch=1024, multiply_adds=1024 * 8e8, rates=(100.0,) * 3, products=(1e11,) * 3)
    assert "80% of the rate of a large product; 80% by graph, reached" in verdicts(made_result(rows=[row]))[0]
