"""Download and prepare a data set with tensorflow-datasets; without a network one line names the option to pass."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfgen.errors import DataError, UnknownNameError
from tfgen.printed import say
from tfgen.runtime import load_tensorflow

#: Seconds after which a server that does not answer counts as out of reach.
PATIENCE = 5.0


def catalogue() -> list[str]:
    """Return the names of all sets that tensorflow-datasets can prepare; takes a second, does not import TensorFlow."""
    import tensorflow_datasets as tfds

    return [str(name) for name in tfds.list_builders(with_community_datasets=False)]


def open_builder(name: str, data_dir: Path) -> Any:
    """Return the TFDS builder for `name`, for example ``"cifar10"``, ``"emnist/letters"`` or ``"mnist:3.0.1"``.

    Raises:
        UnknownNameError: when tensorflow-datasets has no such set; gives the closest name it has.
        DataError: when the set has no such version or configuration, or needs a package that is missing.
    """
    import tensorflow_datasets as tfds

    try:
        with quiet():
            return tfds.builder(name, data_dir=str(data_dir), try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        raise UnknownNameError("tensorflow-datasets set", name, catalogue()) from error
    except Exception as error:  # a builder's own code runs here, and may raise anything
        raise DataError(f"{name}: tensorflow-datasets cannot open this set: {_one_line(error)}") from error


def prepare(builder: Any, data_dir: Path, manual_dir: Path | None) -> None:
    """Download and prepare the set under `data_dir`, unless that was done before.

    Files in `manual_dir` take the place of downloads; their sizes and sha256 are checked against those that
    tensorflow-datasets knows.

    Raises:
        DataError: when a file in `manual_dir` is damaged, a file can be had from nowhere, or `data_dir` cannot be
            written.
    """
    if _is_prepared(builder):
        return
    import tensorflow_datasets as tfds

    name = str(builder.name)
    files = {url: info for url, info in (builder.url_infos or {}).items() if info is not None}
    missing = _check_manual_files(name, files, manual_dir)
    _check_writable(data_dir)
    if manual_dir is None and builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        how = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise DataError(f"{name} must be downloaded by hand; pass --manual-dir DIR with the files. {how}")
    offline = bool(missing) and not builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not _reachable(next(iter(missing)))
    if offline and not any((data_dir / "downloads").glob("**/*.INFO")):
        raise _offline(name, missing, data_dir, manual_dir)
    say(f"preparing {name} in {data_dir} (once; may take minutes) ...", error=True)
    load_tensorflow()
    config = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
    try:
        with quiet(), _retries(0 if offline else 4):
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # servers, archives, disks and every builder's own code can fail in any way
        if _is_prepared(builder):  # another process was faster
            return
        if offline:
            raise _offline(name, missing, data_dir, manual_dir) from error
        raise DataError(f"{name}: tensorflow-datasets cannot prepare this set: {_one_line(error)}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep tensorflow-datasets from printing and logging; at a terminal its progress bars are shown."""
    import tensorflow_datasets as tfds
    from absl import logging

    tfds.display_progress_bar(sys.stderr.isatty())
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _is_prepared(builder: Any) -> bool:
    with quiet():
        return bool(builder.is_prepared())


def _check_manual_files(name: str, files: Mapping[str, Any], manual_dir: Path | None) -> dict[str, str]:
    """Check the files that `manual_dir` has; return those that it lacks, as url -> file name."""
    missing = {}
    for url, expected in files.items():
        if manual_dir is None or not expected.filename or not (manual_dir / expected.filename).is_file():
            missing[url] = expected.filename or ""
            continue
        path = manual_dir / expected.filename
        advice = f"fetch it again from {url}, or give the folder of another set's files to that set alone"
        if path.stat().st_size != int(expected.size):
            result = f"it has {path.stat().st_size:,} bytes, not {int(expected.size):,}"
            raise DataError(f"{path} is not the file that {name} needs ({result}); {advice}.")
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected.checksum:
                raise DataError(f"{path} is not the file that {name} needs (its sha256 differs); {advice}.")
    return missing


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"cannot write to {data_dir}: {why}; name another place with --data-dir DIR.") from error


def _reachable(url: str) -> bool:
    """Return whether anything answers at `url`, be it with an error."""
    if not url.startswith("http"):
        return True
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _retries(number: int) -> Iterator[None]:
    """Let TFDS try a download `number` more times; its own 10 take minutes when there is no network."""
    from tensorflow_datasets.core.download import downloader

    before = downloader.MAX_RETRIES
    downloader.MAX_RETRIES = number
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


def _offline(name: str, missing: Mapping[str, str], data_dir: Path, manual_dir: Path | None) -> DataError:
    host = urllib.parse.urlsplit(next(iter(missing))).hostname
    files = sorted(filter(None, missing.values()))
    listed = ", ".join(files[:6]) + (f" and {len(files) - 6} more" if len(files) > 6 else "")
    prepared = "--data-dir DIR, a folder where it is prepared"
    if manual_dir is not None and files:
        advice = f"{manual_dir} lacks {listed}; add them, or pass {prepared}."
    elif files:
        advice = f"pass --manual-dir DIR, a folder with {listed}, or {prepared}."
    else:
        advice = f"pass {prepared}."
    return DataError(f"{name} is not prepared in {data_dir} and {host} cannot be reached; {advice}")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 400 else text[:400] + " ..."
