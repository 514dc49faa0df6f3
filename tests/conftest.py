import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# As `tfgen.runtime` sets it; here the tests themselves may import TensorFlow first.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

from tfgen.plugin.specs import DataSources

# How long an example takes is the machine's affair.
settings.register_profile("tfgen", deadline=None)
settings.load_profile("tfgen")


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder with MNIST's four official files."""
    folder = os.environ.get("TFGEN_MNIST_DIR")
    if not folder:
        pytest.skip("TFGEN_MNIST_DIR is not set: it names a folder with the four official files of MNIST")
    return Path(folder)


@pytest.fixture(scope="session")
def prepared_data_dir(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which MNIST is prepared, once for all workers of a test run; tests must not change it."""
    from tfgen.data.tfds import load_tfds

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shared = base / "prepared-data"
        load_tfds("mnist", DataSources(str(shared), str(mnist_dir)))
        return shared
    # Each worker has a folder of its own beside the others'; they share the one above it. Those who come second wait.
    from filelock import FileLock

    shared = base.parent / "prepared-data"
    with FileLock(base.parent / "prepared-data.lock"):
        load_tfds("mnist", DataSources(str(shared), str(mnist_dir)))
    return shared


@pytest.fixture
def mnist_copy(mnist_dir: Path, tmp_path: Path) -> Path:
    """A copy of MNIST's four files that a test may damage."""
    folder = tmp_path / "manual"
    folder.mkdir()
    for path in mnist_dir.glob("*.gz"):
        shutil.copyfile(path, folder / path.name)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a very small Real NVP on digits, with two checkpoints; tests must not change it."""
    import tfgen

    run = tfgen.train(
        "realnvp", data="digits", runs_dir=tmp_path_factory.mktemp("runs"), name="tiny", quiet=True,
        epochs=2, units=8, layers=2, depth=1, compile="graph", checkpoint_seconds=0.0,
    )  # fmt: skip
    return run.folder


@pytest.fixture(scope="session")
def classifier_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the trained classifier of the digits."""
    from tfgen.data.digits import load_digits
    from tfgen.evaluate.features import feature_network

    folder = tmp_path_factory.mktemp("classifiers")
    feature_network("classifier", load_digits(), DataSources(str(folder)))
    return folder


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of that folder that a test may damage."""
    return Path(shutil.copytree(tiny_run, tmp_path / "runs" / "copy"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that a test saves, in order."""
    from matplotlib.figure import Figure

    figures: list[Any] = []
    original = Figure.savefig

    def savefig(self: Figure, *arguments: Any, **named: Any) -> None:
        figures.append(self)
        original(self, *arguments, **named)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return figures
