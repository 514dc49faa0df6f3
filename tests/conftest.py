import functools
import os
import shutil
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

# As `tfgen.runtime` sets it; here the tests themselves may import TensorFlow first.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of each would wait for those of the others, and burn time as they do.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if sys.version_info < (3, 12):
    # Asking whether an object is of a protocol, as TensorFlow does for each tensor, looks through the attributes of all
    # classes of the protocol each time. Python 3.12 remembers the answer, which saves a thirtieth of the time of all tests.
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)  # type: ignore[attr-defined]

from tests.long import is_long
from tests.pictures import without_pictures
from tfgen.plugin.specs import DataSources

# How long an example takes is the machine's affair.
settings.register_profile("tfgen", deadline=None)
settings.load_profile("tfgen")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups, and pytest at `-m`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Send the tests that share a fixture of their module to one worker, so that it is made once; mark the long tests."""
    for item in items:
        if is_long(item):
            item.add_marker(pytest.mark.long)
        if isinstance(item, pytest.Function) and item.get_closest_marker("xdist_group") is None:
            shared = next(_shared_fixtures(item), None)
            if shared is not None:
                item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{shared}"))


def _shared_fixtures(test: pytest.Function) -> Iterator[str]:
    """Yield the names of the fixtures of a test's module that it shares with others, and which of a fixture's parameters."""
    parameters = test.callspec.indices if hasattr(test, "callspec") else {}
    for name, definitions in test._fixtureinfo.name2fixturedefs.items():
        if definitions[-1].scope == "module":
            yield f"{name}-{parameters[name]}" if name in parameters else name


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder with MNIST's four official files."""
    folder = os.environ.get("TFGEN_MNIST_DIR")
    if not folder:
        pytest.skip("TFGEN_MNIST_DIR is not set: it names a folder with the four official files of MNIST")
    return Path(folder)


#: Makes a folder by a name that no other caller has, unless a worker has made it already.
Once = Callable[[str, Callable[[Path], Any]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Return ``(name, make) -> folder``: `make` fills the folder once for all workers of a test run, the others wait.

    Tests must not change such a folder.
    """
    base = tmp_path_factory.getbasetemp()
    # Each worker has a folder of its own beside the others'; they share the one above it.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], Any]) -> Path:
        folder, done = shared / f"once-{name}", shared / f"once-{name}.done"
        with FileLock(shared / f"once-{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half-way
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def prepared_data_dir(mnist_dir: Path, once: Once) -> Path:
    """A data folder in which MNIST is prepared; tests must not change it."""
    from tfgen.data.tfds import load_tfds

    return once("prepared-data", lambda folder: load_tfds("mnist", DataSources(str(folder), str(mnist_dir))))


@pytest.fixture
def mnist_copy(mnist_dir: Path, tmp_path: Path) -> Path:
    """A copy of MNIST's four files that a test may damage."""
    folder = tmp_path / "manual"
    folder.mkdir()
    for path in mnist_dir.glob("*.gz"):
        shutil.copyfile(path, folder / path.name)
    return folder


@pytest.fixture(scope="session")
def tiny_run(once: Once) -> Path:
    """The folder of a finished run of a very small Real NVP on digits, with two checkpoints; tests must not change it."""
    import tfgen

    runs = once("tiny", lambda folder: tfgen.train(
        "realnvp", data="digits", runs_dir=folder, name="tiny", quiet=True,
        epochs=2, units=8, layers=2, depth=1, compile="graph", checkpoint_seconds=0.0,
    ))  # fmt: skip
    return runs / "tiny"


@pytest.fixture(scope="session")
def classifier_dir(once: Once) -> Path:
    """A data folder that holds the trained classifier of the digits; tests must not change it."""
    from tfgen.data.digits import load_digits
    from tfgen.evaluate.features import feature_network

    return once("classifier", lambda folder: feature_network("classifier", load_digits(), DataSources(str(folder))))


@pytest.fixture
def no_pictures() -> Iterator[None]:
    """Runs that the test trains draw no pictures."""
    with without_pictures():
        yield


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
