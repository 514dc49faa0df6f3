"""The distribution examples/tfgen-diffusion: built as a wheel, installed, found, trained, sampled from, checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.public_names import private_imports

EXAMPLE = Path(__file__).parents[2] / "examples/tfgen-diffusion"
SMALL = ["--timesteps", "20", "--width", "8", "--blocks", "1"]


def test_it_is_written_against_public_names_alone():
    files = list(EXAMPLE.rglob("*.py"))
    assert len(files) >= 6
    assert private_imports(files) == []


@pytest.mark.slow
def test_a_wheel_of_it_is_installed_and_works(tmp_path):
    """The commands are those of its README, with a smaller network; its formulas and the quick checks of `ddpm` hold."""
    wheel = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(EXAMPLE)]
    subprocess.run([sys.executable, *wheel], check=True, capture_output=True)
    (built,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(built)]
    subprocess.run([sys.executable, *install], check=True)

    def tfgen(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(site)}
        program = [sys.executable, "-m", "tfgen", *words]
        return subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "tfgen-diffusion" in tfgen("plugins").stdout
    trained = tfgen("run", "conditional_ddpm", *SMALL, "--epochs", "2", "--compile", "graph", "--evaluate", "20")
    assert trained.returncode == 0, trained.stderr
    results = json.loads((tmp_path / "runs/conditional_ddpm-digits/results.json").read_text())
    assert results["test"]["bits_per_dim"]["basis"]["density"] == "bound"
    drawn = tfgen(
        "sample", "runs/conditional_ddpm-digits", "--labels", "3", "--steps", "5", "--guidance", "2", "--count", "4"
    )
    assert drawn.returncode == 0, drawn.stderr
    assert "--guidance" in tfgen("sample", "runs/conditional_ddpm-digits", "--help").stdout
    refused = tfgen("sample", "runs/conditional_ddpm-digits", "--eta", "2")
    assert refused.returncode == 2
    assert "--eta must be in [0, 1], got 2" in refused.stderr
    only = ["samples_are_examples", "bounds_are_numbers_per_example", "samples_do_not_depend_on_the_batch"]
    checked = tfgen("check", "ddpm", *SMALL, "--data", "digits", "--only", *only)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests/test_formulas.py")]
    environment = os.environ | {"PYTHONPATH": str(site)}
    tested = subprocess.run(tests, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
