"""The install cell of the notebooks beside libraries like Colab's: they keep their versions, and tfgen runs."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import notebooks

ROOT = Path(__file__).parents[2]
PINS = ROOT / "notebooks/colab.txt"
#: What the install cell promises to keep.
KEPT = ("tensorflow", "tf_keras", "keras", "numpy")
COLAB_PYTHON = "3.12"


def pins() -> dict[str, str]:
    lines = [line for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel of the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def requirements(python: Path | str, folder: Path) -> list[str]:
    """Return the requirements that the install cell hands to pip, run by a Python in a folder."""
    *lines, _ = notebooks.INSTALL.rstrip().splitlines()
    code = "\n".join([*lines, "print(requirements)"])
    done = subprocess.run([python, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.slow
def test_on_colabs_python_its_libraries_satisfy_all_that_is_asked_for(wheel, tmp_path):
    """Resolved for Python 3.12 without installing: with the pins as constraints for what the cell keeps."""
    kept = tmp_path / "kept.txt"
    kept.write_text("".join(f"{name}=={pins()[name]}\n" for name in (*KEPT, "protobuf", "tensorflow-metadata")))
    report, made = tmp_path / "report.json", tmp_path / "made"
    # For another Python pip takes wheels alone, and this one has to be made of its source.
    make = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), "promise"]
    subprocess.run(make, check=True, capture_output=True)
    resolve = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
        *("--python-version", COLAB_PYTHON, "--only-binary", ":all:", "--target", str(tmp_path / "nowhere")),
        *("--find-links", str(made), "--constraint", str(kept), "--report", str(report), str(wheel)),
    ]
    done = subprocess.run(resolve, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {
        entry["metadata"]["name"].lower(): entry["metadata"]["version"]
        for entry in json.loads(report.read_text())["install"]
    }
    assert {name: found[name] for name in ("tensorflow", "keras", "numpy")} == {
        name: pins()[name] for name in ("tensorflow", "keras", "numpy")
    }
    assert "tfgen-prob" in found


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="TensorFlow 2.19 has no wheel for this Python")
def test_it_installs_beside_them_and_a_model_is_trained(wheel, tmp_path):
    """With this Python, in an environment of its own; the cell runs there as it stands."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python = home / "bin/python"

    def pip(*words: str) -> None:
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    pip("--requirement", str(PINS))
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    wanted = requirements(python, tmp_path)
    assert wanted == [
        wheel.name,
        f"tensorflow=={pins()['tensorflow']}",
        f"keras=={pins()['keras']}",
        f"numpy=={pins()['numpy']}",
        "tf_keras==2.19.*",
    ]
    pip(*wanted)
    ask = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
    versions = subprocess.run([python, "-c", ask, *KEPT], capture_output=True, text=True, check=True).stdout.split()
    assert versions == [pins()[name] for name in KEPT]

    def tfgen(*words: str) -> str:
        done = subprocess.run([python, "-m", "tfgen", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    small = ["--epochs", "1", "--units", "16", "--compile", "graph", "--data", "digits"]
    tfgen("run", "realnvp", *small)
    tfgen("run", "vae", "--network", "mlp", *small)
    assert "bits" in tfgen("evaluate", "runs/realnvp-digits")
    doctor = json.loads(tfgen("doctor", "--json"))
    assert not [finding for finding in doctor if finding["status"] == "problem"]
